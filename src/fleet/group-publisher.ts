// The authority's side of one group: numbers its versions, seals its records into the log, and heals a log that has lost some of them.
import { createPublicKey } from 'node:crypto';
import { AppError } from '../errors.js';
import type { SourceFace } from '../gallery/group-copies.js';
import { Queue, Turns } from './at-once.js';
import { encodePayload, makeRecordId } from './face-payload.js';
import { compareFaces, type RecordChange } from './face-comparison.js';
import type { CheckedLog, FaceChange, GroupPublisherOptions } from './group-publisher.types.js';
import type { Head } from './head.js';
import { LogCheck, type LogFindings } from './log-check.js';
import { findBucket, isFleetId, PackedTable } from './packed-table.js';
import { PublishedRecords } from './published-records.js';
import type { PublishedFacts } from './published-state.js';
import { RecordSealer, type SealedRecord } from './record-sealer.js';
import { nameGroup, nameRecord } from './subjects.js';
import { VersionWriter } from './version-writer.js';

export type * from './group-publisher.types.js';

/** Faces that are sealed and written together: the log and the state take them in pieces, and other changes get their turn in between. */
const PIECE = 500;
/** Versions and epochs that an authority may have forgotten, where only a door says so. */
const MOST_LOST_VERSIONS = 1_000_000;
const MOST_LOST_EPOCHS = 100;

/**
 * Calls may overlap; they are put into an order. Deletions and enrolments do not wait for a check that fills a log, but go in between.
 * A version is reserved on the disk before the log gets anything of it: after a kill no number stands for two versions.
 * All calls reject with AppError FLEET_UNREACHABLE, and with the store's errors.
 */
export class GroupPublisher {
  readonly #options: GroupPublisherOptions;
  readonly #sealer: RecordSealer;
  readonly #writer: VersionWriter;
  #records = new PublishedRecords();
  /** Changes of the group, one after the other. */
  readonly #changes = new Queue();
  /** Checks and walks over all faces, one after the other. */
  readonly #walks = new Queue();
  /** Records that were changed since the walk under way began, which may still see them as they were. */
  #touched: Set<string> | undefined;
  /** Whether the log was compared with the state since the start: a kill may have cut off a publication. */
  #isChecked = false;

  private constructor(options: GroupPublisherOptions) {
    this.#options = options;
    this.#sealer = new RecordSealer(options.state, options.randomBytes);
    this.#writer = new VersionWriter({ ...options, makeKeyTable: (bucket) => this.#sealer.makeKeyTable(bucket) });
  }

  /** Reads what was published. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
  static async open(options: GroupPublisherOptions): Promise<GroupPublisher> {
    const publisher = new GroupPublisher(options);
    const turns = new Turns();
    for await (const [id, record] of options.state.entries()) {
      publisher.#records.set(id, record);
      await turns.next();
    }
    return publisher;
  }

  /** Id of the group in the fleet. */
  get group(): string {
    return this.#facts.group;
  }

  get modelVersion(): string {
    return this.#facts.modelVersion;
  }

  /** Version that was reserved last. */
  get version(): number {
    return this.#facts.version;
  }

  /** Root hash of that version, hexadecimal. */
  get root(): string {
    return this.#records.tree.computeRoot();
  }

  /** Number of records. */
  get records(): number {
    return this.#records.tree.size;
  }

  get epoch(): number {
    return this.#facts.epoch;
  }

  /** Number of the next epoch: not always one more than the present one. */
  get nextEpoch(): number {
    return this.#facts.leastNextEpoch;
  }

  /** Keys of the present epoch and of the earlier ones. */
  get epochKeys(): ReadonlyMap<number, Buffer> {
    return this.#facts.epochKeys;
  }

  get isDeleted(): boolean {
    return this.#facts.isDeleted;
  }

  /** Head that the log took last; undefined before the first one since the start. */
  get published(): Head | undefined {
    return this.#writer.published;
  }

