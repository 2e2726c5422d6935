// The only access to LevelDB: reads, synced atomic batches, and the recovery from a write that the disk refused.
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { ClassicLevel, type Snapshot } from 'classic-level';
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import type { Operation, Records } from './records.js';
import { toStoreError } from './store-error.js';

export type { Snapshot } from 'classic-level';

type Level = ClassicLevel<Buffer, Buffer>;

/** Entries and bytes that a walk reads at once: a face has 0.7 kB. */
const CHUNK_ENTRIES = 256;
const CHUNK_BYTES = 256 * 1024;

export interface DatabaseOptions {
  /** Folder of the database, made (0700) if it does not exist. */
  directory: string;
  log: Log;
}

/**
 * Reads and writes throw AppError STORE_UNAVAILABLE when the disk refuses, and STORE_CORRUPT. Reads throw STOPPED before `open` and after
 * `refuseReads`. Batches must be committed one after the other.
 */
export class Database {
  readonly #options: DatabaseOptions;
  #level: Level | undefined;
  #acceptsReads = false;
  /** Set when the disk refused a write and the database could not be opened again since. */
  #isBroken = false;
  /** Takes back a batch that may or may not be on the disk. It is written first when the database opens again. */
  #undo: Operation[] = [];
  /** Resolves when the database has been opened again; set while it is being opened. */
  #reopening: Promise<void> | undefined;
  #batches = 0;
  #failedBatches = 0;
  /** Walks and snapshots that are open: each holds files of the database, and a snapshot holds old values as well. */
  readonly #readers = new Set<Promise<void>>();
  readonly #snapshotEnds = new Map<Snapshot, () => void>();

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#acceptsReads;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Number of batches on the disk. */
  get batches(): number {
    return this.#batches;
  }

  get failedBatches(): number {
    return this.#failedBatches;
  }

