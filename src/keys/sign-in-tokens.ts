// One-time tokens of `lintel console open`: each opens one session of the console, within a minute.
import { createHash, randomBytes } from 'node:crypto';
import { ROLES, type Role } from '../domain/role.js';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { AdminRoute } from '../platform/admin-socket.js';

/** Time in which a token must be used. */
export const TOKEN_LIFETIME_MS = 60_000;
const TOKEN_BYTES = 32;
/** Limit of unused tokens; the oldest gives way. */
const MAX_TOKENS = 16;

/** Name of the sessions that such a token opens, in the audit log as well. No key can have it. */
export const TOKEN_HOLDER = 'console@device';

/** Path on the admin socket: POST makes a token. */
export const TOKEN_PATH = '/console/token';

/** Answer of the admin socket. */
export interface SignInToken {
  /** 43 characters of base64url. */
  token: string;
}

export class SignInTokens {
  readonly #monotonic: Clock;
  /** Digests of the unused tokens, the oldest first. */
  readonly #tokens = new Map<string, { role: Role; madeMs: number }>();

  /** @param monotonic milliseconds from any origin, never set back */
  constructor(monotonic: Clock) {
    this.#monotonic = monotonic;
  }

  /** Makes a token. Only its digest is kept. */
  create(role: Role): SignInToken {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    this.#tokens.set(digest(token), { role, madeMs: this.#monotonic() });
    if (this.#tokens.size > MAX_TOKENS) this.#tokens.delete(this.#tokens.keys().next().value ?? '');
    return { token };
  }

  /** Uses a token up. @returns the role of its session; undefined for a token that is unknown, used or too old */
  redeem(token: string): Role | undefined {
    const place = digest(token);
    const found = this.#tokens.get(place);
    this.#tokens.delete(place);
    return found !== undefined && this.#monotonic() - found.madeMs < TOKEN_LIFETIME_MS ? found.role : undefined;
  }
}

/** Returns the path of the request for a token, with its parameter. */
export function makeTokenRequest(role: Role): string {
  return `${TOKEN_PATH}?${new URLSearchParams({ role }).toString()}`;
}

/** Creates the route of the admin socket. It answers with a SignInToken in JSON. */
export function createTokenRoutes(tokens: Pick<SignInTokens, 'create'>): Record<string, AdminRoute> {
  return {
    async *[`POST ${TOKEN_PATH}`](asked) {
      const role = ROLES.find((one) => one === asked.get('role'));
      if (role === undefined) throw new AppError('INVALID_PARAM', `role must be one of ${ROLES.join(', ')}`);
      yield Buffer.from(JSON.stringify(tokens.create(role)));
    },
  };
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
