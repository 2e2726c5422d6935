// The sealed store: spaces of encrypted records in one database, atomic writes with their audit notes, snapshots, key rotation.
import { randomBytes as systemRandomBytes } from 'node:crypto';
import type { Health } from '../domain/health.js';
import type { Part } from '../domain/part.js';
import type { AuditEntry } from '../domain/audit.js';
import { AppError, describeError } from '../errors.js';
import { BackgroundWork } from './background-work.js';
import { commitBatch, takesAway } from './batch.js';
import { Counter } from './counter.js';
import { Database } from './database.js';
import { Eraser, readAgain } from './eraser.js';
import type { Note } from './note.js';
import type { Operation } from './records.js';
import { Roots } from './roots.js';
import { checkRoots, describePending, listAlteredNow } from './start-check.js';
import { deriveKey, deriveMasterSealingKey, type SealingKey } from './sealing.js';
import type { Space } from './space.js';
import { Spaces, type SpaceReplacement } from './spaces.js';
import { describeStoreHealth } from './store-health.js';
import type { AlteredSpace, SealedStoreOptions, StoreSnapshot, StoreStats } from './store.types.js';
import { WriteQueue } from './write-queue.js';

export type * from './store.types.js';

const MAX_WAITING_WRITES = 10_000;
const RETRY_MS = 5_000;

/**
 * Records in spaces. Each space has a data key of its own, which lies in the database sealed by the master key (envelope encryption):
 * destroying that key destroys the space, and with it every copy of its records.
 * Reads and writes throw AppError STORE_UNAVAILABLE when the disk refuses, STORE_CORRUPT, and STOPPED before the start and after the stop.
 */
export class SealedStore implements Part {
  readonly name = 'store';
  readonly #options: SealedStoreOptions;
  readonly #database: Database;
  readonly #queue: WriteQueue;
  readonly #timers: Pick<typeof globalThis, 'setTimeout' | 'clearTimeout'>;
  #isStarted = false;
  #spaces: Spaces | undefined;
  #roots: Roots | undefined;
  #eraser: Eraser | undefined;
  readonly #counter: Counter | undefined;
  /** What a start with `onAltered: 'report'` or `'accept'` found. */
  #problems: readonly string[] = [];
  /** True for a database of an earlier version until `finishUpgrade`. */
  #isUpgrading = false;
  /** The master key that the database is sealed under; certain after the start. */
  #masterKey: Uint8Array;
  /** Opens a broken database again, also when nothing is written. */
  readonly #repair: BackgroundWork;

