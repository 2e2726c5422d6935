// The last changes of a group, which go with its head: a door that is a little behind computes the new buckets from them and reads none.
import { DIGEST_BYTES } from './bucket-tree.js';
import { FLEET_ID_BYTES } from './record-seal.js';

/** Changes that a head carries: 64 take 3 kB, beside the 8 kB of its digests. */
export const MAX_RECENT = 64;
const ENTRY_BYTES = FLEET_ID_BYTES + DIGEST_BYTES;
/** Stands for the digest of a record that is deleted. */
const DELETED = Buffer.alloc(DIGEST_BYTES);

/** Digest of each changed record by its id in hexadecimal; undefined for one that is deleted. The oldest change comes first. */
export type RecentChanges = ReadonlyMap<string, Buffer | undefined>;

/** Adds changes to earlier ones, and drops the oldest above MAX_RECENT. */
export function addRecent(
  recent: RecentChanges,
  changes: Iterable<readonly [string, Buffer | undefined]>,
): RecentChanges {
  const all = new Map(recent);
  for (const [id, digest] of changes) {
    // Deleted first: a record that changes again is the newest one.
    all.delete(id);
    all.set(id, digest);
  }
  return new Map([...all].slice(-MAX_RECENT));
}

/** @returns number of changes (1 byte), then id (16) and digest (32, zeros: deleted) of each */
export function encodeRecent(recent: RecentChanges): Buffer {
  const entries = [...recent].flatMap(([id, digest]) => [Buffer.from(id, 'hex'), digest ?? DELETED]);
  return Buffer.concat([Buffer.of(recent.size), ...entries]);
}

/** @returns the changes, and the number of bytes that they took; undefined where the bytes end too soon */
export function decodeRecent(bytes: Buffer): { recent: RecentChanges; length: number } | undefined {
  const length = 1 + (bytes[0] ?? 0) * ENTRY_BYTES;
  if (bytes.length < length) return undefined;
  const recent = new Map<string, Buffer | undefined>();
  for (let at = 1; at < length; at += ENTRY_BYTES) {
    const digest = bytes.subarray(at + FLEET_ID_BYTES, at + ENTRY_BYTES);
    recent.set(bytes.toString('hex', at, at + FLEET_ID_BYTES), digest.equals(DELETED) ? undefined : digest);
  }
  return { recent, length };
}
