// Compares what the log of a fleet holds of a group with what the authority has published, and reads as little of it as that takes.
import type { KeyObject } from 'node:crypto';
import { AppError } from '../errors.js';
import { Turns, workAtOnce } from './at-once.js';
import { digestRecord, DIGEST_BYTES, type BucketTree } from './bucket-tree.js';
import type { FleetLog } from './fleet-log.js';
import { openHead, type Head } from './head.js';
import { BUCKETS, findPacked, isFleetId, isPacked, PackedTable } from './packed-table.js';
import { nameBuckets, nameHead, nameKeyTables, nameRecord, nameRecords } from './subjects.js';

/** Above this number of records to verify they are read in bulk: one by one takes 0.1 ms each, in bulk 0.02 ms (November 2026, NATS 2.9). */
const MAX_SINGLE_READS = 2_000;
const READS_AT_ONCE = 32;
const BUCKET_NUMBER = /^[0-9a-f]{2}$/;
const PRESENT = Buffer.alloc(0);

export interface LogCheckOptions {
  log: FleetLog;
  group: string;
  /** Ed25519 public key of the authority. */
  authority: KeyObject;
  tree: BucketTree;
  /** Returns whether a table of wrapped keys is the present one of its bucket, or whether the bucket needs none. */
  isKeyTable: (bucket: number, table: Buffer | undefined) => Promise<boolean>;
  /** Whether the content of every record is read. */
  isDeep: boolean;
}

export interface LogFindings {
  /** Head in the log that the authority signed. */
  head: Head | undefined;
  /** Whether the log has a head that the authority did not sign. */
  isForeign: boolean;
  /** Ids of records that the log lacks, or has with another content. */
  missing: PackedTable;
  /** Buckets that are missing or different, and those of the wrapped keys. */
  buckets: number[];
  keyTables: number[];
  /** Subjects below those of the records, buckets and keys that nothing published needs. */
  unknown: string[];
}

/** The tree may change meanwhile: what is found of a record or bucket that changed since the beginning says nothing. */
export class LogCheck {
  readonly #options: LogCheckOptions;
  readonly #turns = new Turns();
  readonly #findings: LogFindings = {
    head: undefined,
    isForeign: false,
    missing: new PackedTable(0),
    buckets: [],
    keyTables: [],
    unknown: [],
  };
  /** Records that the log has, and those of them whose content no bucket of the log confirms. */
  readonly #present = new PackedTable(0);
  readonly #doubtful = new PackedTable(0);

  constructor(options: LogCheckOptions) {
    this.#options = options;
  }

  /** @throws AppError FLEET_UNREACHABLE; the store's errors */
  async run(): Promise<LogFindings> {
    await this.#readHead();
    await this.#listRecords();
    await this.#compareBuckets();
    await this.#findMissing();
    await this.#verifyDoubtful();
    await this.#compareKeyTables();
    return this.#findings;
  }

  async #readHead(): Promise<void> {
    const { log, group, authority } = this.#options;
    const bytes = await log.get(nameHead(group));
    if (!bytes) return;
    try {
      this.#findings.head = openHead(authority, bytes).head;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#findings.isForeign = true;
    }
  }

  async #listRecords(): Promise<void> {
    const { log, group, tree } = this.#options;
    for await (const subject of log.list(nameRecords(group))) {
      const id = subject.slice(subject.lastIndexOf('.') + 1);
      if (isFleetId(id) && subject === nameRecord(group, id) && tree.digest(id)) this.#present.set(id, PRESENT);
      else this.#findings.unknown.push(subject);
      await this.#turns.next();
    }
  }

  /**
   * A bucket is written after its records: what a bucket of the log has with the right digest was written, also by a log that was put back
   * to an older state since. What it does not confirm is verified by reading.
   */
  async #compareBuckets(): Promise<void> {
    const { log, group, tree, isDeep } = this.#options;
    const found = new Set<number>();
    for await (const { subject, value } of log.readAll(nameBuckets(group))) {
      const bucket = this.#parseBucket(subject, nameBuckets(group));
      if (bucket === undefined) continue;
      found.add(bucket);
      if (!value.equals(tree.encodeBucket(bucket))) this.#findings.buckets.push(bucket);
      else if (!isDeep) continue;
      const isKnownForm = !isDeep && isPacked(bucket, value, DIGEST_BYTES);
      for (const [id, digest] of tree.entries(bucket)) {
        if (!isKnownForm || !findPacked(value, id, DIGEST_BYTES)?.equals(digest)) this.#doubtful.set(id, PRESENT);
      }
      await this.#turns.next();
    }
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (found.has(bucket) || tree.encodeBucket(bucket).length === 0) continue;
      this.#findings.buckets.push(bucket);
      for (const [id] of tree.entries(bucket)) this.#doubtful.set(id, PRESENT);
      await this.#turns.next();
    }
  }

  async #findMissing(): Promise<void> {
    const { tree } = this.#options;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      for (const [id] of tree.entries(bucket)) if (!this.#present.has(id)) this.#findings.missing.set(id, PRESENT);
      await this.#turns.next();
    }
  }

  async #verifyDoubtful(): Promise<void> {
    const { log, group, tree } = this.#options;
    const waiting: string[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      for (const [id] of this.#doubtful.entries(bucket)) if (this.#present.has(id)) waiting.push(id);
    }
    const verify = (id: string, value: Buffer | undefined): void => {
      if (!value || !tree.digest(id)?.equals(digestRecord(value))) this.#findings.missing.set(id, PRESENT);
    };
    if (waiting.length <= MAX_SINGLE_READS) {
      await workAtOnce(waiting, READS_AT_ONCE, async (id) => verify(id, await log.get(nameRecord(group, id))));
      return;
    }
    for await (const { subject, value } of log.readAll(nameRecords(group))) {
      const id = subject.slice(subject.lastIndexOf('.') + 1);
      if (isFleetId(id) && this.#doubtful.has(id)) verify(id, value);
      await this.#turns.next();
    }
  }

  async #compareKeyTables(): Promise<void> {
    const { log, group, isKeyTable } = this.#options;
    const found = new Map<number, Buffer>();
    for await (const { subject, value } of log.readAll(nameKeyTables(group))) {
      const bucket = this.#parseBucket(subject, nameKeyTables(group));
      if (bucket !== undefined) found.set(bucket, value);
    }
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (!(await isKeyTable(bucket, found.get(bucket)))) this.#findings.keyTables.push(bucket);
      await this.#turns.next();
    }
  }

  #parseBucket(subject: string, prefix: string): number | undefined {
    const word = subject.slice(prefix.length + 1);
    if (BUCKET_NUMBER.test(word)) return parseInt(word, 16);
    this.#findings.unknown.push(subject);
    return undefined;
  }
}