  constructor(options: SealedStoreOptions) {
    this.#options = options;
    this.#timers = options.timers ?? globalThis;
    this.#masterKey = options.masterKey;
    this.#database = new Database(options);
    const { counterFile: path, log } = options;
    this.#counter = path === undefined ? undefined : new Counter({ path, timers: this.#timers, log });
    this.#queue = new WriteQueue({
      commit: (operations, notes) => this.#commit(operations, notes),
      maxWaiting: MAX_WAITING_WRITES,
    });
    this.#repair = new BackgroundWork({ work: () => this.#tryRepair(), retryMs: RETRY_MS, timers: this.#timers });
  }

  /**
   * Opens the store, and checks that its key records and its roots add up. The records of a space are checked by those who read them.
   * @throws AppError STORE_LOCKED, STORE_KEY_WRONG, STORE_CORRUPT, STORE_ALTERED, STORE_ROLLED_BACK, STORE_UNAVAILABLE; nothing is
   * overwritten then
   */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#isStarted) throw new TypeError('the store is started already');
    signal.throwIfAborted();
    await this.#database.open();
    this.#isStarted = true;
    this.#repair.resume();
    try {
      const { nextMasterKey } = this.#options;
      if (nextMasterKey && (await this.#createSpaces(nextMasterKey).spaces.opens())) this.#masterKey = nextMasterKey;
      const { spaces, roots } = this.#createSpaces(this.#masterKey);
      const eraser = this.#createEraser();
      const form = await spaces.load(signal);
      const { onAltered = 'refuse', counterFile, log, randomBytes = systemRandomBytes } = this.#options;
      const commit = (operations: readonly Operation[]): Promise<void> => this.#database.commit(operations);
      const check = { form, roots, spaces: spaces.all(), commit, counterFile, onAltered, randomBytes, log };
      this.#problems = await checkRoots(check);
      this.#isUpgrading = form === 'without roots' && onAltered === 'refuse';
      [this.#spaces, this.#roots, this.#eraser] = [spaces, roots, eraser];
      if (this.#isReadOnly) return;
      this.#noteVersion();
      await this.#counter?.flush();
      await eraser.find(signal);
      await spaces.sweep(signal);
      eraser.run();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Writes that wait are finished first. */
  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    await this.#spaces?.pause();
    await this.#eraser?.pause();
    this.#database.refuseReads();
    await this.#repair.pause();
    await this.#queue.idle();
    await this.#counter?.flush();
    await this.#database.close();
    this.#spaces = this.#roots = this.#eraser = undefined;
    this.#isStarted = false;
  }

  /**
   * Writes one synced atomic batch: when it resolves, all of it is on the disk; when it rejects, none of it is, also after a restart.
   * Batches take effect in the order of the calls.
   * @param note entries of a journal that go into the same batch
   */
  async write(operations: readonly Operation[], note?: Note): Promise<void> {
    this.#database.mustAcceptReads();
    if (this.#isReadOnly) throw new AppError('STORE_UNAVAILABLE', 'the store was opened to be read only');
    if (operations.length > 0 || note) await this.#queue.push(operations, note);
  }

  /**
   * Returns the only space with this label, and makes it if there is none.
   * @param check whether a space whose records do not add up is refused: `later` leaves the check to those who read it
   * @throws AppError STORE_ALTERED
   */
  async openSpace(label: string, { check = 'now' }: { check?: 'now' | 'later' } = {}): Promise<Space> {
    const spaces = this.#startedSpaces();
    if (check === 'now' && spaces.damaged > 0 && spaces.list(label).length === 0) {
      throw altered([`the space "${label}" is missing, and ${spaces.damaged} key records do not open`]);
    }
    const space = await spaces.open(label);
    const problem = check === 'now' ? await this.#queue.run(() => space.findProblem()) : undefined;
    if (problem !== undefined) throw altered([`the records of "${label}" do not add up: ${problem}`]);
    return space;
  }

  /**
   * Opens and adds up the spaces with these labels, by default all spaces. Writes meanwhile make no difference.
   * @returns those that do not add up, and those with records that do not open @throws AppError STORE_UNAVAILABLE
   */
  async findAltered(labels?: readonly string[]): Promise<AlteredSpace[]> {
    const wanted =
      labels ??
      this.#startedSpaces()
        .all()
        .map(({ label }) => label);
    return listAlteredNow([...new Set(wanted)], (label) => this.snapshot(label));
  }

  /** What a start found that it did not refuse: see `onAltered`. One sentence each. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Why the counter outside of the data directory is not up to date; undefined when it is, or when there is none. */
  get counterFailure(): string | undefined {
    return this.#counter?.failure;
  }

  /** Entries that the audit log lacks about the store itself. The batch that holds them clears them. */
  get pendingEntries(): AuditEntry[] {
    const top = this.#roots?.top;
    return top === undefined || this.#isReadOnly ? [] : describePending(top, this.#problems);
  }

  /** Id of the database in hexadecimal, and the version of its root; see counter.ts. @throws AppError STOPPED */
  get mark(): { store: string; version: number } {
    const top = this.#roots?.top;
    if (!top) throw new AppError('STOPPED', 'the store is not open');
    return { store: top.id.toString('hex'), version: top.version };
  }

  /** Returns all spaces with this label, in no particular order. */
  spaces(label: string): Space[] {
    return this.#startedSpaces().list(label);
  }

  /** Makes a further space with this label, and its first records, in one atomic batch. */
  async createSpace(label: string, contents: (space: Space) => Operation[], note?: Note): Promise<Space> {
    return this.#startedSpaces().create(label, contents, note);
  }

  /**
   * Gives a space another label, and destroys the one that it replaces, as `destroySpace` does, in one atomic batch.
   * @param change.contents further operations for the same batch
   */
  async relabelSpace(space: Space, label: string, change: SpaceReplacement = {}): Promise<void> {
    await this.#startedSpaces().relabel(space, label, change);
  }

  /**
   * Destroys a space. Resolves when its key is gone from the disk for good; its records are removed after that, or after a kill at the
   * next start. From the call on nothing can be written to the space.
   */
  async destroySpace(space: Space, note?: Note): Promise<void> {
    await this.#startedSpaces().destroy(space, note);
  }

  /**
   * Resolves when the records of all destroyed spaces are removed, and erased records have left the files. Those that an open walk or
   * snapshot can still read leave after its end.
   */
  async idle(): Promise<void> {
    await this.#spaces?.idle();
    await this.#eraser?.idle();
  }

  /**
   * Releases the memory that reading everything took: LevelDB keeps each file that it has read mapped (84 MB of resident memory with
   * 100,000 faces) until it is closed. The database is closed and opened again between two writes. Nothing is done while a walk is under way,
   * which would fail: whoever walks releases the memory afterwards.
   */
  async releaseMemory(): Promise<void> {
    const spaces = this.#startedSpaces();
    const eraser = this.#eraser;
    await Promise.all([spaces.pause(), eraser?.pause()]);
    try {
      await this.#queue.run(async () => {
        if (!this.#database.readersClosed()) await this.#database.reopen();
      });
    } catch (error) {
      this.#repairLater();
      throw error;
    } finally {
      spaces.resume();
      eraser?.resume();
    }
  }

  /** Derives a key of 32 bytes for a purpose outside the store; it is the same at every start until a rotation. */
  deriveKey(purpose: string): Buffer {
    return deriveKey(this.#masterKey, `purpose/${purpose}`);
  }

  /** The master key that the database is sealed under. A rotation changes it. */
  get masterKey(): Uint8Array {
    return this.#masterKey;
  }

  /**
   * Seals the check record and every key record under a new master key, in one atomic batch: at every moment the database is under the one
   * key or under the other. The caller keeps both keys until this has resolved, and after a rejection too. Data keys do not change: the old
   * master key still opens an old copy of the database.
   * @param masterKey 32 bytes
   */
  async rotateMasterKey(masterKey: Uint8Array, note?: Note): Promise<void> {
    const spaces = this.#startedSpaces();
    if (spaces.isRotating) throw new AppError('STORE_UNAVAILABLE', 'the master key is being changed already');
    const master = deriveMasterSealingKey(masterKey);
    await spaces.holdKeys(
      this.#queue.run(async () => {
        await this.#commit(await spaces.resealKeys(master), note ? [note] : [], master);
        // In the same turn as the commit: the next write in the queue already uses the new key.
        spaces.useMaster(master);
        this.#masterKey = masterKey;
      }),
    );
    // The records under the old master key leave the disk; those that a snapshot holds do so after its end.
    await this.#eraser?.idle();
  }

  /** Returns all spaces with this label as they are now, whatever is changed afterwards. The caller closes the snapshot. */
  async snapshot(label: string): Promise<StoreSnapshot> {
    const spaces = this.#startedSpaces();
    // Between two batches: no rotation may come between taking the snapshot and reading its keys.
    return this.#queue.run(async () => {
      const snapshot = await this.#database.takeSnapshot();
      try {
        const found = await spaces.readAll(label, this.#database.records({ snapshot }));
        return { ...found, close: () => this.#database.closeSnapshot(snapshot) };
      } catch (error) {
        await this.#database.closeSnapshot(snapshot);
        throw error;
      }
    });
  }

  /**
   * Ends the upgrade of a database of an earlier version, once the service runs: until then an upgrade that fails can go back. From then
   * on the database must have its roots. Never rejects; the next start of the service tries again.
   */
  async finishUpgrade(): Promise<void> {
    if (!this.#isUpgrading) return;
    try {
      await this.#queue.run(async () => {
        await this.#commit([this.#startedSpaces().sealCheck()], []);
        this.#isUpgrading = false;
      });
      this.#noteVersion();
      await this.#counter?.flush();
    } catch (error) {
      this.#options.log.error({ error: describeError(error) }, 'the upgrade of the data directory could not be ended');
    }
  }

  /** Whether the database is of an earlier version, which the service has not run on yet since the upgrade. */
  get isUpgrading(): boolean {
    return this.#isUpgrading;
  }

  stats(): StoreStats {
    return {
      batches: this.#database.batches,
      failedBatches: this.#database.failedBatches,
      refusedWrites: this.#queue.refused,
      pendingWrites: this.#queue.pending,
      spaces: this.#spaces?.size ?? 0,
      damagedSpaces: this.#spaces?.damaged ?? 0,
      pendingErasures: this.#eraser?.pending ?? 0,
    };
  }

  health(): Health {
    return describeStoreHealth(this.stats(), this.#database);
  }

  #createSpaces(masterKey: Uint8Array): { spaces: Spaces; roots: Roots } {
    const { log, randomBytes = systemRandomBytes } = this.#options;
    const records = this.#database.records();
    const master = deriveMasterSealingKey(masterKey);
    const roots = new Roots({ records: this.#database.records({ forWrites: true }), master, randomBytes });
    const spaces = new Spaces({
      records,
      write: (operations, note) => this.write(operations, note),
      compact: (range) => this.#database.compact(range),
      timers: this.#timers,
      master,
      roots,
      randomBytes,
      log,
    });
    return { spaces, roots };
  }

  #createEraser(): Eraser {
    const records = this.#database.records();
    return new Eraser({
      records,
      readersClosed: () => this.#database.readersClosed(),
      rewrite: (places) => this.#queue.run(async () => this.#commit(await readAgain(records, places), [])),
      write: (operations) => this.write(operations),
      compact: (range) => this.#database.compact(range),
      timers: this.#timers,
      log: this.#options.log,
    });
  }

  get #isReadOnly(): boolean {
    return this.#options.onAltered === 'report';
  }

  #startedSpaces(): Spaces {
    this.#database.mustAcceptReads();
    if (!this.#spaces) throw new AppError('STOPPED', 'the store is not open');
    return this.#spaces;
  }

  /** Writes a batch. @param nextMaster master key that the batch seals the key records under */
  async #commit(operations: readonly Operation[], notes: readonly Note[], nextMaster?: SealingKey): Promise<void> {
    if (!this.#roots) throw new AppError('STOPPED', 'the store is not open');
    const parts = { database: this.#database, roots: this.#roots, ...(nextMaster && { nextMaster }) };
    try {
      this.#eraser?.add(await commitBatch(operations, notes, parts));
      this.#noteVersion();
      // An older copy of the database must not bring back what is gone. The answer waits for it.
      if (takesAway(operations, notes)) await this.#counter?.flush();
    } finally {
      this.#repairLater();
    }
  }

  #noteVersion(): void {
    if (this.#roots?.top && !this.#isUpgrading) this.#counter?.note(this.mark);
  }

  #repairLater(): void {
    if (this.#database.isOpen && this.#database.isBroken) this.#repair.runLater();
  }

  async #tryRepair(): Promise<boolean> {
    // An empty batch opens the database again before it is written.
    await this.#queue.push([]).catch(() => undefined);
    return !(this.#database.isOpen && this.#database.isBroken);
  }
}

function altered(problems: readonly string[]): AppError {
  return new AppError('STORE_ALTERED', problems.join('; '));
}
