// What the authority keeps of its NATS server: the keys, and the users whose credentials it has revoked.
import * as z from 'zod';
import { AppError } from '../../errors.js';
import type { RevokedUsers } from './accounts.js';
import { readCredentials } from './credentials.js';
import type { FleetServerKeys } from './server-keys.js';

/** An entry is dropped this long after the credentials have expired by themselves. */
const DROP_AFTER_MS = 86_400_000;

const text = z.string().min(1);
const certified = z.strictObject({ certificate: text, key: text });
const serverStateSchema = z.strictObject({
  keys: z.strictObject({
    ...{ fleet: text, createdAt: z.iso.datetime(), operator: text, system: text, authority: text, doors: text },
    roles: z.strictObject({ door: text, invite: text, subscriber: text }),
    ca: certified,
  }),
  revoked: z.record(z.string(), z.strictObject({ revokedAtMs: z.number(), expiresAtMs: z.number().optional() })),
});

/** JSON. Secret. */
export interface ServerState {
  keys: FleetServerKeys;
  revoked: RevokedUsers;
}

/** @throws AppError STORE_CORRUPT: it has another form */
export function readServerState(stored: unknown): ServerState {
  const { success, data } = serverStateSchema.safeParse(stored);
  if (!success) throw new AppError('STORE_CORRUPT', 'the keys of the NATS server of the fleet cannot be read');
  const revoked = Object.entries(data.revoked).map(([user, { revokedAtMs, expiresAtMs }]) => [
    user,
    { revokedAtMs, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) },
  ]);
  return { keys: data.keys, revoked: Object.fromEntries(revoked) as RevokedUsers };
}

/**
 * Adds a user to the revoked ones, and drops the entries that have expired.
 * @param credentials text of `writeCredentials` @returns undefined: the user is among them already @throws TypeError: not credentials
 */
export function addRevoked(revoked: RevokedUsers, credentials: string, nowMs: number): RevokedUsers | undefined {
  const { user, issuedAtMs, expiresAt } = readCredentials(credentials);
  if (revoked[user]) return undefined;
  const kept = Object.entries(revoked).filter(([, { expiresAtMs = Infinity }]) => expiresAtMs + DROP_AFTER_MS > nowMs);
  // The server refuses what was issued until then: also after the clock was put back.
  const revokedAtMs = Math.max(nowMs, issuedAtMs);
  const expires = expiresAt === undefined ? {} : { expiresAtMs: Date.parse(expiresAt) };
  return { ...Object.fromEntries(kept), [user]: { revokedAtMs, ...expires } };
}
