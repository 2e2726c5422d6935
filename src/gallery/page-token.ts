// Page tokens: opaque to the client, authenticated, bound to one listing, and short-lived.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../domain/time.js';
import { clientError, type AppError } from '../errors.js';

const LIFETIME_MS = 10 * 60_000;
const VERSION = 1;
/** Version (1), expiry in milliseconds (6), limit (2); the cursor follows, then the tag. */
const HEADER_BYTES = 9;
const TAG_BYTES = 32;
const MAX_TOKEN_LENGTH = 2_048;

export interface PageTokensOptions {
  /** 32 bytes, for this purpose alone. */
  key: Uint8Array;
  clock: Clock;
}

export interface PagePosition {
  /** Where the next page begins; the listing's own affair. */
  cursor: string;
  limit: number;
}

/**
 * Tokens are base64url. The scope (owner, listing, group) is not in the token but under its HMAC-SHA256, so that it tells nothing and
 * opens nothing elsewhere.
 */
export class PageTokens {
  readonly #options: PageTokensOptions;

  constructor(options: PageTokensOptions) {
    this.#options = options;
  }

  /** @param limit 1..65535 */
  issue(scope: readonly string[], { cursor, limit }: PagePosition): string {
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = VERSION;
    header.writeUIntBE(this.#options.clock() + LIFETIME_MS, 1, 6);
    header.writeUInt16BE(limit, 7);
    const payload = Buffer.concat([header, Buffer.from(cursor)]);
    return Buffer.concat([payload, this.#tag(scope, payload)]).toString('base64url');
  }

  /** @throws AppError INVALID_TOKEN: not issued here, for another listing, altered or expired */
  read(scope: readonly string[], token: string): PagePosition {
    if (token.length > MAX_TOKEN_LENGTH) throw invalid();
    const bytes = Buffer.from(token, 'base64url');
    // Node skips what is no base64url; one token must have one spelling.
    if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes.toString('base64url') !== token) throw invalid();
    const payload = bytes.subarray(0, bytes.length - TAG_BYTES);
    if (!timingSafeEqual(this.#tag(scope, payload), bytes.subarray(payload.length))) throw invalid();
    if (payload[0] !== VERSION || payload.readUIntBE(1, 6) <= this.#options.clock()) throw invalid();
    return { limit: payload.readUInt16BE(7), cursor: payload.toString('utf8', HEADER_BYTES) };
  }

  #tag(scope: readonly string[], payload: Buffer): Buffer {
    // JSON and a zero byte, which JSON never holds: no scope and payload read as another pair.
    return createHmac('sha256', this.#options.key)
      .update(`${JSON.stringify(scope)}\0`)
      .update(payload)
      .digest();
  }
}

function invalid(): AppError {
  return clientError('INVALID_TOKEN', 'The parameter next-token is not valid here or has expired.');
}
