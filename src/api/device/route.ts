// Routes of the device API: the fields that they declare beside those that both APIs share, and the types of their answers.
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Role } from '../../domain/role.js';
import type { ErrorCode } from '../../errors.js';
import type { Credentials } from '../core/http-api.js';
import type { RouteDeclaration, RouteRequest } from '../core/route.js';
import type { Caller } from './access.js';
import type { DeviceServices } from './services.js';

export const DEVICE_BASE = '/device/v1';

/** A checked request, on behalf of an admin. */
export type AdminRequest<Path extends string, Query, Body> = RouteRequest<Path, Query, Body> &
  /** A handler that takes a while calls `isAllowed` before it shows or stores anything. */
  Caller & {
    /** Value of the header Last-Event-ID: the last message that the client of a stream has. */
    lastEventId: string | undefined;
    credentials: Credentials;
  };

/** Answer of a route: JSON (status 200 by default), bytes, or a stream that is destroyed when the client closes the connection. */
export type DeviceReply<Data = object> =
  | { json: Data; status?: number; headers?: Readonly<Record<string, string | string[]>> }
  | { bytes: Uint8Array; contentType: string; headers?: Readonly<Record<string, string>> }
  | { stream: Readable; contentType: string };

interface DeviceRouteSpec<
  Path extends string,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Data extends z.ZodType<object>,
> extends RouteDeclaration<Path, Query, Body, Data> {
  /** Least role of the admin key; `none` for a route that asks for no key. */
  role: Role | 'none';
  /** Statuses that the JSON answer may have beside 200. */
  statuses?: readonly number[];
  /** Content types of answers that are not JSON. */
  media?: readonly string[];
  /** Foreseen errors beside those of every route. */
  refusals?: readonly ErrorCode[];
  /** Checks a request before its body is read. @throws AppError */
  check?: (services: DeviceServices, credentials: Credentials) => void;
  handle(
    services: DeviceServices,
    request: AdminRequest<Path, z.output<Query>, z.output<Body>>,
  ): Promise<DeviceReply<z.output<Data>>>;
}

/** A route whose handler has been checked against its schemas. */
export type DeviceRoute = DeviceRouteSpec<string, z.ZodType, z.ZodType, z.ZodType<object>>;

/** Declares a route; its handler receives the output of its schemas. */
export function deviceRoute<
  Path extends string,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Data extends z.ZodType<object>,
>(spec: DeviceRouteSpec<Path, Query, Body, Data>): DeviceRoute {
  return spec;
}
