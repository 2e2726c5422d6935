// Reads a version of a group from the log for a door, and trusts nothing of it: every bucket and record must fit the signed head.
import { AppError } from '../errors.js';
import { Turns } from './at-once.js';
import type { BucketTree } from './bucket-tree.js';
import { DIGEST_BYTES, digestBucket, digestRecord, listDifferentBuckets } from './bucket-tree.js';
import type { FleetLog } from './fleet-log.js';
import type { SignedHead } from './head.js';
import { decodeKeyTable, type KeyTable } from './key-table.js';
import { findBucket } from './packed-table.js';
import { openRecord, openWrappedRecord, readRecordEpoch } from './record-seal.js';
import { nameBucket, nameKeyTable, nameRecord, nameRecords } from './subjects.js';

/** Records that are handed on together. */
const PIECE = 1_000;

/** A record of the copy. `id` and `digest` are those of the log. */
export interface CopiedRecord {
  /** Hexadecimal. */
  id: string;
  digest: Buffer;
  plain: Buffer;
}

/** Returns the key of an epoch; undefined where this door was not granted it. */
export type FindEpochKey = (epoch: number) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

export interface VersionReaderOptions {
  log: FleetLog;
  /** Hexadecimal. */
  group: string;
  findEpochKey: FindEpochKey;
}

export type Wanted = readonly [id: string, digest: Buffer];

/** Yields the records that a tree has, and another one lacks or has with another digest. The other tree may change meanwhile. */
export function* findMissing(tree: BucketTree, other: BucketTree): Generator<Wanted> {
  for (const bucket of listDifferentBuckets(tree.encodeDigests(), other.encodeDigests())) {
    for (const [id, digest] of tree.entries(bucket)) if (!other.digest(id)?.equals(digest)) yield [id, digest];
  }
}

/** Lists the ids of the records that a tree has and another one lacks. */
export function listGone(tree: BucketTree, other: BucketTree): string[] {
  return listDifferentBuckets(tree.encodeDigests(), other.encodeDigests()).flatMap((bucket) =>
    [...tree.entries(bucket)].flatMap(([id]) => (other.digest(id) ? [] : [id])),
  );
}

/** One instance reads for one look at the log. Everything rejects with FLEET_UNREACHABLE, and with FLEET_FORGED for what nobody signed. */
export class VersionReader {
  readonly #options: VersionReaderOptions;
  readonly #epochKeys = new Map<number, Uint8Array | undefined>();
  readonly #turns = new Turns();
  readonly #keyTables = new Map<number, KeyTable | undefined>();
  #isAltered = false;

  constructor(options: VersionReaderOptions) {
    this.#options = options;
  }

  /** True where the log has shown a record with another content than the head names. The authority may be in the middle of a version. */
  get isAltered(): boolean {
    return this.#isAltered;
  }

