// Checks of admin keys: the key in the headers of a request, its role, and a limit of wrong keys per address.
import type { IncomingHttpHeaders } from 'node:http';
import { mayAct, type Role } from '../../domain/role.js';
import { clientError } from '../../errors.js';
import type { KeyAuthority, RegisteredKey } from '../../keys/key-registry.js';
import type { AttemptLimit } from '../core/attempt-limit.js';

export const ADMIN_KEY_HEADER = 'x-lintel-admin-key';

/** Returns the admin key in the headers. */
export function readAdminKey(headers: IncomingHttpHeaders): string | undefined {
  const own = headers[ADMIN_KEY_HEADER];
  if (typeof own === 'string' && own !== '') return own;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

/** Checks an admin key. @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS */
export function authenticateKey(
  key: string,
  remoteAddress: string,
  keys: KeyAuthority,
  limit: AttemptLimit,
): RegisteredKey {
  // A valid key is accepted even while its address is blocked: nobody can guess 256 bits, and behind a reverse proxy all requests come
  // from one address, which must stay open to the admin.
  return keys.authenticate(key) ?? refuseWrong(remoteAddress, limit, 'The admin key is unknown or revoked.');
}

/** Counts a wrong key, and refuses it. @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS */
export function refuseWrong(remoteAddress: string, limit: AttemptLimit, detail: string): never {
  if (limit.waitMs(remoteAddress) > 0) {
    throw clientError('TOO_MANY_ATTEMPTS', 'Too many wrong keys came from this address; try again later.');
  }
  limit.countWrong(remoteAddress);
  throw clientError('UNAUTHORIZED_ADMIN_KEY', detail);
}

/** Checks that a role may do what needs at least the role `least`. @throws AppError ROLE_TOO_LOW */
export function requireRole(role: Role | undefined, least: Role): void {
  if (mayAct(role, least)) return;
  const needed = least === 'admin' ? 'the role admin' : `the role ${least} or a higher one`;
  throw clientError(
    'ROLE_TOO_LOW',
    `This needs an admin key with ${needed}; the role of this key is ${role ?? 'none'}.`,
  );
}
