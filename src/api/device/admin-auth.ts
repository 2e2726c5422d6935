// Who asks: the admin key of a request, from its header, under the limit of wrong ones.
import type { IncomingHttpHeaders } from 'node:http';
import { clientError } from '../../errors.js';
import type { KeyAuthority } from '../../keys/key-registry.js';
import type { AttemptLimit } from '../core/attempt-limit.js';

export const ADMIN_KEY_HEADER = 'x-lintel-admin-key';

export interface Caller {
  headers: IncomingHttpHeaders;
  /** Of the other end of the connection. */
  address: string;
}

/** @returns the name of the key @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS */
export function adminOf({ headers, address }: Caller, keys: KeyAuthority, limit: AttemptLimit): string {
  const key = keyOf(headers);
  // Who brings none guesses none.
  if (key === undefined) throw clientError('UNAUTHORIZED_ADMIN_KEY', NEEDED);
  // Nobody guesses a right one, of 256 bits, and behind a reverse proxy all come from one address: it must not be closed to the admin.
  const found = keys.authenticate(key);
  if (found) return found.name;
  if (limit.waitMs(address) > 0) throw clientError('TOO_MANY_ATTEMPTS', TOO_MANY);
  limit.wrong(address);
  throw clientError('UNAUTHORIZED_ADMIN_KEY', 'The admin key is unknown or revoked.');
}

/** Whether the key of a request that was let in is still valid: it may have been revoked since. */
export function isStillAdmin(headers: IncomingHttpHeaders, keys: KeyAuthority): boolean {
  const key = keyOf(headers);
  return key !== undefined && keys.authenticate(key) !== undefined;
}

const NEEDED = 'An admin key is needed: Authorization: Bearer KEY, or X-Lintel-Admin-Key: KEY.';
const TOO_MANY = 'Too many wrong keys came from this address; try again later.';

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const own = headers[ADMIN_KEY_HEADER];
  if (typeof own === 'string' && own !== '') return own;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}
