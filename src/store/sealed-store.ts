// The only door to LevelDB: one directory, one process, sealed values, synced atomic batches, and a way back after a full disk.
import { randomBytes as systemRandomBytes } from 'node:crypto';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { ClassicLevel, type Snapshot } from 'classic-level';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, describeError } from '../errors.js';
import type { Note } from './note.js';
import type { Operation, Records } from './records.js';
import { deriveKey, masterSealingKey, type RandomBytes } from './sealing.js';
import type { Space } from './space.js';
import { Spaces } from './spaces.js';
import { storeError } from './store-error.js';
import { WriteQueue } from './write-queue.js';

export type { Journal, Note, NoteMaker } from './note.js';
export type { KeyRange, Operation } from './records.js';
export type { OnDamaged, Space } from './space.js';

/** Spaces as they were at one moment, to be read alone. */
export interface StoreSnapshot {
  spaces: Space[];
  /** Key records that do not open: their spaces are not among these. */
  damagedSpaces: number;
  /** Lets go of the moment; forgets the keys. */
  close(): Promise<void>;
}

const CHUNK = 256;
const MAX_WAITING_WRITES = 10_000;
const RETRY_MS = 5_000;

export interface SealedStoreOptions {
  /** Of the database; made (0700) where it is not there. The master key must not lie in it. */
  directory: string;
  /** 32 bytes. */
  masterKey: Uint8Array;
  /** 32 bytes: that of a rotation whose end nobody saw. It is used where the database is sealed under it. */
  nextMasterKey?: Uint8Array;
  log: Log;
  randomBytes?: RandomBytes;
  timers?: Pick<typeof globalThis, 'setTimeout' | 'clearTimeout'>;
}

export interface StoreStats {
  /** Batches that reached the disk; several writes may share one. */
  batches: number;
  failedBatches: number;
  /** Writes that were refused because too many waited. */
  refusedWrites: number;
  /** Writes that wait or are under way. */
  pendingWrites: number;
  spaces: number;
  /** Spaces whose key record does not open. */
  damagedSpaces: number;
}

/** `broken`: the disk refused a write, and the database could not be opened again since. */
type State = 'closed' | 'open' | 'broken' | 'stopping';

/**
 * Records in key spaces, each with a data key of its own that lies in the database sealed by the master key (envelope encryption):
 * to destroy a space is to destroy its key, and with it every copy of its records.
 * Reads and writes throw AppError STORE_UNAVAILABLE when the disk refuses, STORE_CORRUPT, and STOPPED outside of start and stop.
 */
export class SealedStore implements Part {
  readonly name = 'store';
  readonly #options: SealedStoreOptions;
  readonly #queue: WriteQueue;
  readonly #timers: Pick<typeof globalThis, 'setTimeout' | 'clearTimeout'>;
  #level: ClassicLevel<Buffer, Buffer> | undefined;
  #spaces: Spaces | undefined;
  #state: State = 'closed';
  /** Takes back a batch whose outcome is unknown; written first when the database opens again. */
  #undo: Operation[] = [];
  /** The one that the database is sealed under; known once it is started. */
  #masterKey: Uint8Array;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #batches = 0;
  #failedBatches = 0;

