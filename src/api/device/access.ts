// Who is behind a request to the device API: the holder of an admin key, by the key itself or by a session.
import type { Config } from '../../config/schema.js';
import type { Role } from '../../domain/role.js';
import { clientError } from '../../errors.js';
import type { AdminKeys, RegisteredKey } from '../../keys/key-registry.js';
import type { OpenSession, Sessions } from '../../keys/sessions.js';
import type { AttemptLimit } from '../core/attempt-limit.js';
import type { Credentials } from '../core/http-api.js';
import { authenticateKey, readAdminKey, refuseWrong, requireRole } from './admin-auth.js';
import {
  listChannels,
  readCookies,
  requireChannels,
  requireOwnOrigin,
  requireSignInChannel,
  type Channel,
} from './channels.js';

/** Header of a request that follows from an act of the user: it prolongs the session. */
export const ACTIVE_HEADER = 'x-lintel-active';

/** The caller of an accepted request. */
export interface Caller {
  /** `admin:{name of the key}`, for the audit log; `nobody` on an open route. */
  actor: string;
  /** Id of the admin key behind the request; absent on an open route, and for a session of a one-time link. */
  keyId?: string;
  /** The session, where the request has one in place of the key. */
  session?: OpenSession;
  /** Tells whether the key is still valid and the session still open. */
  isAllowed: () => boolean;
}

export interface AccessParts {
  adminKeys: AdminKeys;
  sessions: Sessions;
  attempts: AttemptLimit;
  console: Pick<Config['console'], 'enabled' | 'publicOrigin'>;
}

export class Access {
  readonly #parts: AccessParts;

  constructor(parts: AccessParts) {
    this.#parts = parts;
  }

  /** @throws AppError INSECURE_SIGN_IN, and NOT_FOUND where the console is switched off */
  requireChannels(credentials: Credentials): Channel[] {
    return requireChannels(credentials, this.#requireConsole());
  }

  /** @throws AppError INSECURE_SIGN_IN, FOREIGN_ORIGIN, and NOT_FOUND where the console is switched off */
  requireSignInChannel(credentials: Credentials): Channel {
    return requireSignInChannel(credentials, this.#requireConsole());
  }

  /**
   * Finds the caller of a request. A key in a header comes first: then cookies do not count, and the origin of the page does not either.
   * @param least role that the caller must have
   * @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS, SESSION_ENDED, FOREIGN_ORIGIN, ROLE_TOO_LOW
   */
  require(credentials: Credentials, least: Role): Caller {
    const { adminKeys } = this.#parts;
    const key = readAdminKey(credentials.headers);
    if (key !== undefined) {
      const { id, name, role } = this.authenticate(key, credentials.remoteAddress);
      requireRole(role, least);
      return { actor: `admin:${name}`, keyId: id, isAllowed: () => adminKeys.find(id) !== undefined };
    }
    const session = this.findSession(credentials);
    if (session === undefined) throw clientError('UNAUTHORIZED_ADMIN_KEY', NEEDED);
    requireRole(session.role, least);
    return this.#actFor(session, credentials);
  }

  /** Tells whether a request has a key or the cookie of a session, valid or not. */
  hasCredentials(credentials: Credentials): boolean {
    if (readAdminKey(credentials.headers) !== undefined) return true;
    return listChannels(credentials, this.#parts.console.publicOrigin).some(
      ({ cookieName }) => readCookies(credentials.headers.cookie, cookieName).length > 0,
    );
  }

  /** Checks an admin key. @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS */
  authenticate(key: string, remoteAddress: string): RegisteredKey {
    return authenticateKey(key, remoteAddress, this.#parts.adminKeys, this.#parts.attempts);
  }

  /** Refuses a one-time token that opens nothing, and counts it like a wrong key. @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS */
  refuseToken(remoteAddress: string): never {
    return refuseWrong(
      remoteAddress,
      this.#parts.attempts,
      'The link was used before, or is older than a minute: make a new one.',
    );
  }

  /** Finds the session of a request by its cookie; undefined where it has no cookie. @throws AppError SESSION_ENDED, FOREIGN_ORIGIN */
  findSession(credentials: Credentials): OpenSession | undefined {
    for (const channel of listChannels(credentials, this.#parts.console.publicOrigin)) {
      const [secret, ...others] = readCookies(credentials.headers.cookie, channel.cookieName);
      if (secret === undefined) continue;
      requireOwnOrigin(credentials, channel);
      // Of two cookies with the same name, one may have been planted.
      const session = others.length === 0 ? this.#parts.sessions.find(secret, channel.cookieName) : undefined;
      if (session === undefined) throw clientError('SESSION_ENDED', ENDED);
      return session;
    }
    return undefined;
  }

  /** @returns the origin of the reverse proxy @throws AppError NOT_FOUND */
  #requireConsole(): string | undefined {
    const { enabled, publicOrigin } = this.#parts.console;
    if (!enabled)
      throw clientError('NOT_FOUND', 'The console is switched off by console.enabled of the configuration.');
    return publicOrigin;
  }

  #actFor(session: OpenSession, { method, headers }: Credentials): Caller {
    const { sessions } = this.#parts;
    // What the page fetches by itself does not keep a session alive: nobody may be sitting before it.
    const isAct = method !== 'GET' || headers[ACTIVE_HEADER] === '1';
    const current = (isAct ? sessions.touch(session.id) : undefined) ?? session;
    const { id, name, keyId } = current;
    return {
      actor: `admin:${name}`,
      ...(keyId === undefined ? {} : { keyId }),
      session: current,
      isAllowed: () => sessions.isOpen(id),
    };
  }
}

const NEEDED = 'An admin key is needed: Authorization: Bearer KEY, or X-Lintel-Admin-Key: KEY.';
const ENDED = 'The session has ended, or never was one of this device: sign in again.';
