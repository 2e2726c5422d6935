// Authentication of an admin: the key in the headers of a request, under a limit of wrong keys per address.
import type { IncomingHttpHeaders } from 'node:http';
import { clientError } from '../../errors.js';
import type { KeyAuthority } from '../../keys/key-registry.js';
import type { AttemptLimit } from '../core/attempt-limit.js';
import type { Credentials } from '../core/http-api.js';

export const ADMIN_KEY_HEADER = 'x-lintel-admin-key';

/** Checks the admin key in the headers. @returns the name of the key @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS */
export function authenticateAdmin(
  { headers, remoteAddress }: Pick<Credentials, 'headers' | 'remoteAddress'>,
  keys: KeyAuthority,
  limit: AttemptLimit,
): string {
  const key = readAdminKey(headers);
  // A request without a key does not count as a wrong attempt.
  if (key === undefined) throw clientError('UNAUTHORIZED_ADMIN_KEY', NEEDED);
  // A valid key is accepted even while its address is blocked: nobody can guess 256 bits, and behind a reverse proxy all requests come
  // from one address, which must stay open to the admin.
  const found = keys.authenticate(key);
  if (found) return found.name;
  if (limit.waitMs(remoteAddress) > 0) throw clientError('TOO_MANY_ATTEMPTS', TOO_MANY);
  limit.countWrong(remoteAddress);
  throw clientError('UNAUTHORIZED_ADMIN_KEY', 'The admin key is unknown or revoked.');
}

/** Tells whether the key of an accepted request is still valid: it may have been revoked since. */
export function isStillAdmin(headers: IncomingHttpHeaders, keys: KeyAuthority): boolean {
  const key = readAdminKey(headers);
  return key !== undefined && keys.authenticate(key) !== undefined;
}

const NEEDED = 'An admin key is needed: Authorization: Bearer KEY, or X-Lintel-Admin-Key: KEY.';
const TOO_MANY = 'Too many wrong keys came from this address; try again later.';

function readAdminKey(headers: IncomingHttpHeaders): string | undefined {
  const own = headers[ADMIN_KEY_HEADER];
  if (typeof own === 'string' && own !== '') return own;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}
