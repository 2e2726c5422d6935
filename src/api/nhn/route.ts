// What a route declares of its wire, and how a request passes through it in the contract's order of checks.
import type { RouterMiddleware } from '@koa/router';
import type { z } from 'zod';
import { clientError } from '../../errors.js';
import type { RegisteredKey, SecretKeyAuthority } from '../../keys/key-registry.js';
import { parseJsonObject, readBody } from '../core/body.js';
import type { Reply, RequestState } from './envelope.js';
import { oversizeImages } from '../core/image-input.js';
import { isMultipart, parseMultipart } from '../core/multipart.js';
import { checked } from './parameters.js';
import type { Services } from './services.js';

/** A request whose parameters hold. */
export interface RouteRequest<Query, Body> {
  /** The id of the appKey. */
  owner: string;
  /** The appKey's name, as the audit log writes it: `app:{name}`. */
  actor: string;
  /** Of the path, percent-decoded, otherwise as they came. */
  params: Readonly<Record<string, string>>;
  query: Query;
  body: Body;
}

export interface RouteSpec<Query extends z.ZodType, Body extends z.ZodType, Data extends z.ZodType<object>> {
  /** Of the operation, unique in its dialect, such as `createGroup`. */
  name: string;
  /** One line for the document. */
  summary: string;
  method: 'GET' | 'POST' | 'DELETE';
  /** Below the base of the dialect, such as `/groups/:groupId`. */
  path: string;
  /** Of an object of texts; a parameter that it does not know is ignored. */
  query?: Query;
  /** Of a JSON object; a field that it does not know is ignored. */
  body?: Body;
  /** Of the fields of a multipart form, which may then come in place of the JSON object and yields what that yields. */
  form?: z.ZodType<z.output<Body>>;
  /** What it answers; absent: a header alone. */
  data?: Data;
  /** The fields of the body that hold pictures. */
  imageFields?: readonly string[];
  handle(services: Services, request: RouteRequest<z.output<Query>, z.output<Body>>): Promise<Reply<z.output<Data>>>;
}

/** A route whose types have been checked against its schemas. */
export type Route = RouteSpec<z.ZodType, z.ZodType, z.ZodType<object>>;

/** A set of routes under one base path: one way to write the operations on the wire. */
export interface Dialect {
  /** Short, such as `v1`. */
  name: string;
  /** As clients know it, such as `v1.0`. */
  version: string;
  /** Has `:appKey` in it. */
  base: string;
  /** Whether the header Authorization must hold the secretKey of the appKey. */
  asksForSecretKey: boolean;
  routes: readonly Route[];
}

export interface RouteContext {
  appKeys: SecretKeyAuthority;
  services: Services;
  maxImageBytes: number;
}

/** Declares a route; its handler sees what its schemas yield. */
export function route<Query extends z.ZodType, Body extends z.ZodType, Data extends z.ZodType<object>>(
  spec: RouteSpec<Query, Body, Data>,
): Route {
  return spec;
}

/** Room for everything of a body that is no picture. */
const BODY_SLACK_BYTES = 65_536;
/** Base64 needs 4/3; some JSON writers escape each of its slashes. */
const BASE64_FACTOR = 1.4;
/** Stands for a picture in a body that was too long to be read, so that the other parameters take their defaults. */
const UNREAD_IMAGE = { bytes: '' };

/** appKey, body and parameters; the rest of the order is the operation's. */
export function handleRoute(route: Route, dialect: Dialect, context: RouteContext): RouterMiddleware<RequestState> {
  const { appKeys, services, maxImageBytes } = context;
  const pattern = dialect.base + route.path;
  const imageFields = route.imageFields ?? [];
  const maxBodyBytes = BODY_SLACK_BYTES + Math.ceil(imageFields.length * BASE64_FACTOR * maxImageBytes);

  return async (ctx) => {
    ctx.state.route = pattern;
    const { appKey, ...params } = ctx.params;
    const caller = authenticated(appKeys, dialect, appKey, ctx.get('authorization'));

    const query: unknown = route.query ? checked(route.query, textsOf(ctx.querystring)) : undefined;
    let body: unknown;
    let usable = services;
    if (route.body) {
      const bytes = await readBody(ctx.req, maxBodyBytes);
      if (bytes) {
        const contentType = ctx.get('content-type');
        body =
          route.form && isMultipart(contentType)
            ? checked(route.form, parseMultipart(bytes, contentType))
            : checked(route.body, parseJsonObject(bytes));
      } else if (imageFields.length > 0) {
        body = checked(route.body, Object.fromEntries(imageFields.map((field) => [field, UNREAD_IMAGE])));
        usable = { ...services, images: oversizeImages };
      } else {
        throw clientError('INVALID_PARAM', `The body is longer than ${maxBodyBytes} bytes.`);
      }
    }
    ctx.state.reply = await route.handle(usable, {
      owner: caller.id,
      actor: `app:${caller.name}`,
      params,
      query,
      body,
    });
  };
}

/** @throws AppError UNAUTHORIZED_APP_KEY, UNAUTHORIZED_APP_KEY_OR_SECRET_KEY */
function authenticated(
  appKeys: SecretKeyAuthority,
  dialect: Dialect,
  appKey: string,
  authorization: string,
): RegisteredKey {
  if (dialect.asksForSecretKey) {
    const caller = appKeys.authenticateWithSecret(appKey, authorization);
    if (caller) return caller;
    const detail = 'The appKey is unknown or revoked, or the Authorization header does not hold its secretKey.';
    throw clientError('UNAUTHORIZED_APP_KEY_OR_SECRET_KEY', detail);
  }
  const caller = appKeys.authenticate(appKey);
  if (!caller) throw clientError('UNAUTHORIZED_APP_KEY', 'The appKey is unknown or revoked.');
  return caller;
}

/** A parameter that is given twice becomes an array, which no schema takes. */
function textsOf(querystring: string): Record<string, unknown> {
  const texts = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of new URLSearchParams(querystring)) texts[name] = name in texts ? [] : value;
  return texts;
}
