// Reading of a request's query and body, and their check against the schemas of the route.
import type { IncomingMessage } from 'node:http';
import { clientError } from '../../errors.js';
import { createTooLargeError } from './base64.js';
import { countBodyBytes, readBody } from './body.js';
import type { Reservation } from './byte-budget.js';
import { inflateBody, parseContentEncoding } from './content-encoding.js';
import { parseJsonObject } from './json-body.js';
import { isMultipart, parseMultipart } from './multipart.js';
import { checkInput, noFields, parseQuery } from './parameters.js';
import type { RequestLimits } from './request-limits.js';
import type { AnyRoute } from './route.js';

/** How an API treats the input of its requests. */
export interface InputRules {
  /** Refuse unknown query parameters, and a body where the route takes none; otherwise both are ignored. */
  isStrict: boolean;
  /** Longest body without its pictures, in bytes. */
  maxFieldsBytes: number;
  /** Longest picture file, in bytes; 0 for an API that takes no pictures. */
  maxImageBytes: number;
}

export interface RequestInput {
  query: unknown;
  body: unknown;
  /** True for a body that was too long even for the largest pictures. It was not read: each picture in `body` is a placeholder. */
  isTooLong: boolean;
}

/** Stands for a picture in a body that was too long to be read, so that the other parameters take their defaults. */
const UNREAD_IMAGE = { bytes: '' };

/** Content types of a body that is one picture file. The bytes tell which kind of picture it is. */
const PICTURE_TYPE = /^(image\/[\w.+-]+|application\/octet-stream)[ \t]*(;|$)/i;

/** A body above this size is parsed in a turn of its own. */
const LARGE_BYTES = 65_536;

export interface InputSource {
  request: IncomingMessage;
  querystring: string;
  limits: RequestLimits;
  /** Holds the bytes of the body, until the request is answered. */
  reservation: Reservation;
}

/**
 * Reads the query and the body of a request, and checks them.
 * @throws AppError INVALID_PARAM; UNSUPPORTED_ENCODING; IMAGE_TOO_LARGE, INVALID_IMAGE_FORMAT: the body is one picture file, and too long, or
 * of another type; SERVER_BUSY: the budget of bytes is full
 * @throws ClientGone
 */
export async function readInput(source: InputSource, route: AnyRoute, rules: InputRules): Promise<RequestInput> {
  const { request, querystring, limits, reservation } = source;
  const { imageFields = [] } = route;
  const querySchema = route.query ?? (rules.isStrict ? noFields : undefined);
  const query: unknown = querySchema && checkInput(querySchema, parseQuery(querystring), 'parameter');
  const takesBody = route.body !== undefined || (rules.isStrict && route.method !== 'GET');
  if (!takesBody) return { query, body: undefined, isTooLong: false };

  const schema = route.body ?? noFields;
  if (route.pictureTypes) {
    const picture = await readPicture(source, rules.maxImageBytes);
    return { query, body: checkInput(schema, picture, 'field'), isTooLong: false };
  }
  const maxBytes = countBodyBytes(imageFields.length, rules);
  const encoding = parseContentEncoding(request.headers['content-encoding']);
  const sent = await readBody(request, { maxBytes, budget: limits.budget, reservation });
  const bytes = sent && encoding ? await inflateBody(sent, encoding, { maxBytes, reservation }) : sent;
  if (bytes === undefined) {
    if (imageFields.length === 0) throw clientError('INVALID_PARAM', `The body is longer than ${maxBytes} bytes.`);
    const placeholders = Object.fromEntries(imageFields.map((field) => [field, UNREAD_IMAGE]));
    return { query, body: checkInput(schema, placeholders, 'field'), isTooLong: true };
  }
  if (route.body === undefined && bytes.length === 0) return { query, body: undefined, isTooLong: false };
  if (bytes.length > LARGE_BYTES) await limits.turns.take();
  const contentType = request.headers['content-type'] ?? '';
  if (route.form && isMultipart(contentType)) {
    return { query, body: checkInput(route.form, parseMultipart(bytes, contentType), 'field'), isTooLong: false };
  }
  const { maxFieldsBytes, maxImageBytes } = rules;
  const jsonRules = { wanted: describeWantedBody(route), imageFields, maxFieldsBytes, maxImageBytes };
  const fields = await parseJsonObject(bytes, jsonRules, limits.turns);
  return { query, body: checkInput(schema, fields, 'field'), isTooLong: false };
}

/** Reads a body that is one picture file. @returns its bytes, which have an ArrayBuffer of their own; not yet examined */
async function readPicture({ request, limits, reservation }: InputSource, maxBytes: number): Promise<Uint8Array> {
  if (!PICTURE_TYPE.test(request.headers['content-type'] ?? '')) {
    const detail = 'The body must be a picture file, with its Content-Type: image/jpeg or image/png.';
    throw clientError('INVALID_IMAGE_FORMAT', detail);
  }
  const encoding = parseContentEncoding(request.headers['content-encoding']);
  const sent = await readBody(request, { maxBytes, budget: limits.budget, reservation });
  const bytes = sent && encoding ? await inflateBody(sent, encoding, { maxBytes, reservation }) : sent;
  if (bytes === undefined) throw createTooLargeError(maxBytes);
  if (bytes.length === 0) throw clientError('INVALID_IMAGE_FORMAT', 'The picture is an empty file.');
  return bytes;
}

/** Returns the body that a route takes, as the end of a sentence. */
function describeWantedBody({ form, imageFields = [] }: AnyRoute): string {
  const json =
    imageFields.length === 0 ? 'a JSON object' : 'a JSON object with the picture in it, in base64 or as a url';
  return form ? `${json}, or multipart/form-data with that Content-Type` : json;
}
