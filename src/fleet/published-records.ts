// The records of a published group in the memory of the authority: 68 bytes each, the digests that make the root among them.
import { BucketTree } from './bucket-tree.js';
import { PackedTable } from './packed-table.js';
import { PLAIN_DIGEST_BYTES, type PublishedRecord } from './published-state.js';
import { digestPlain } from './record-sealer.js';

const EPOCH_BYTES = 4;

/** Ids are hexadecimal. */
export class PublishedRecords {
  readonly tree = BucketTree.create();
  /** Digest of the content and epoch of each record. */
  readonly #known = new PackedTable(PLAIN_DIGEST_BYTES + EPOCH_BYTES);

  /** Sets a record, or removes it. */
  set(id: string, record: PublishedRecord | undefined): void {
    if (!record) {
      this.tree.delete(id);
      this.#known.delete(id);
      return;
    }
    const epoch = Buffer.alloc(EPOCH_BYTES);
    epoch.writeUInt32BE(record.epoch);
    this.tree.set(id, Buffer.from(record.digest));
    this.#known.set(id, Buffer.concat([record.plainDigest, epoch]));
  }

  /** Returns whether a record was published with this content. */
  isKnown(id: string, plain: Buffer): boolean {
    const known = this.#known.get(id);
    return known !== undefined && digestPlain(plain).equals(known.subarray(0, PLAIN_DIGEST_BYTES));
  }

  /** Returns the epoch that a record was sealed in; undefined for one that is not published. */
  findEpoch(id: string): number | undefined {
    return this.#known.get(id)?.readUInt32BE(PLAIN_DIGEST_BYTES);
  }

  /** Returns the root that the group will have after changes, and leaves it as it is. @param changes records by id; undefined: deleted */
  computeNextRoot(changes: ReadonlyMap<string, PublishedRecord | undefined>): string {
    const next = this.tree.copy();
    for (const [id, record] of changes) {
      if (record) next.set(id, record.digest);
      else next.delete(id);
    }
    return next.computeRoot();
  }
}
