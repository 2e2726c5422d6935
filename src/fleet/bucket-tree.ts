// The records of a group as 256 buckets with one root hash: what a head signs, and what a door compares.
import { createHash } from 'node:crypto';
import { BUCKETS, findBucket, isPacked, PackedTable } from './packed-table.js';

export const DIGEST_BYTES = 32;
/** Digest of a bucket without records. */
const EMPTY = Buffer.alloc(DIGEST_BYTES);

/** Digest of a sealed record: SHA-256. */
export function digestRecord(sealed: Uint8Array): Buffer {
  return createHash('sha256').update(sealed).digest();
}

/** The digests of a group's records, in buckets. Ids are hexadecimal. */
export class BucketTree {
  readonly #records: PackedTable;
  /** Digest of each bucket; undefined where it has changed since. */
  readonly #digests: (Buffer | undefined)[];

  private constructor(from?: BucketTree) {
    this.#records = new PackedTable(DIGEST_BYTES, from && from.#records);
    this.#digests = Array.from({ length: BUCKETS }, (_, bucket) => from?.digestBucket(bucket) ?? EMPTY);
  }

  static create(records: Iterable<readonly [string, Buffer]> = []): BucketTree {
    const tree = new BucketTree();
    for (const [id, digest] of records) tree.set(id, digest);
    return tree;
  }

  /** Returns a tree of its own with the same content. */
  copy(): BucketTree {
    return new BucketTree(this);
  }

  /** Number of records. */
  get size(): number {
    return this.#records.size;
  }

  /** Adds a record, or replaces its digest. @param digest DIGEST_BYTES */
  set(id: string, digest: Buffer): void {
    this.#records.set(id, digest);
    this.#digests[findBucket(id)] = undefined;
  }

  delete(id: string): void {
    if (this.#records.delete(id)) this.#digests[findBucket(id)] = undefined;
  }

  digest(id: string): Buffer | undefined {
    return this.#records.get(id);
  }

  /** Yields the ids and digests of a bucket, in the order of the ids. */
  entries(bucket: number): Generator<[id: string, digest: Buffer]> {
    return this.#records.entries(bucket);
  }

  /** Encodes a bucket: id (16 bytes) and digest (32) of each record, in the order of the ids. The bytes must not be changed. */
  encodeBucket(bucket: number): Buffer {
    return this.#records.encode(bucket);
  }

  /** Lists the buckets that have records. */
  listFilled(): number[] {
    return Array.from({ length: BUCKETS }, (_, bucket) => bucket).filter(
      (bucket) => this.encodeBucket(bucket).length > 0,
    );
  }

  /** Replaces a bucket by an encoded one. @returns false for bytes that are no bucket of this number; nothing is changed then */
  replaceBucket(bucket: number, encoded: Buffer): boolean {
    if (!isPacked(bucket, encoded, DIGEST_BYTES)) return false;
    this.#records.replace(bucket, encoded);
    this.#digests[bucket] = undefined;
    return true;
  }

  digestBucket(bucket: number): Buffer {
    return (this.#digests[bucket] ??= digestBucket(this.encodeBucket(bucket)));
  }

  /** Returns the digests of all buckets, one after the other: BUCKETS x DIGEST_BYTES. */
  encodeDigests(): Buffer {
    return Buffer.concat(Array.from({ length: BUCKETS }, (_, bucket) => this.digestBucket(bucket)));
  }

  /** Returns the root hash in hexadecimal. */
  computeRoot(): string {
    return computeRoot(this.encodeDigests()).toString('hex');
  }
}

/** Digest of an encoded bucket: SHA-256, and zeros for an empty one. */
export function digestBucket(encoded: Uint8Array): Buffer {
  return encoded.length === 0 ? EMPTY : createHash('sha256').update(encoded).digest();
}

/** Root hash over the digests of all buckets. @param digests see BucketTree.encodeDigests */
export function computeRoot(digests: Uint8Array): Buffer {
  return createHash('sha256').update('lintel-fleet/1/root').update(digests).digest();
}

/** Lists the buckets whose digests are different in two results of `encodeDigests`. */
export function listDifferentBuckets(a: Buffer, b: Buffer): number[] {
  const isSame = (bucket: number): boolean => {
    const at = bucket * DIGEST_BYTES;
    return a.compare(b, at, at + DIGEST_BYTES, at, at + DIGEST_BYTES) === 0;
  };
  return Array.from({ length: BUCKETS }, (_, bucket) => bucket).filter((bucket) => !isSame(bucket));
}