  async findEpochKey(epoch: number): Promise<Uint8Array | undefined> {
    if (!this.#epochKeys.has(epoch)) this.#epochKeys.set(epoch, await this.#options.findEpochKey(epoch));
    return this.#epochKeys.get(epoch);
  }

  /**
   * Finds out which records a head names, from what the door has, from the recent changes, and from buckets only where those do not do.
   * @returns undefined where the log does not have a bucket as the head names it
   */
  async readTree(have: BucketTree, { digests, recent }: SignedHead): Promise<BucketTree | undefined> {
    const next = have.copy();
    const find = (bucket: number): Buffer => digests.subarray(bucket * DIGEST_BYTES, (bucket + 1) * DIGEST_BYTES);
    for (const [id, digest] of recent) {
      if (digest) next.set(id, digest);
      else next.delete(id);
    }
    const waiting = new Set<number>();
    for (const bucket of listDifferentBuckets(next.encodeDigests(), digests)) {
      if (have.digestBucket(bucket).equals(find(bucket))) next.replaceBucket(bucket, have.encodeBucket(bucket));
      else if (find(bucket).equals(digestBucket(Buffer.alloc(0)))) next.replaceBucket(bucket, Buffer.alloc(0));
      else waiting.add(bucket);
    }
    const subjects = new Map([...waiting].map((bucket) => [nameBucket(this.#options.group, bucket), bucket]));
    for await (const { subject, value } of this.#options.log.getMany(subjects.keys())) {
      const bucket = subjects.get(subject);
      if (bucket === undefined || !value || !digestBucket(value).equals(find(bucket))) continue;
      if (!next.replaceBucket(bucket, value)) throw forged('a bucket of the fleet has no known form');
      waiting.delete(bucket);
      await this.#turns.next();
    }
    return waiting.size === 0 ? next : undefined;
  }

  /** Reads a few records. @returns undefined where the log does not have all of them, or not what opens them */
  async readRecords(wanted: readonly Wanted[], signed: SignedHead): Promise<CopiedRecord[] | undefined> {
    const records: CopiedRecord[] = [];
    for await (const record of this.#read(new Map(wanted), signed)) records.push(record);
    return records.length === wanted.length ? records : undefined;
  }

  /**
   * Reads many records of a tree, in pieces, and leaves out those that the log does not have.
   * @param have tree of what is read already; each piece is added to it once it is handed on
   */
  async readMany(
    { next, have, signed }: { next: BucketTree; have: BucketTree; signed: SignedHead },
    add: (piece: readonly CopiedRecord[]) => Promise<void>,
  ): Promise<void> {
    let piece: CopiedRecord[] = [];
    const flush = async (): Promise<void> => {
      const records = piece;
      piece = [];
      if (records.length > 0) await add(records);
      for (const { id, digest } of records) have.set(id, digest);
    };
    const wanted = { get: (id: string) => next.digest(id), keys: () => listIds(findMissing(next, have.copy())) };
    for await (const record of this.#read(wanted, signed)) {
      piece.push(record);
      if (piece.length === PIECE) await flush();
    }
    await flush();
  }

  async *#read(
    wanted: { get(id: string): Buffer | undefined; keys(): Iterable<string> },
    signed: SignedHead,
  ): AsyncGenerator<CopiedRecord> {
    const { log, group } = this.#options;
    const start = nameRecords(group).length + 1;
    for await (const { subject, value } of log.getMany(nameAll(group, wanted.keys()))) {
      const id = subject.slice(start);
      const digest = wanted.get(id);
      if (!digest || !value) continue;
      if (!digestRecord(value).equals(digest)) {
        this.#isAltered = true;
        continue;
      }
      const plain = await this.#open(id, value, signed);
      if (plain) yield { id, digest, plain };
      await this.#turns.next();
    }
  }

  /** Opens a record whose digest fits. @returns undefined where the log does not have its wrapped key yet */
  async #open(id: string, sealed: Buffer, { head }: SignedHead): Promise<Buffer | undefined> {
    const epoch = readRecordEpoch(sealed);
    const place = {
      group: Buffer.from(this.#options.group, 'hex'),
      epoch,
      record: Buffer.from(id, 'hex'),
      modelVersion: head.modelVersion,
    };
    const own = await this.findEpochKey(epoch);
    if (own) return openRecord(own, place, sealed);
    const table = await this.#readKeyTable(findBucket(id));
    const bytes = table?.find(id);
    const epochKey = table && (await this.findEpochKey(table.epoch));
    if (!table || !bytes || !epochKey) return undefined;
    return openWrappedRecord({ epoch: table.epoch, epochKey, bytes }, place, sealed);
  }

  async #readKeyTable(bucket: number): Promise<KeyTable | undefined> {
    if (!this.#keyTables.has(bucket)) {
      const { log, group } = this.#options;
      const bytes = await log.get(nameKeyTable(group, bucket));
      this.#keyTables.set(bucket, bytes && decodeKeyTable(bucket, bytes));
    }
    return this.#keyTables.get(bucket);
  }
}

function* listIds(wanted: Iterable<Wanted>): Generator<string> {
  for (const [id] of wanted) yield id;
}

function* nameAll(group: string, ids: Iterable<string>): Generator<string> {
  for (const id of ids) yield nameRecord(group, id);
}

function forged(message: string): AppError {
  return new AppError('FLEET_FORGED', message);
}
