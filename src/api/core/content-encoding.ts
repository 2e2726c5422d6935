// Compressed request bodies (Content-Encoding): inflated within the limit of the body and the budget of bytes, or refused.
import { createGunzip, createInflate, createInflateRaw, type Gunzip, type Inflate, type InflateRaw } from 'node:zlib';
import { AppError, clientError } from '../../errors.js';
import type { Reservation } from './byte-budget.js';
import { GrowingBuffer } from './growing-buffer.js';

export type ContentEncoding = 'gzip' | 'deflate';

const ENCODINGS: ReadonlyMap<string, ContentEncoding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
]);

/**
 * Most bytes that a compressed byte may become, once a body is longer than FREE_BYTES. Base64 of a JPEG or PNG shrinks to three quarters, so
 * that real bodies have a ratio of 1.4; that of a bomb is 1,000.
 */
const MAX_RATIO = 20;
const FREE_BYTES = 65_536;
const CHUNK_BYTES = 65_536;

/**
 * Reads the header Content-Encoding of a request.
 * @returns undefined for a body that is not compressed
 * @throws AppError UNSUPPORTED_ENCODING: another encoding, or several
 */
export function parseContentEncoding(header: string | undefined): ContentEncoding | undefined {
  const names = (header ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const [name, ...others] = names.filter((listed) => listed !== '' && listed !== 'identity');
  if (name === undefined) return undefined;
  const encoding = ENCODINGS.get(name);
  if (encoding && others.length === 0) return encoding;
  const problem = others.length > 0 ? 'is compressed more than once' : 'has a Content-Encoding that is not read here';
  throw clientError(
    'UNSUPPORTED_ENCODING',
    `The body ${problem}; send it in gzip or deflate, or as it is without a Content-Encoding.`,
  );
}

export interface InflateRules {
  /** Longest inflated body. */
  maxBytes: number;
  /** Holds the inflated bytes, beside those of the compressed body. */
  reservation: Pick<Reservation, 'hold'>;
}

/**
 * Inflates a whole body on a thread of libuv's pool, piece by piece: what goes beyond a limit is not inflated any further.
 * @returns undefined where the inflated body is longer than maxBytes
 * @throws AppError SERVER_BUSY: the budget is full; INVALID_PARAM: the data are damaged or cut short, or they are a bomb
 */
export async function inflateBody(
  compressed: Buffer,
  encoding: ContentEncoding,
  { maxBytes, reservation }: InflateRules,
): Promise<Buffer | undefined> {
  if (compressed.length === 0) return compressed;
  const body = new GrowingBuffer({ maxBytes, reservation });
  const mostBytes = Math.max(FREE_BYTES, MAX_RATIO * compressed.length);
  let length = 0;
  const inflater = createInflater(compressed, encoding);
  inflater.end(compressed);
  try {
    // Leaving the loop ends the inflater.
    for await (const piece of inflater as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > mostBytes) {
        const detail = `The body is refused: it inflates to more than ${MAX_RATIO} times its size.`;
        throw clientError('INVALID_PARAM', detail);
      }
      const problem = body.append(piece);
      if (problem === 'too-long') return undefined;
      if (problem) throw clientError('INVALID_PARAM', 'The body is compressed in too many small pieces.');
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    const detail = `The body is not whole and undamaged ${encoding} data, although its Content-Encoding says so.`;
    throw clientError('INVALID_PARAM', detail, error);
  }
  return body.take();
}

/** HTTP's deflate has the header of zlib (RFC 9110, section 8.4.1.2), but some clients leave it out. */
function createInflater(compressed: Buffer, encoding: ContentEncoding): Gunzip | Inflate | InflateRaw {
  const options = { chunkSize: CHUNK_BYTES };
  if (encoding === 'gzip') return createGunzip(options);
  const [method = 0, flags = 0] = compressed;
  // RFC 1950, section 2.2.
  const hasHeader = (method & 0x0f) === 8 && ((method << 8) | flags) % 31 === 0;
  return hasHeader ? createInflate(options) : createInflateRaw(options);
}
