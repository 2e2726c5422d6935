// Routes of the NHN API, and the dialects that they form.
import type { z } from 'zod';
import type { RouteDeclaration, RouteRequest } from '../core/route.js';
import type { Reply } from './envelope.js';
import type { Services } from './services.js';

/** A checked request, on behalf of an appKey. */
export type AppRequest<Path extends string, Query, Body> = RouteRequest<Path, Query, Body> & {
  /** Id of the appKey. */
  owner: string;
  /** Name of the appKey as the audit log writes it: `app:{name}`. */
  actor: string;
};

interface RouteSpec<
  Path extends string,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Data extends z.ZodType<object>,
> extends RouteDeclaration<Path, Query, Body, Data> {
  handle(
    services: Services,
    request: AppRequest<Path, z.output<Query>, z.output<Body>>,
  ): Promise<Reply<z.output<Data>>>;
}

/** A route whose handler has been checked against its schemas. */
export type Route = RouteSpec<string, z.ZodType, z.ZodType, z.ZodType<object>>;

/** Declares a route; its handler receives the output of its schemas. */
export function route<
  Path extends string,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Data extends z.ZodType<object>,
>(spec: RouteSpec<Path, Query, Body, Data>): Route {
  return spec;
}

/** One version of the NHN API: its routes, under one base path. */
export interface Dialect {
  /** Short name, such as `v1`. */
  name: string;
  /** Version as clients know it, such as `v1.0`. */
  version: string;
  /** Base path; it contains `:appKey`. */
  base: string;
  /** Whether the Authorization header must hold the secretKey of the appKey. */
  asksForSecretKey: boolean;
  routes: readonly Route[];
}
