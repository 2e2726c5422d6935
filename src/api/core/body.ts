// Request bodies: read within a limit, parsed as a JSON object, or discarded within a limit.
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { clientError } from '../../errors.js';

/** Part of an unwanted body that is still read, so that the client receives its answer; after it the connection is closed. */
export const MAX_DISCARDED_BYTES = 64_000_000;

/** Thrown when the client closes the connection before its request is complete. No answer is sent then. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/**
 * @returns the whole body, or undefined when it is longer than maxBytes: the rest of it must then be read or discarded
 * @throws ClientGone
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  const ended = await consume(request, (chunk) => {
    length += chunk.length;
    if (length > maxBytes) return false;
    chunks.push(chunk);
    return true;
  });
  if (!ended) return undefined;
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, length);
}

/** Reads the rest of a body and discards it. @returns whether it ended within maxBytes, before the client closed the connection */
export async function discardBody(request: IncomingMessage, maxBytes = MAX_DISCARDED_BYTES): Promise<boolean> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return request.readableEnded;
  let left = maxBytes;
  try {
    return await consume(request, (chunk) => (left -= chunk.length) >= 0);
  } catch {
    return false;
  }
}

/**
 * Parses a body as JSON.
 * @param wanted what the operation takes, for the message
 * @throws AppError INVALID_PARAM: the body is empty, not UTF-8, not JSON, or not an object
 */
export function parseJsonObject(body: Buffer, wanted: string): Record<string, unknown> {
  if (body.length === 0) throw clientError('INVALID_PARAM', 'The body is empty; it must be a JSON object.');
  const foreign = nameForeignBody(body);
  if (foreign !== undefined) throw clientError('INVALID_PARAM', `The body is ${foreign}; it must be ${wanted}.`);
  if (!isUtf8(body)) throw clientError('INVALID_PARAM', 'The body must be UTF-8.');
  const hasByteOrderMark = body.length >= 3 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8', hasByteOrderMark ? 3 : 0));
  } catch {
    // The parser's own message quotes the body, so it is neither passed on nor kept as a cause.
    throw clientError('INVALID_PARAM', 'The body is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw clientError('INVALID_PARAM', 'The body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

/** Contents that clients send in place of JSON, by their first bytes (Latin-1). No JSON begins like any of them. */
const FOREIGN_BODIES: readonly [RegExp, string][] = [
  [/^\x1f\x8b/, 'compressed (gzip)'],
  [/^\xff\xd8\xff/, 'a JPEG file'],
  [/^\x89PNG\r\n/, 'a PNG file'],
  [/^(\r\n)?--[^\r\n]{1,70}\r?\n/, 'multipart'],
];

function nameForeignBody(body: Buffer): string | undefined {
  const start = body.toString('latin1', 0, 80);
  return FOREIGN_BODIES.find(([pattern]) => pattern.test(start))?.[1];
}

/** Calls `take` with each chunk until the end (true) or until it returns false; the stream is then paused. @throws ClientGone */
async function consume(request: IncomingMessage, take: (chunk: Buffer) => boolean): Promise<boolean> {
  if (request.readableEnded) return true;
  if (request.destroyed) throw new ClientGone('the connection was closed');
  return new Promise<boolean>((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      if (take(chunk)) return;
      settle();
      request.pause();
      resolve(false);
    };
    const onEnd = () => {
      settle();
      resolve(true);
    };
    const onGone = () => {
      settle();
      reject(new ClientGone('the connection was closed'));
    };
    const settle = () => request.off('data', onData).off('end', onEnd).off('close', onGone);
    // The error listener stays: an abort after this point must not become an uncaught exception.
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
    request.resume();
  });
}
