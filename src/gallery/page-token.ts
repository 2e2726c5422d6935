// Page tokens: opaque to clients, authenticated, valid for one listing and for ten minutes.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../domain/time.js';
import { clientError, type AppError } from '../errors.js';

const LIFETIME_MS = 10 * 60_000;
const VERSION = 1;
/** Bytes before the cursor: version (1), expiry in milliseconds (6), limit (2). The tag follows the cursor. */
const HEADER_BYTES = 9;
const TAG_BYTES = 32;
const MAX_TOKEN_LENGTH = 2_048;

export interface PageTokensOptions {
  /** 32 bytes; used for nothing else. */
  key: Uint8Array;
  clock: Clock;
}

export interface PagePosition {
  /** Place where the next page begins, in a form that the listing chooses. */
  cursor: string;
  limit: number;
}

/**
 * Tokens are base64url. The scope (owner, listing, group) is not part of a token, only of its HMAC-SHA256: so a token reveals nothing, and
 * is not valid for another listing.
 */
export class PageTokens {
  readonly #options: PageTokensOptions;

  constructor(options: PageTokensOptions) {
    this.#options = options;
  }

  /** Makes a token. @param limit 1..65535 */
  issue(scope: readonly string[], { cursor, limit }: PagePosition): string {
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = VERSION;
    header.writeUIntBE(this.#options.clock() + LIFETIME_MS, 1, 6);
    header.writeUInt16BE(limit, 7);
    const payload = Buffer.concat([header, Buffer.from(cursor)]);
    return Buffer.concat([payload, this.#tag(scope, payload)]).toString('base64url');
  }

  /** Reads a token. @throws AppError INVALID_TOKEN: not issued here, for another listing, altered or expired */
  read(scope: readonly string[], token: string): PagePosition {
    if (token.length > MAX_TOKEN_LENGTH) throw invalid();
    const bytes = Buffer.from(token, 'base64url');
    // Node ignores characters that are not base64url. Two spellings of one token are not allowed.
    if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes.toString('base64url') !== token) throw invalid();
    const payload = bytes.subarray(0, bytes.length - TAG_BYTES);
    if (!timingSafeEqual(this.#tag(scope, payload), bytes.subarray(payload.length))) throw invalid();
    if (payload[0] !== VERSION || payload.readUIntBE(1, 6) <= this.#options.clock()) throw invalid();
    return { limit: payload.readUInt16BE(7), cursor: payload.toString('utf8', HEADER_BYTES) };
  }

  #tag(scope: readonly string[], payload: Buffer): Buffer {
    // JSON never contains a zero byte: no other pair of scope and payload gives the same bytes.
    return createHmac('sha256', this.#options.key)
      .update(`${JSON.stringify(scope)}\0`)
      .update(payload)
      .digest();
  }
}

function invalid(): AppError {
  return clientError('INVALID_TOKEN', 'The parameter next-token is not valid here or has expired.');
}
