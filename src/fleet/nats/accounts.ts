// The operator and the accounts of a fleet's NATS server as signed documents: the server trusts the operator's key and needs no other list of users.
import { signClaims } from './jwt.js';
import { openSeed } from './nkeys.js';
import { listExports, listPermissions } from './permissions.js';
import { FLEET_ROLES, openAccount, type FleetServerKeys } from './server-keys.js';

/** Limits of an account that has none; JetStream is switched on for an account by limits of its own. */
const UNLIMITED = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 };
const STREAMS = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
/** A door needs two subscriptions for its answers and two for each subject that it watches. */
const SUBSCRIPTIONS_PER_DOOR = 64;

/** Users whose credentials are refused, by their public keys, with the time of the revocation. */
export type RevokedUsers = Readonly<Record<string, RevokedUser>>;

export interface RevokedUser {
  /** Milliseconds since the epoch. Credentials that were made later for the same key are not refused. */
  revokedAtMs: number;
  /** Time at which the credentials expire by themselves, so that the entry is no longer needed; absent: never. */
  expiresAtMs?: number;
}

/** Encodes the operator. The same keys give the same text. */
export function encodeOperator(keys: FleetServerKeys): string {
  const operator = openSeed('operator', keys.operator);
  return signClaims(operator, {
    type: 'operator',
    subject: operator.publicKey,
    name: `lintel-${keys.fleet}`,
    issuedAtMs: Date.parse(keys.createdAt),
    nats: { system_account: openAccount(keys.system).publicKey },
  });
}

/** An account: its public key and its signed document. */
export interface EncodedAccount {
  name: 'SYSTEM' | 'LINTEL' | 'DOORS';
  publicKey: string;
  jwt: string;
}

/**
 * Encodes all accounts. The same keys and revocations give the same texts, so that a server that has them already changes nothing; a later
 * revocation gives a newer text.
 */
export function encodeAccounts(keys: FleetServerKeys, revoked: RevokedUsers): EncodedAccount[] {
  const operator = openSeed('operator', keys.operator);
  const createdAtMs = Date.parse(keys.createdAt);
  // At least a second later: a server keeps its document over the one of its configuration only where its own is newer, in whole seconds.
  const changes = Object.values(revoked).map(({ revokedAtMs }) => Math.max(revokedAtMs, createdAtMs) + 1_000);
  const changedAtMs = Math.max(createdAtMs, ...changes);
  const encode = (name: EncodedAccount['name'], seed: string, issuedAtMs: number, nats: object): EncodedAccount => {
    const { publicKey } = openAccount(seed);
    const jwt = signClaims(operator, { type: 'account', subject: publicKey, name, issuedAtMs, nats });
    return { name, publicKey, jwt };
  };
  const { services, streams } = listExports(keys.fleet);
  const describe = (type: 'service' | 'stream', subjects: string[], more: object): object[] =>
    subjects.map((subject) => ({ name: subject, subject, type, ...more }));
  const account = openAccount(keys.authority).publicKey;
  return [
    encode('SYSTEM', keys.system, createdAtMs, { limits: UNLIMITED }),
    encode('LINTEL', keys.authority, createdAtMs, {
      limits: { ...UNLIMITED, ...STREAMS },
      exports: [...describe('service', services, { response_type: 'Singleton' }), ...describe('stream', streams, {})],
    }),
    encode('DOORS', keys.doors, changedAtMs, {
      limits: UNLIMITED,
      imports: [...describe('service', services, { account }), ...describe('stream', streams, { account })],
      signing_keys: FLEET_ROLES.map((role) => ({
        kind: 'user_scope',
        key: openAccount(keys.roles[role]).publicKey,
        role,
        template: {
          ...listPermissions(keys.fleet, role),
          ...{ subs: SUBSCRIPTIONS_PER_DOOR, data: -1, payload: -1, allowed_connection_types: ['STANDARD'] },
        },
      })),
      revocations: Object.fromEntries(
        Object.entries(revoked).map(([user, { revokedAtMs }]) => [user, Math.floor(revokedAtMs / 1000)]),
      ),
    }),
  ];
}