  /**
   * Publishes changes. With no changes it signs the head again, so that it does not expire. A face that is as it was published changes nothing.
   * @throws AppError FLEET_UNREACHABLE: the changes are kept, and the next call of any kind writes them
   */
  async publish(changes: readonly FaceChange[]): Promise<Head> {
    const head = await this.#changes.run(async () => {
      let failure: AppError | undefined;
      for (let at = 0; at < changes.length; at += PIECE) {
        await this.#stage(changes.slice(at, at + PIECE).map((change) => this.#encode(change)));
        failure ??= await catchUnreachable(() => this.#writer.writeRecords(this.group));
      }
      if (failure) throw failure;
      return this.#isChecked ? this.#write() : undefined;
    });
    if (head) return head;
    await this.check();
    return this.publish([]);
  }

  /** Compares all faces with what was published, and publishes the differences: what changed while nobody listened. */
  async reconcile(): Promise<{ put: number; deleted: number }> {
    return this.#walk(async () => {
      const { put, deleted } = await this.#goThrough(new PackedTable(0));
      if (this.#isChecked && put + deleted > 0) await this.#changes.run(() => this.#write());
      return { put, deleted };
    });
  }

  /**
   * Compares the log with what was published, and writes what it lacks: after a start, after each interruption, and now and then. A check that
   * was interrupted goes on where it was.
   * @param options isDeep: the content of every record is read as well
   */
  async check({ isDeep = false }: { isDeep?: boolean } = {}): Promise<CheckedLog> {
    return this.#walk(async (touched) => {
      const { log, authority } = this.#options;
      await this.#changes.run(() => this.#writer.writeRecords(this.group));
      const findings = await new LogCheck({
        log,
        group: this.group,
        authority: createPublicKey(authority),
        tree: this.#records.tree,
        isKeyTable: (bucket, table) => this.#writer.isKeyTable(bucket, table),
        isDeep,
      }).run();
      for (const id of touched) findings.missing.delete(id);
      return this.#heal(findings);
    });
  }

  /**
   * Goes on above a version and an epoch that a door has seen: this authority was put back to an older state.
   * @returns false where a door says more than can be true: nothing is changed
   */
  async surpass({ version, epoch }: { version: number; epoch: number }): Promise<boolean> {
    return this.#changes.run(async () => {
      // Nobody but the door vouches for this. It must not be able to use up the numbers.
      if (version > this.version + MOST_LOST_VERSIONS || epoch > this.epoch + MOST_LOST_EPOCHS) return false;
      if (version > this.version || epoch >= this.#facts.leastNextEpoch) await this.#outrun({ version, epoch });
      return true;
    });
  }

  /**
   * Begins a new epoch: new records are sealed under its key, and the keys of the present ones are wrapped under it, for doors that have no
   * earlier key. No record is written again.
   * @param epochKey EPOCH_KEY_BYTES; the doors have it already
   */
  async beginEpoch(epochKey: Buffer): Promise<Head> {
    return this.#changes.run(async () => {
      const { leastNextEpoch: epoch, epochKeys } = this.#facts;
      const keys = new Map([...epochKeys, [epoch, epochKey] as const]);
      await this.#reserve({ epoch, leastNextEpoch: epoch + 1, epochKeys: keys });
      this.#writer.addKeyTables(this.#records.tree.listFilled());
      return this.#write();
    });
  }

  /** Deletes the group: its keys are destroyed, then a last head says so, then everything else leaves the log. May be called again. */
  async remove(): Promise<Head> {
    return this.#changes.run(async () => {
      const { state } = this.#options;
      this.#records = new PublishedRecords();
      this.#writer.clear();
      if (!this.isDeleted) await state.destroyKeys(this.version + 1, this.root);
      return this.#writeDeleted();
    });
  }

  get #facts(): PublishedFacts {
    return this.#options.state.facts;
  }

  #encode({ faceId, face }: FaceChange): RecordChange {
    return face ? this.#encodeFace(faceId, face) : { id: makeRecordId(this.#facts.secret, faceId) };
  }

  #encodeFace(faceId: string, face: Pick<SourceFace, 'sequence' | 'record'>): { id: string; plain: Buffer } {
    return { id: makeRecordId(this.#facts.secret, faceId), plain: encodePayload(face) };
  }

  /** Reserves a version on the disk. */
  async #reserve(facts: Partial<PublishedFacts>): Promise<void> {
    await this.#options.state.write({ facts: { version: this.version + 1, root: this.root, ...facts } });
  }

  async #outrun({ version, epoch }: { version: number; epoch: number }): Promise<void> {
    await this.#reserve({
      version: Math.max(version, this.version) + 1,
      leastNextEpoch: Math.max(epoch + 1, this.#facts.leastNextEpoch),
    });
  }

  /** Seals changes and reserves their version. @param isForced also what is as it was published is sealed anew */
  async #stage(changes: readonly RecordChange[], { isForced = false }: { isForced?: boolean } = {}): Promise<void> {
    if (this.isDeleted) return;
    const turns = new Turns();
    const sealed = new Map<string, SealedRecord | undefined>();
    for (const { id, plain } of changes) {
      this.#touched?.add(id);
      if (!plain) {
        if (sealed.has(id) || this.#records.findEpoch(id) !== undefined) sealed.set(id, undefined);
      } else if (sealed.has(id) || isForced || !this.#records.isKnown(id, plain)) {
        sealed.set(id, this.#sealer.seal(id, plain));
        await turns.next();
      }
    }
    if (sealed.size === 0) return;
    const records = new Map([...sealed].map(([id, one]) => [id, one?.record]));
    const root = this.#records.computeNextRoot(records);
    const puts = new Map([...sealed].flatMap(([id, one]) => (one ? [[id, one.record] as const] : [])));
    const deletes = [...sealed.keys()].filter((id) => !puts.has(id));
    const replaced = new Set([...puts.keys()].filter((id) => this.#records.findEpoch(id) !== undefined));
    await this.#options.state.write({ facts: { version: this.version + 1, root }, puts, replaced, deletes });
    const wrapped = [...sealed.keys()].filter((id) => (this.#records.findEpoch(id) ?? this.epoch) < this.epoch);
    this.#writer.addKeyTables(wrapped.map(findBucket));
    for (const [id, record] of records) this.#records.set(id, record);
    this.#writer.addVersion(this.group, sealed);
  }

  async #write(): Promise<Head> {
    await this.#sealLost(new Set(this.#writer.lost));
    // A head of the same version must not look older than the one before. A group that was never published has no version.
    if (this.version === 0 || this.#writer.isClockBehind()) await this.#reserve({});
    return this.#writer.write(this.#facts, this.#records.tree);
  }

  async #writeDeleted(): Promise<Head> {
    const head = await this.#writer.write(this.#facts, this.#records.tree);
    await this.#options.log.removeAll(nameGroup(this.group));
    return head;
  }

  /** Writes records that did not fit into the memory while the log could not be reached. */
  async #sealLost(lost: ReadonlySet<string>): Promise<void> {
    if (lost.size === 0) return;
    // Fails at once where the log still cannot be reached.
    await this.#writer.writeRecords(this.group);
    const { listFaces } = this.#options;
    let piece: RecordChange[] = [];
    for await (const { faceId, ...face } of listFaces()) {
      const change = this.#encode({ faceId, face });
      if (!lost.has(change.id)) continue;
      piece.push(change);
      if (piece.length < PIECE) continue;
      await this.#sendAgain(piece);
      piece = [];
    }
    await this.#sendAgain(piece);
    this.#writer.dropLost();
  }

  /** Writes records as they were published. What cannot be made as it was is sealed anew. */
  async #sendAgain(changes: readonly RecordChange[]): Promise<void> {
    const turns = new Turns();
    const others: RecordChange[] = [];
    await this.#writer.writeRecords(this.group);
    for (const { id, plain } of changes) {
      const record = await this.#options.state.find(id);
      if (!plain || !record) continue;
      const bytes = this.#sealer.sealAgain(id, plain, record);
      if (bytes) this.#writer.addRecord(this.group, id, bytes);
      else others.push({ id, plain });
      await turns.next();
    }
    await this.#stage(others, { isForced: true });
    await this.#writer.writeRecords(this.group);
  }

  async #walk<T>(work: (touched: ReadonlySet<string>) => Promise<T>): Promise<T> {
    return this.#walks.run(async () => {
      try {
        return await work((this.#touched = new Set()));
      } finally {
        this.#touched = undefined;
      }
    });
  }

  /**
   * Goes through all faces: publishes those that are different, and writes those again that the log lacks. Deleted ones go at the end.
   * The differences are kept all the same where the log cannot be reached.
   */
  async #goThrough(missing: PackedTable): Promise<{ put: number; deleted: number; again: number }> {
    const count = { put: 0, deleted: 0, again: 0 };
    let failure: AppError | undefined;
    const isUntouched = ({ id }: RecordChange): boolean => !this.#touched?.has(id);
    const pieces = compareFaces({
      faces: this.#options.listFaces(),
      encode: ({ faceId, ...face }) => this.#encodeFace(faceId, face),
      published: this.#records,
      missing,
      size: PIECE,
    });
    for await (const { changed, again } of pieces) {
      await this.#changes.run(async () => {
        const [puts, sent] = [changed.filter(isUntouched), again.filter(isUntouched)];
        await this.#stage(puts);
        count.put += puts.filter(({ plain }) => plain).length;
        count.deleted += puts.filter(({ plain }) => !plain).length;
        if (failure) return;
        failure = await catchUnreachable(() => this.#sendAgain(sent));
        count.again += sent.length;
      });
    }
    if (failure) throw failure;
    return count;
  }

  async #heal({ head, isForeign, missing, buckets, keyTables, unknown }: LogFindings): Promise<CheckedLog> {
    const found = this.isDeleted || missing.size === 0 ? undefined : await this.#goThrough(missing);
    return this.#changes.run(async () => {
      const state = this.#compareHead(head, isForeign);
      if (head) this.#writer.noteIssued(head.issuedAt);
      if (head && state === 'newer') await this.#outrun(head);
      this.#writer.addBuckets(buckets);
      this.#writer.addKeyTables(keyTables);
      const removed = unknown.filter((subject) => !this.#isNeeded(subject));
      if (!this.isDeleted) this.#writer.addLeaving(removed);
      if (state !== 'same' || this.#writer.isWaiting || (this.isDeleted && removed.length > 0)) {
        await (this.isDeleted ? this.#writeDeleted() : this.#write());
      }
      this.#isChecked = true;
      const { leastNextEpoch, epoch } = this.#facts;
      const written = [found?.again ?? 0, buckets.length, keyTables.length, removed.length];
      return {
        state: state === 'same' && written.every((count) => count === 0) ? 'whole' : 'healed',
        head: state,
        records: found?.again ?? 0,
        buckets: buckets.length,
        keyTables: keyTables.length,
        removed: removed.length,
        ...(leastNextEpoch > epoch + 1 && { lostEpoch: leastNextEpoch - 1 }),
      };
    });
  }

  #compareHead(head: Head | undefined, isForeign: boolean): CheckedLog['head'] {
    if (!head) return isForeign ? 'foreign' : 'missing';
    if (head.fleet !== this.#options.fleet || head.group !== this.group) return 'foreign';
    const { version, epoch, root, isDeleted } = this.#facts;
    if (head.version > version || head.epoch > epoch) return 'newer';
    if (head.version === version && head.root !== root) return 'newer';
    return head.version < version || head.epoch < epoch || head.deleted !== isDeleted ? 'older' : 'same';
  }

  /** Returns whether a subject is that of a record that was published while the log was being listed. */
  #isNeeded(subject: string): boolean {
    const id = subject.slice(subject.lastIndexOf('.') + 1);
    return isFleetId(id) && subject === nameRecord(this.group, id) && this.#records.findEpoch(id) !== undefined;
  }
}

/** @returns the error of a log that cannot be reached; undefined where the work is done @throws every other error */
async function catchUnreachable(work: () => Promise<unknown>): Promise<AppError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === 'FLEET_UNREACHABLE') return error;
    throw error;
  }
}
