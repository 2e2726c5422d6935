// What a route of the device API declares of itself, and what it answers.
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { ErrorCode } from '../../errors.js';
import type { DeviceServices } from './services.js';

export const DEVICE_BASE = '/device/v1';

/** A request of an admin whose parameters hold. */
export interface DeviceRequest<Query, Body> {
  /** `admin:{name of the key}`, for the audit log; of an open route `nobody`. */
  actor: string;
  /** Of the path, percent-decoded, otherwise as they came. */
  params: Readonly<Record<string, string>>;
  query: Query;
  body: Body;
  /** Aborted when the client went away before its answer was complete. */
  gone: AbortSignal;
  /** Whether the admin key that was sent is still valid; asked by what goes on for a while before it shows or stores anything. */
  isAllowed: () => boolean;
}

/** JSON, with 200 where no status is given; bytes; or a stream that is destroyed when the client goes away. */
export type DeviceReply<Data> =
  | { json: Data; status?: number }
  | { bytes: Uint8Array; contentType: string; headers?: Readonly<Record<string, string>> }
  | { stream: Readable; contentType: string };

export interface DeviceRouteSpec<Query extends z.ZodType, Body extends z.ZodType, Data extends z.ZodType<object>> {
  /** Of the operation, unique, such as `listCameras`. */
  name: string;
  /** One line for the document. */
  summary: string;
  /** Of the document, where there is more to tell. */
  description?: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the base, such as `/cameras/:cameraId`. */
  path: string;
  /** True: no admin key is asked for. */
  open?: boolean;
  /** A strict object of texts; absent: no parameter is taken. */
  query?: Query;
  /** A strict JSON object; absent: none is taken. */
  body?: Body;
  /** Of the JSON answer; absent: it is another medium. */
  data?: Data;
  /** With which the JSON may come beside 200. */
  statuses?: readonly number[];
  /** Content types that it answers in place of JSON, or beside it. */
  media?: readonly string[];
  /** Foreseen refusals beside those of every route. */
  refusals?: readonly ErrorCode[];
  handle(
    services: DeviceServices,
    request: DeviceRequest<z.output<Query>, z.output<Body>>,
  ): Promise<DeviceReply<z.output<Data>>>;
}

/** A route whose types have been checked against its schemas. */
export type DeviceRoute = DeviceRouteSpec<z.ZodType, z.ZodType, z.ZodType<object>>;

/** Declares a route; its handler sees what its schemas yield. */
export function deviceRoute<Query extends z.ZodType, Body extends z.ZodType, Data extends z.ZodType<object>>(
  spec: DeviceRouteSpec<Query, Body, Data>,
): DeviceRoute {
  return spec;
}