  /** Opens the database. @throws AppError STORE_LOCKED, STORE_CORRUPT, STORE_UNAVAILABLE; nothing is overwritten then */
  async open(): Promise<void> {
    await prepareDirectory(this.#options.directory);
    this.#level = await openLevel(this.#options.directory);
    this.#acceptsReads = true;
  }

  /** Reads fail from now on. Batches can still be committed. */
  refuseReads(): void {
    this.#acceptsReads = false;
  }

  async close(): Promise<void> {
    this.#acceptsReads = false;
    await this.#level?.close();
    this.#level = undefined;
    this.#undo = [];
    this.#isBroken = false;
  }

  /** Checks that reads are accepted. @throws AppError STOPPED */
  mustAcceptReads(): void {
    if (!this.#acceptsReads) throw new AppError('STOPPED', 'the store is not open');
  }

  /**
   * Returns the current records, or those of a snapshot.
   * @param source.forWrites true for reads that a batch needs: they work as long as batches can be committed
   */
  records(source: { snapshot?: Snapshot; forWrites?: boolean } = {}): Records {
    const { snapshot, forWrites = false } = source;
    const options = { ...(snapshot && { snapshot }), fillCache: false };
    const walked = { ...options, highWaterMarkBytes: CHUNK_BYTES };
    return {
      get: (key) => this.#read((level) => level.get(key, options), forWrites),
      getMany: (keys) => this.#read((level) => level.getMany([...keys], options), forWrites),
      entries: (range) => this.#walk((level) => level.iterator<Buffer, Buffer>({ ...range, ...walked })),
      keys: (range) => this.#walk((level) => level.keys<Buffer>({ ...range, ...walked })),
    };
  }

  /** Holds the records as they are now until `closeSnapshot`. */
  async takeSnapshot(): Promise<Snapshot> {
    const snapshot = await this.#read(async (level) => level.snapshot());
    this.#snapshotEnds.set(snapshot, this.#addReader());
    return snapshot;
  }

  async closeSnapshot(snapshot: Snapshot): Promise<void> {
    try {
      await snapshot.close();
    } finally {
      this.#snapshotEnds.get(snapshot)?.();
      this.#snapshotEnds.delete(snapshot);
    }
  }

  /** Resolves when the walks and snapshots that are open now have been closed; undefined when none is open. */
  readersClosed(): Promise<void> | undefined {
    return this.#readers.size === 0 ? undefined : Promise.all(this.#readers).then(() => undefined);
  }

  /** Rewrites the files of a range, so that deleted records leave the disk. */
  compact({ gte, lt }: { gte: Buffer; lt: Buffer }): Promise<void> {
    return this.#read((level) => level.compactRange(gte, lt));
  }

  /**
   * Writes one synced atomic batch. After a rejection none of it is on the disk, also after the database was opened again.
   * A broken database is opened first.
   */
  async commit(operations: readonly Operation[]): Promise<void> {
    await this.repair();
    if (operations.length === 0) return;
    try {
      await this.#writeBatch(operations);
      this.#batches++;
    } catch (cause) {
      this.#failedBatches++;
      this.#options.log.error({ error: describeError(cause) }, 'the disk refused a write');
      await this.#recover(operations);
      throw toStoreError(cause);
    }
  }

  /** Opens a broken database again; does nothing otherwise. */
  async repair(): Promise<void> {
    if (this.#isBroken && this.#acceptsReads) await this.reopen();
  }

  /** Closes the database and opens it again. Walks that are under way fail, other reads wait. When this fails, the database is broken. */
  async reopen(): Promise<void> {
    const reopening = this.#reopen();
    this.#reopening = reopening.catch(() => undefined).finally(() => (this.#reopening = undefined));
    await reopening;
  }

  async #reopen(): Promise<void> {
    try {
      await this.#level?.close();
      this.#level = undefined;
      this.#level = await openLevel(this.#options.directory);
      await this.#writeBatch(this.#undo);
    } catch (cause) {
      this.#isBroken = true;
      throw toStoreError(cause);
    }
    this.#undo = [];
    if (!this.#isBroken) return;
    this.#isBroken = false;
    this.#options.log.info({}, 'the store is in service again');
  }

  /**
   * Takes back a batch that failed. LevelDB's log may hold half of it, and what LevelDB appends behind that would be lost at the next
   * start; or the log holds all of it, unsynced. So the values from before the batch are looked up, the database is opened again, and the
   * values are restored. If the disk cannot even be read, there is nothing to restore, and the next opening shows whether the batch took
   * effect.
   */
  async #recover(operations: readonly Operation[]): Promise<void> {
    if (this.#isBroken || !this.#acceptsReads) return;
    this.#isBroken = true;
    try {
      const keys = [...new Map(operations.map(({ key }) => [key.toString('hex'), key])).values()];
      const values = await this.#read((level) => level.getMany(keys));
      this.#undo = keys.map((key, i) => {
        const value = values[i];
        return value === undefined ? { key } : { key, value };
      });
      await this.reopen();
    } catch (error) {
      const { log } = this.#options;
      log.error({ error: describeError(error) }, 'the store is out of service until the disk accepts writes');
    }
  }

  async #read<T>(work: (level: Level) => Promise<T>, forWrites = false): Promise<T> {
    if (!forWrites) this.mustAcceptReads();
    while (this.#reopening) await this.#reopening;
    if (!this.#level) throw diskRefuses();
    try {
      return await work(this.#level);
    } catch (cause) {
      throw toStoreError(cause);
    }
  }

  async *#walk<T>(
    open: (level: Level) => { nextv(size: number): Promise<T[]>; close(): Promise<void> },
  ): AsyncGenerator<T[]> {
    const iterator = await this.#read(async (level) => open(level));
    const end = this.#addReader();
    const read = (): Promise<T[]> => this.#read(() => iterator.nextv(CHUNK_ENTRIES));
    let ahead: Promise<T[]> | undefined;
    try {
      for (let chunks = 0; ; chunks++) {
        const chunk = await (ahead ?? read());
        if (chunk.length === 0) return;
        // From the second chunk on LevelDB reads the next one while this one is used: many walks want no more than the first.
        ahead = chunks > 0 ? read() : undefined;
        ahead?.catch(() => undefined);
        yield chunk;
      }
    } finally {
      await ahead?.catch(() => undefined);
      await iterator.close().finally(end);
    }
  }

  /** @returns what ends the reader */
  #addReader(): () => void {
    let end = (): void => undefined;
    const reader = new Promise<void>((resolve) => (end = resolve)).then(() => void this.#readers.delete(reader));
    this.#readers.add(reader);
    return end;
  }

  async #writeBatch(operations: readonly Operation[]): Promise<void> {
    if (!this.#level) throw diskRefuses();
    await this.#level.batch(
      operations.map(({ key, value }) => (value ? { type: 'put', key, value } : { type: 'del', key })),
      { sync: true },
    );
  }
}

async function openLevel(directory: string): Promise<Level> {
  const level = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    // Sealed bytes do not compress.
    compression: false,
    // The callers keep in memory what they read often.
    cacheSize: 1 << 20,
  });
  try {
    await level.open();
  } catch (cause) {
    throw toStoreError(cause);
  }
  return level;
}

/** Refuses a directory whose database has lost its root file: LevelDB would make a new one there and delete the old files. */
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

function diskRefuses(): AppError {
  return new AppError('STORE_UNAVAILABLE', 'the disk refuses the database');
}
