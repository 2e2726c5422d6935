// Invites: one-time tokens with which a door finds the authority, trusts its keys, and shows that it was invited.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../domain/time.js';
import { clientError } from '../errors.js';
import type { AuthorityState } from './authority-state.js';
import { deviceNameSchema, fleetConnectionSchema, type FleetConnection } from './fleet-records.js';
import type { FleetActor, FleetInvitation } from './fleet.types.js';
import { fleetIdSchema, newFleetId, publicKeysSchema, type PublicKeys } from './identity.js';

/** Time for which a token holds. */
export const INVITE_LIFE_MS = 15 * 60_000;
const MAX_OPEN_INVITES = 1_000;
/** Time after its end for which an invite is remembered, so that a late use of it is told from nonsense. */
const KEPT_MS = 7 * 86_400_000;
const SECRET_BYTES = 32;
const CHECKSUM_BYTES = 6;
const MAX_TOKEN_LENGTH = 65_536;
const TOKEN_VERSION = 1;

const tokenSchema = z.strictObject({
  version: z.literal(TOKEN_VERSION),
  fleet: fleetIdSchema,
  authority: z.strictObject({ name: deviceNameSchema, keys: publicKeysSchema }),
  connection: fleetConnectionSchema,
  join: fleetIdSchema,
  secret: z.base64().length(44),
  expiresAt: z.iso.datetime(),
});

/** Content of a token. Who has it can ask to join as one door until it expires. */
export type InviteToken = z.output<typeof tokenSchema>;

export interface InvitesOptions {
  state: AuthorityState;
  clock: Clock;
  /** Returns the way to the log, as the door will go it. */
  findConnection: () => Promise<Omit<FleetConnection, 'credentials'>>;
  /** Makes NATS credentials that may write one request and read its answer. @param join id of the invite */
  makeCredentials?: ((join: string) => Promise<string>) | undefined;
  /** INVITE_LIFE_MS by default. */
  lifeMs?: number;
}

export class Invites {
  readonly #options: InvitesOptions;

  constructor(options: InvitesOptions) {
    this.#options = options;
  }

  /** Makes a token for one door. @throws AppError FLEET_CONFLICT: too many are open; STORE_UNAVAILABLE; STOPPED */
  async invite({ actor }: FleetActor): Promise<FleetInvitation> {
    const { state, clock, findConnection, makeCredentials, lifeMs = INVITE_LIFE_MS } = this.#options;
    const join = newFleetId();
    const secret = randomBytes(SECRET_BYTES).toString('base64');
    const credentials = await makeCredentials?.(join);
    const connection = { ...(await findConnection()), ...(credentials !== undefined && { credentials }) };
    const nowMs = clock();
    const createdAt = new Date(nowMs).toISOString();
    const expiresAt = new Date(nowMs + lifeMs).toISOString();
    await state.change(() => {
      const open = state.invites.filter((one) => one.usedBy === undefined && Date.parse(one.expiresAt) > nowMs);
      if (open.length >= MAX_OPEN_INVITES) {
        throw clientError('FLEET_CONFLICT', `There are ${MAX_OPEN_INVITES} open invites: wait until some expire.`);
      }
      const droppedInvites = state.invites
        .filter((one) => Date.parse(one.expiresAt) + KEPT_MS < nowMs)
        .map((one) => one.join);
      const droppedDoors = state.doors
        .filter(({ refusedAt }) => refusedAt !== undefined && Date.parse(refusedAt) + KEPT_MS < nowMs)
        .map(({ id }) => id);
      return {
        change: {
          invites: [{ join, secret, createdAt, expiresAt, refused: 0 }],
          droppedInvites,
          droppedDoors,
        },
        entries: [{ action: 'fleet.invited', actor, subject: { invite: join, expiresAt } }],
        result: undefined,
      };
    });
    const token = encodeToken({
      version: TOKEN_VERSION,
      fleet: state.fleet,
      authority: { name: state.name, keys: state.keys },
      connection,
      join,
      secret,
      expiresAt,
    });
    return { token, fingerprint: state.fingerprint, expiresAt };
  }
}

/** @returns base64url of: the token as JSON, then the first CHECKSUM_BYTES of its SHA-256, which find typing errors */
export function encodeToken(token: InviteToken): string {
  const content = Buffer.from(JSON.stringify(token));
  return Buffer.concat([content, computeChecksum(content)]).toString('base64url');
}

/**
 * Reads a token; white space in it does not count.
 * @throws AppError TOKEN_INVALID: it is incomplete, has a typing error, is of another version, or has expired
 */
export function decodeToken(text: string, nowMs: number): InviteToken {
  const plain = text.replace(/\s+/g, '');
  const bytes = plain.length <= MAX_TOKEN_LENGTH ? Buffer.from(plain, 'base64url') : Buffer.alloc(0);
  const content = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  const isWhole = /^[A-Za-z0-9_-]+$/.test(plain) && bytes.subarray(content.length).equals(computeChecksum(content));
  if (!isWhole || content.length === 0) {
    throw clientError('TOKEN_INVALID', 'The token is not complete or has a typing error: copy all of it again.');
  }
  const parsed = tokenSchema.safeParse(parseJson(content));
  if (!parsed.success) {
    throw clientError('TOKEN_INVALID', 'The token has an unknown form: both devices need the same version of Lintel.');
  }
  if (Date.parse(parsed.data.expiresAt) <= nowMs) {
    throw clientError(
      'TOKEN_INVALID',
      'The token has expired: ask for a new one, and check the clocks of both devices.',
    );
  }
  return parsed.data;
}

/**
 * Computes the proof that a door holds the secret of its token, bound to its keys.
 * @param secret base64 @returns HMAC-SHA256, base64
 */
export function proveInvite(
  secret: string,
  { fleet, join, door, keys }: { fleet: string; join: string; door: string; keys: PublicKeys },
): string {
  const text = ['lintel-fleet/1/join', fleet, join, door, keys.signing, keys.sealing].join(' ');
  return createHmac('sha256', Buffer.from(secret, 'base64')).update(text).digest('base64');
}

/** Compares two proofs in constant time. */
export function isSameProof(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(a, b);
}

function computeChecksum(content: Uint8Array): Buffer {
  return createHash('sha256').update('lintel-fleet/1/token').update(content).digest().subarray(0, CHECKSUM_BYTES);
}

function parseJson(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString());
  } catch {
    return undefined;
  }
}
