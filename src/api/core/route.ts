// Declaration of a route: what both APIs say about an operation, and what its handler receives.
import type { z } from 'zod';

/** Names of the `:parameters` in a path pattern, such as `groupId` in `/groups/:groupId`. */
type ParameterNames<Path extends string> = string extends Path
  ? string
  : Path extends `${string}:${infer Name}/${infer Rest}`
    ? Name | ParameterNames<`/${Rest}`>
    : Path extends `${string}:${infer Name}`
      ? Name
      : never;

/** Values of the `:parameters` in a path pattern, by name. */
export type PathParams<Path extends string> = { readonly [Name in ParameterNames<Path>]: string };

/** A request whose parameters have been checked. */
export interface RouteRequest<Path extends string, Query, Body> {
  /** Parameters of the path, percent-decoded and not checked. */
  params: PathParams<Path>;
  query: Query;
  body: Body;
  /** Aborted when the client closes the connection before its answer is complete. */
  gone: AbortSignal;
}

/** The part of a route that both APIs share; each API adds its own fields and the type of its handler. */
export interface RouteDeclaration<
  Path extends string,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Data extends z.ZodType<object>,
> {
  /** Name of the operation, such as `createGroup`; unique in its API or dialect. */
  name: string;
  /** One line for the OpenAPI document. */
  summary: string;
  /** Longer text for the OpenAPI document. */
  description?: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Pattern below the base path, such as `/groups/:groupId`. */
  path: Path;
  /** Schema of the query: an object of texts. */
  query?: Query;
  /** Schema of the JSON body: an object. */
  body?: Body;
  /** Schema of a multipart form that is accepted in place of the JSON body; its output is that of `body`. */
  form?: z.ZodType<z.output<Body>>;
  /**
   * Content types of a body that is one picture file, for the OpenAPI document; any other type of picture and application/octet-stream are
   * read as well. `body` is then the schema of its bytes.
   */
  pictureTypes?: readonly string[];
  /** Fields of the body that hold pictures; the limit on the length of the body follows from their number. */
  imageFields?: readonly string[];
  /** Schema of the answer's data. */
  data?: Data;
}

/** Any route, as the core reads it. */
export type AnyRoute = RouteDeclaration<string, z.ZodType, z.ZodType, z.ZodType<object>>;
