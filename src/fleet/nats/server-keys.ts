// The keys behind a fleet's NATS server: the authority makes them once and keeps them; the server itself has only public ones.
import type { Clock } from '../../domain/time.js';
import type { RandomBytes } from '../../store/sealing.js';
import { mustBeSubject } from '../fleet-log.js';
import { makeAuthorityCertificate, type CertifiedKey } from './certificates.js';
import { makeSeed, openSeed, type Nkey } from './nkeys.js';

/**
 * Secret. The operator signs the accounts, and an account signs its users. Everything is text, so that the object can be stored as JSON.
 * Seeds are texts of `makeSeed`.
 */
export interface FleetServerKeys {
  /** Id of the fleet, hexadecimal. */
  fleet: string;
  /** ISO 8601. */
  createdAt: string;
  operator: string;
  /** Account of the server itself: the authority changes the accounts through it. */
  system: string;
  /** Account of the authority: it has the streams. */
  authority: string;
  /** Account of the doors: it reaches of the authority's account only what that exports. */
  doors: string;
  /** Keys that sign the users of the account of the doors. The key decides what a user may do: see `permissions.ts`. */
  roles: Record<FleetRole, string>;
  /** Signs the certificate of the server. Doors trust this one alone. */
  ca: CertifiedKey;
}

/** Kinds of users of the account of the doors; the kind decides what a user may do. */
export const FLEET_ROLES = ['door', 'invite', 'subscriber'] as const;
export type FleetRole = (typeof FLEET_ROLES)[number];

/** @param fleet id of the fleet, hexadecimal */
export function makeServerKeys({
  fleet,
  now,
  randomBytes,
}: {
  fleet: string;
  now: Clock;
  randomBytes: RandomBytes;
}): FleetServerKeys {
  const makeAccount = (): string => makeSeed('account', randomBytes);
  return {
    fleet: mustBeSubject(fleet),
    createdAt: new Date(now()).toISOString(),
    operator: makeSeed('operator', randomBytes),
    system: makeAccount(),
    authority: makeAccount(),
    doors: makeAccount(),
    roles: { door: makeAccount(), invite: makeAccount(), subscriber: makeAccount() },
    ca: makeAuthorityCertificate({ now, randomBytes }),
  };
}

/** @throws TypeError: the text is no seed of an account */
export function openAccount(seed: string): Nkey {
  return openSeed('account', seed);
}