  constructor(options: SealedStoreOptions) {
    this.#options = options;
    this.#timers = options.timers ?? globalThis;
    this.#masterKey = options.masterKey;
    this.#queue = new WriteQueue({
      commit: (operations, notes) => this.#commit(operations, notes),
      maxWaiting: MAX_WAITING_WRITES,
    });
  }

  /** @throws AppError STORE_LOCKED, STORE_KEY_WRONG, STORE_CORRUPT, STORE_UNAVAILABLE; nothing is overwritten then */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'closed') throw new TypeError('the store is started already');
    signal.throwIfAborted();
    await prepareDirectory(this.#options.directory);
    await this.#open();
    this.#state = 'open';
    try {
      const { nextMasterKey } = this.#options;
      if (nextMasterKey && (await this.#newSpaces(nextMasterKey).opens())) this.#masterKey = nextMasterKey;
      const spaces = this.#newSpaces(this.#masterKey);
      await spaces.load(signal);
      this.#spaces = spaces;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#state === 'closed') return;
    await this.#spaces?.pause();
    this.#state = 'stopping';
    this.#timers.clearTimeout(this.#retry);
    await this.#queue.idle();
    await this.#level?.close();
    this.#level = undefined;
    this.#undo = [];
    this.#spaces = undefined;
    this.#state = 'closed';
  }

  /**
   * One synced atomic batch: when it resolves, all of it is on the disk; when it rejects, none of it is, also after a restart of the
   * database. Batches take effect in the order of the calls.
   * @param note entries of a journal that go into the same batch
   */
  async write(operations: readonly Operation[], note?: Note): Promise<void> {
    this.#mustRun();
    if (operations.length > 0 || note) await this.#queue.push(operations, note);
  }

  /** The one space with this label, made where there is none yet. */
  async openSpace(label: string): Promise<Space> {
    return this.#running().open(label);
  }

  /** All spaces with this label, in no particular order. */
  spaces(label: string): Space[] {
    return this.#running().list(label);
  }

  /** A further space with this label, and its first records, in one atomic batch. */
  async createSpace(label: string, contents: (space: Space) => Operation[], note?: Note): Promise<Space> {
    return this.#running().create(label, contents, note);
  }

  /**
   * Resolves when the space's key is gone from the disk for good; its records are removed behind it, after a kill at the next start.
   * From the call on nothing can be written to the space.
   */
  async destroySpace(space: Space, note?: Note): Promise<void> {
    await this.#running().destroy(space, note);
  }

  /** Resolves when no removal of destroyed spaces is under way. */
  async idle(): Promise<void> {
    await this.#spaces?.idle();
  }

  /**
   * For a reader that has walked through everything: LevelDB keeps each file it has read mapped into memory (84 MB of resident memory
   * with 100,000 faces), and lets go when it is closed. So it is opened anew, between two writes; walks that are under way fail.
   */
  async releaseMemory(): Promise<void> {
    const spaces = this.#running();
    await spaces.pause();
    try {
      await this.#queue.run(() => this.#reopen());
    } catch (error) {
      if (this.#state === 'open') this.#state = 'broken';
      this.#retryLater();
      throw error;
    } finally {
      spaces.resume();
    }
  }

  /** A sub-key of the master key, 32 bytes, the same at every start until a rotation; for purposes outside of the store. */
  deriveKey(purpose: string): Buffer {
    return deriveKey(this.#masterKey, `purpose/${purpose}`);
  }

  /** The master key that the database is sealed under; settled by a start, changed by a rotation. */
  get masterKey(): Uint8Array {
    return this.#masterKey;
  }

  /**
   * Seals the check record and every key record under a new master key, in one atomic batch between two others: the database is under
   * the one key or under the other, at every moment. A caller keeps both until this has resolved, and after a rejection too. Data keys
   * stay what they are: whoever has the old master key and an old copy of the database reads that copy.
   * @param masterKey 32 bytes
   */
  async rotateMasterKey(masterKey: Uint8Array, note?: Note): Promise<void> {
    const spaces = this.#running();
    if (spaces.keysHeld) throw new AppError('STORE_UNAVAILABLE', 'the master key is being changed already');
    const master = masterSealingKey(masterKey);
    await spaces.holdKeys(
      this.#queue.run(async () => {
        await this.#commit(await spaces.sealedAnew(master), note ? [note] : []);
        // In one turn with the commit: the next in the queue reads by the new key.
        spaces.useMaster(master);
        this.#masterKey = masterKey;
      }),
    );
    await spaces.compactKeys();
  }

  /** All spaces with this label as they are now, whatever is written, deleted or destroyed meanwhile. Close it. */
  async snapshot(label: string): Promise<StoreSnapshot> {
    const spaces = this.#running();
    let taken: StoreSnapshot | undefined;
    // Between two batches: a rotation must not come between the moment and the reading of its keys.
    await this.#queue.run(async () => {
      const snapshot = await this.#read(async (level) => level.snapshot());
      const close = (): Promise<void> => snapshot.close();
      try {
        taken = { ...(await spaces.readAll(label, this.#records({ snapshot }))), close };
      } catch (error) {
        await close();
        throw error;
      }
    });
    return taken as unknown as StoreSnapshot;
  }

  stats(): StoreStats {
    return {
      batches: this.#batches,
      failedBatches: this.#failedBatches,
      refusedWrites: this.#queue.refused,
      pendingWrites: this.#queue.pending,
      spaces: this.#spaces?.size ?? 0,
      damagedSpaces: this.#spaces?.damaged ?? 0,
    };
  }

  health(): Health {
    const { damagedSpaces } = this.stats();
    if (this.#state === 'broken') return { status: 'failed', detail: 'the disk refuses writes' };
    if (this.#state !== 'open') return { status: 'failed', detail: 'the store is not open' };
    return damagedSpaces > 0
      ? { status: 'degraded', detail: `${damagedSpaces} key records do not open` }
      : { status: 'ok' };
  }

  #records(of: { snapshot?: Snapshot } = {}): Records {
    const options = { ...of, fillCache: false };
    return {
      get: (key) => this.#read((level) => level.get(key, options)),
      entries: (range) => this.#walk((level) => level.iterator<Buffer, Buffer>({ ...range, ...options })),
      keys: (range) => this.#walk((level) => level.keys<Buffer>({ ...range, ...options })),
    };
  }

  #newSpaces(masterKey: Uint8Array): Spaces {
    const { log, randomBytes = systemRandomBytes } = this.#options;
    return new Spaces({
      records: this.#records(),
      write: (operations, note) => this.write(operations, note),
      compact: ({ gte, lt }) => this.#read((level) => level.compactRange(gte, lt)),
      master: masterSealingKey(masterKey),
      randomBytes,
      log,
    });
  }

  #running(): Spaces {
    this.#mustRun();
    if (!this.#spaces) throw new AppError('STOPPED', 'the store is not open');
    return this.#spaces;
  }

  #mustRun(): void {
    if (this.#state !== 'open' && this.#state !== 'broken') throw new AppError('STOPPED', 'the store is not open');
  }

  async #read<T>(work: (level: ClassicLevel<Buffer, Buffer>) => Promise<T>): Promise<T> {
    this.#mustRun();
    if (!this.#level) throw new AppError('STORE_UNAVAILABLE', 'the disk refuses the database');
    try {
      return await work(this.#level);
    } catch (cause) {
      throw storeError(cause);
    }
  }

  async *#walk<T>(
    open: (level: ClassicLevel<Buffer, Buffer>) => { nextv(size: number): Promise<T[]>; close(): Promise<void> },
  ): AsyncGenerator<T[]> {
    const iterator = await this.#read(async (level) => open(level));
    try {
      for (;;) {
        const chunk = await this.#read(() => iterator.nextv(CHUNK));
        if (chunk.length === 0) return;
        yield chunk;
      }
    } finally {
      await iterator.close();
    }
  }

  async #open(): Promise<void> {
    // Sealed bytes do not compress, and the rooms above hold in memory what they read often.
    const level = new ClassicLevel<Buffer, Buffer>(this.#options.directory, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      compression: false,
      cacheSize: 1 << 20,
    });
    try {
      await level.open();
    } catch (cause) {
      throw storeError(cause);
    }
    this.#level = level;
  }

  async #commit(operations: Operation[], notes: readonly Note[] = []): Promise<void> {
    if (this.#state === 'broken') await this.#reopen();
    if (notes.length === 0) return this.#commitBatch(operations);
    const journals = [...new Set(notes.map(({ journal }) => journal))];
    let written = false;
    try {
      for (const journal of journals) {
        const drafts = notes.flatMap((note) => (note.journal === journal ? note.drafts : []));
        operations.push(...(await journal.begin(drafts)));
      }
      await this.#commitBatch(operations);
      written = true;
    } finally {
      for (const journal of journals) journal.end(written);
    }
  }

  async #commitBatch(operations: Operation[]): Promise<void> {
    if (operations.length === 0) return;
    try {
      await this.#writeBatch(operations);
      this.#batches++;
    } catch (cause) {
      this.#failedBatches++;
      this.#options.log.error({ error: describeError(cause) }, 'the disk refused a write');
      await this.#breakOff(operations);
      throw storeError(cause);
    }
  }

  /**
   * After a failed write LevelDB's log may hold half of the batch, and what it appended behind that would be lost at the next start;
   * or it holds all of it, unsynced. So: look up what was there before, open the database anew, and restore that. (Where the disk does
   * not even read any more, there is nothing to restore, and whether the batch took effect shows when it is opened.)
   */
  async #breakOff(operations: Operation[]): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'broken';
    try {
      const keys = [...new Map(operations.map(({ key }) => [key.toString('hex'), key])).values()];
      const values = await this.#read((level) => level.getMany(keys));
      this.#undo = keys.map((key, i) => (values[i] === undefined ? { key } : { key, value: values[i] }));
      await this.#reopen();
    } catch (error) {
      this.#options.log.error(
        { error: describeError(error) },
        'the store is out of service until the disk takes writes',
      );
      this.#retryLater();
    }
  }

  async #reopen(): Promise<void> {
    await this.#level?.close();
    this.#level = undefined;
    await this.#open();
    try {
      await this.#writeBatch(this.#undo);
    } catch (cause) {
      throw storeError(cause);
    }
    this.#undo = [];
    if (this.#state !== 'broken') return;
    this.#state = 'open';
    this.#timers.clearTimeout(this.#retry);
    this.#options.log.info({}, 'the store is in service again');
  }

  /** Without a write that asks for it: health must come back by itself. */
  #retryLater(): void {
    if (this.#state !== 'broken') return;
    this.#timers.clearTimeout(this.#retry);
    this.#retry = this.#timers.setTimeout(() => {
      this.#queue.push([]).catch(() => this.#retryLater());
    }, RETRY_MS);
    this.#retry.unref();
  }

  async #writeBatch(operations: readonly Operation[]): Promise<void> {
    if (!this.#level) throw new AppError('STORE_UNAVAILABLE', 'the disk refuses the database');
    await this.#level.batch(
      operations.map(({ key, value }) => (value ? { type: 'put', key, value } : { type: 'del', key })),
      { sync: true },
    );
  }
}

/** Refuses a directory whose database has lost its root: LevelDB would make a new one there and delete the old files. */
async function prepareDirectory(directory: string): Promise<void> {
  let names: string[];
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    names = await readdir(directory);
  } catch (cause) {
    throw new AppError('STORE_UNAVAILABLE', 'the data directory cannot be used', { cause });
  }
  if (!names.includes('CURRENT') && names.some((name) => /\.(ldb|log|sst)$/.test(name))) {
    throw new AppError('STORE_CORRUPT', 'the data directory has lost its file CURRENT');
  }
}
