// Credentials for a fleet's NATS server: a user's signed document and the seed of its key. The server checks them without having been told of the user.
import type { Clock } from '../../domain/time.js';
import type { RandomBytes } from '../../store/sealing.js';
import { readClaims, signClaims } from './jwt.js';
import { makeSeed, openSeed } from './nkeys.js';
import { nameInbox, namePrefixes } from './permissions.js';
import { openAccount, type FleetRole, type FleetServerKeys } from './server-keys.js';

/** Secret, and JSON. */
export interface NatsCredentials {
  /** Public key of the user; what a revocation names. */
  user: string;
  jwt: string;
  seed: string;
  /** Beginning of the subjects on which the user gets answers. */
  inbox: string;
  /** ISO 8601; absent: they do not expire. */
  expiresAt?: string;
}

/** One word of a subject: it is put into the subjects of the user. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

interface Making {
  now: Clock;
  randomBytes: RandomBytes;
}

/** Makes the credentials of a door. Its permissions follow from the door's id: see `permissions.ts`. @param door id, hexadecimal */
export function makeDoorCredentials(
  keys: FleetServerKeys,
  { door, expiresAtMs, ...making }: Making & { door: string; expiresAtMs?: number },
): NatsCredentials {
  return makeRoleCredentials(keys, 'door', {
    name: door,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...making,
  });
}

/**
 * Makes the credentials of an invitation: they ask to join and read the answer, and nothing else.
 * @param join id of the request to join, hexadecimal
 */
export function makeInviteCredentials(
  keys: FleetServerKeys,
  { join, expiresAtMs, ...making }: Making & { join: string; expiresAtMs: number },
): NatsCredentials {
  return makeRoleCredentials(keys, 'invite', { name: join, expiresAtMs, ...making });
}

/** Makes credentials that hear the events of all doors, and nothing else. @param name letters, digits, `-` and `_` */
export function makeSubscriberCredentials(
  keys: FleetServerKeys,
  { name, expiresAtMs, ...making }: Making & { name: string; expiresAtMs?: number },
): NatsCredentials {
  return makeRoleCredentials(keys, 'subscriber', {
    name,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...making,
  });
}

/**
 * Makes the password of MQTT clients that hear the events of all doors, and nothing else; any user name goes with it. The gateway needs an
 * account with JetStream, so that it is one of the authority's account, where this user may not publish. It cannot be revoked before it expires.
 */
export function makeMqttPassword(
  keys: FleetServerKeys,
  { expiresAtMs, now, randomBytes }: Making & { expiresAtMs: number },
): string {
  const { publicKey: user } = openSeed('user', makeSeed('user', randomBytes));
  return signClaims(openAccount(keys.authority), {
    ...{ type: 'user', subject: user, name: 'mqtt-reader', issuedAtMs: now(), expiresAtMs },
    nats: {
      ...{ subs: 64, data: -1, payload: -1, bearer_token: true, allowed_connection_types: ['MQTT'] },
      pub: { deny: ['>'] },
      sub: { allow: [`${namePrefixes(keys.fleet).messages}.events.>`] },
    },
  });
}

/** Formats credentials as the file that NATS clients read. */
export function formatCredentialsFile({ jwt, seed }: Pick<NatsCredentials, 'jwt' | 'seed'>): string {
  const write = (name: string, text: string): string => `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;
  return `${write('NATS USER JWT', jwt)}\n${write('USER NKEY SEED', seed)}`;
}

/** Makes the credentials of the authority: everything in its account. They need not be kept: new ones do as well. */
export function makeAuthorityCredentials(keys: FleetServerKeys, making: Making): NatsCredentials {
  return makeCredentials({ signer: keys.authority, name: 'authority', limits: UNLIMITED, ...making });
}

/** Makes credentials that replace the accounts on the server, and nothing else. */
export function makeSystemCredentials(keys: FleetServerKeys, making: Making): NatsCredentials {
  const limits = {
    ...UNLIMITED,
    pub: { allow: [CLAIMS_UPDATE] },
    sub: { allow: [`${nameInbox('system')}.>`] },
  };
  return makeCredentials({ signer: keys.system, name: 'system', limits, ...making });
}

/** Request to a server: the document of an account, in place of the one that it has. */
export const CLAIMS_UPDATE = '$SYS.REQ.CLAIMS.UPDATE';
const UNLIMITED = { subs: -1, data: -1, payload: -1, allowed_connection_types: ['STANDARD'] };

function makeRoleCredentials(
  keys: FleetServerKeys,
  role: FleetRole,
  making: Making & { name: string; expiresAtMs?: number },
): NatsCredentials {
  // The permissions come from the signing key of the role: the document itself may have none.
  return makeCredentials({
    signer: keys.roles[role],
    limits: { issuer_account: openAccount(keys.doors).publicKey },
    ...making,
  });
}

function makeCredentials({
  signer,
  name,
  limits,
  expiresAtMs,
  now,
  randomBytes,
}: Making & { signer: string; name: string; limits: object; expiresAtMs?: number }): NatsCredentials {
  if (!NAME.test(name)) throw new TypeError(`${name} is no name for credentials`);
  const seed = makeSeed('user', randomBytes);
  const { publicKey: user } = openSeed('user', seed);
  const expires = expiresAtMs === undefined ? {} : { expiresAtMs };
  const jwt = signClaims(openAccount(signer), {
    ...{ type: 'user', subject: user, name, issuedAtMs: now(), nats: limits },
    ...expires,
  });
  const expiresAt = expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs).toISOString() };
  return { user, jwt, seed, inbox: nameInbox(name), ...expiresAt };
}

/** Encodes credentials as one text of letters, digits, `-`, `_` and dots: the document and the seed. Secret. */
export function writeCredentials({ jwt, seed }: NatsCredentials): string {
  return `${jwt}.${seed}`;
}

/** Decodes a text of `writeCredentials`. @throws TypeError: it has another form; it is not named */
export function readCredentials(text: string): NatsCredentials & { issuedAtMs: number } {
  const end = text.lastIndexOf('.');
  const [jwt, seed] = [text.slice(0, Math.max(end, 0)), text.slice(end + 1)];
  const { publicKey: user } = openSeed('user', seed);
  const { sub, name, iat, exp } = readClaims(jwt);
  if (sub !== user || !NAME.test(name)) throw new TypeError('not credentials of a NATS server');
  const expiresAt = exp === undefined ? {} : { expiresAt: new Date(exp * 1_000).toISOString() };
  return { user, jwt, seed, inbox: nameInbox(name), ...expiresAt, issuedAtMs: iat * 1_000 };
}
