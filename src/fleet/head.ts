// The signed head of a group: which version of its records holds, and until when. A door applies what a head names, and nothing else.
import { sign, verify, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { AppError } from '../errors.js';
import { computeRoot, DIGEST_BYTES } from './bucket-tree.js';
import { BUCKETS } from './packed-table.js';
import { decodeRecent, encodeRecent, type RecentChanges } from './recent-changes.js';

const HEX_ID = /^[0-9a-f]{32}$/;
const SIGNATURE_BYTES = 64;
/** A head may be dated this much after the clock of a door: clocks differ. */
export const CLOCK_TOLERANCE_MS = 120_000;

const headSchema = z.strictObject({
  /** Id of the fleet, and of the group within it. */
  fleet: z.string().regex(HEX_ID),
  group: z.string().regex(HEX_ID),
  /** Grows by one with each change of the group. */
  version: z.int().min(1),
  /** Number of the key that the records are sealed under; it grows when a door leaves the fleet. */
  epoch: z.int().min(1),
  modelVersion: z.string().min(1),
  records: z.int().min(0),
  root: z.string().regex(/^[0-9a-f]{64}$/),
  /** ISO 8601. The authority signs the head again before it expires, also without a change. */
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** True for a group that is deleted: doors remove all of it. */
  deleted: z.boolean(),
});

export type Head = z.output<typeof headSchema>;

/** A head together with the digests of its buckets, checked against its root. */
export interface SignedHead {
  head: Head;
  /** BUCKETS x DIGEST_BYTES. */
  digests: Buffer;
  /** Last changes before this version. They only save a door from reading buckets: the digests decide. */
  recent: RecentChanges;
}

/** The parts of the head applied last that a door compares a new one with. */
export type AppliedHead = Pick<Head, 'version' | 'epoch' | 'root' | 'issuedAt'>;

/**
 * Signs a head.
 * @returns signature (64 bytes), digests of the buckets (BUCKETS x DIGEST_BYTES), the recent changes (see encodeRecent), the head as JSON
 */
export function signHead(authority: KeyObject, { head, digests, recent }: SignedHead): Buffer {
  const signed = Buffer.concat([digests, encodeRecent(recent), Buffer.from(JSON.stringify(head))]);
  return Buffer.concat([sign(null, makeMessage(signed), authority), signed]);
}

/**
 * Opens a head.
 * @param authority Ed25519 public key, known since the door joined
 * @throws AppError FLEET_FORGED: the authority did not sign exactly this, or its form is unknown
 */
export function openHead(authority: KeyObject, bytes: Buffer): SignedHead {
  const signed = bytes.subarray(SIGNATURE_BYTES);
  if (!verify(null, makeMessage(signed), authority, bytes.subarray(0, SIGNATURE_BYTES))) {
    throw new AppError('FLEET_FORGED', 'a head of the fleet is not signed by the authority');
  }
  const digests = signed.subarray(0, BUCKETS * DIGEST_BYTES);
  const changes = decodeRecent(signed.subarray(digests.length));
  const head = changes && parseHead(signed.toString('utf8', digests.length + changes.length));
  if (!head) throw new AppError('FLEET_FORGED', 'a head of the fleet has a form that this version does not know');
  if (computeRoot(digests).toString('hex') !== head.root) {
    throw new AppError('FLEET_FORGED', 'the root of a head does not fit its buckets');
  }
  return { head, digests, recent: changes.recent };
}

/** Reads a head that was applied, from its JSON in the sealed store. @throws AppError STORE_CORRUPT */
export function decodeAppliedHead(text: string): Head {
  const head = parseHead(text);
  if (!head) throw new AppError('STORE_CORRUPT', 'the head of a copied group has an unknown format');
  return head;
}

/** @returns undefined for a text that is no head */
function parseHead(text: string): Head | undefined {
  try {
    return headSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Why a door does not apply a head that the authority signed. */
export type HeadRefusal = 'other-fleet' | 'other-group' | 'rollback' | 'fork' | 'future' | 'expired';

/**
 * Judges a head as TUF does (rollback and freeze attacks): versions and epochs never go back, one version has one root, and an old head that
 * somebody keeps showing expires.
 * @param applied head that was applied last; undefined before the first one
 * @returns undefined for a head that may be applied
 */
export function refuseHead(
  head: Head,
  { fleet, group, applied, nowMs }: { fleet: string; group: string; applied: AppliedHead | undefined; nowMs: number },
): HeadRefusal | undefined {
  if (head.fleet !== fleet) return 'other-fleet';
  if (head.group !== group) return 'other-group';
  if (applied) {
    if (head.version < applied.version || head.epoch < applied.epoch) return 'rollback';
    if (head.version === applied.version && head.root !== applied.root) return 'fork';
    // A newer version may have an earlier time: the clock of the authority was corrected.
    const isOlder = Date.parse(head.issuedAt) < Date.parse(applied.issuedAt);
    if (head.version === applied.version && isOlder) return 'rollback';
  }
  // The head of a deleted group is its last one: nobody signs it again.
  if (head.deleted) return undefined;
  if (Date.parse(head.issuedAt) > nowMs + CLOCK_TOLERANCE_MS) return 'future';
  if (Date.parse(head.expiresAt) <= nowMs) return 'expired';
  return undefined;
}

/** A label in front: a signature over a head is one over nothing else. */
function makeMessage(signed: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('lintel-fleet/1/head\n'), signed]);
}
