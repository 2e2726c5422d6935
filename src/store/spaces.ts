// The spaces of one store: their key records, their creation, and their destruction by destroying the key.
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import type { BackgroundWorkOptions } from './background-work.js';
import {
  CHECK_PLACE,
  KEY_PREFIX,
  dataPrefix,
  keyPlace,
  newUid,
  sealCheck,
  sealKeyRecord,
  parseUid,
  unsealCheck,
  unsealKeyRecord,
  type KeyRecord,
} from './key-records.js';
import { Leftovers } from './leftovers.js';
import type { Note } from './note.js';
import { prefixRange, type Operation, type Records } from './records.js';
import type { Roots } from './roots.js';
import { isSealedBy, newDataKey, type RandomBytes, type SealingKey } from './sealing.js';
import { Space } from './space.js';

export interface SpacesOptions {
  records: Records;
  write: (operations: readonly Operation[], note?: Note) => Promise<void>;
  compact: (range: { gte: Buffer; lt: Buffer }) => Promise<void>;
  timers: BackgroundWorkOptions['timers'];
  master: SealingKey;
  roots: Roots;
  randomBytes: RandomBytes;
  log: Log;
}

/** Space, records and note that a change of a label takes with it. */
export interface SpaceReplacement {
  /** Space that is destroyed in the same batch. */
  replaced?: Space;
  contents?: readonly Operation[];
  note?: Note | undefined;
}

/** Form of a database: empty, of a version before roots, or as this version writes it. */
export type StoreForm = 'new' | 'without roots' | 'with roots';

interface Entry extends KeyRecord {
  uid: Buffer;
  space: Space;
}

/** One instance serves one start of the store. */
export class Spaces {
  readonly #options: SpacesOptions;
  readonly #leftovers: Leftovers;
  /** Spaces by their ids. */
  readonly #entries = new Map<string, Entry>();
  /** Spaces that are being made, by label: several callers at once get the same one. */
  readonly #opening = new Map<string, Promise<Space>>();
  /** Ids of spaces whose key record does not open. */
  readonly #damaged = new Set<string>();
  #master: SealingKey;
  /** While it is under way, nothing is sealed by the master key. */
  #rotation: Promise<void> | undefined;

  constructor(options: SpacesOptions) {
    this.#options = options;
    this.#master = options.master;
    this.#leftovers = new Leftovers(options);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Number of key records that do not open. They and the records of their spaces are kept. */
  get damaged(): number {
    return this.#damaged.size;
  }

  /**
   * Checks the master key and reads the key records. Writes nothing.
   * @throws AppError STORE_KEY_WRONG, STORE_CORRUPT
   */
  async load(signal: AbortSignal): Promise<StoreForm> {
    const form = await this.#check();
    for await (const chunk of this.#options.records.entries(prefixRange(KEY_PREFIX))) {
      signal.throwIfAborted();
      for (const [place, sealed] of chunk) this.#loadKeyRecord(parseUid(place), sealed);
    }
    return form;
  }

  /** Removes in the background what is left of spaces whose destruction was cut off. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.#leftovers.find((id) => this.#entries.has(id) || this.#damaged.has(id), signal);
    this.#leftovers.run();
  }

  /** Returns whether the database is sealed under this master key. This does not show whether it is damaged. */
  async opens(): Promise<boolean> {
    const sealed = await this.#options.records.get(CHECK_PLACE);
    return sealed !== undefined && isSealedBy(this.#master, sealed);
  }

  /**
   * Reads the spaces with this label from other records than the current ones. They have key copies of their own and cannot be written.
   * @throws AppError STORE_UNAVAILABLE
   */
  async readAll(label: string, records: Records): Promise<{ spaces: Space[]; damagedSpaces: number }> {
    const spaces: Space[] = [];
    let damagedSpaces = 0;
    for await (const chunk of records.entries(prefixRange(KEY_PREFIX))) {
      for (const [place, sealed] of chunk) {
        const uid = parseUid(place);
        const found = this.#tryUnseal(uid, sealed);
        if (!found) damagedSpaces++;
        if (found?.label !== label) continue;
        const { randomBytes } = this.#options;
        const space = new Space({ prefix: dataPrefix(uid), dataKey: found.dataKey, records, randomBytes });
        space.markDestroyed(true);
        spaces.push(space);
      }
    }
    return { spaces, damagedSpaces };
  }

  /**
   * Waits for a rotation. Until it has ended, nothing new is sealed by the master key.
   * @throws what the rotation throws
   */
  async holdKeys(rotation: Promise<void>): Promise<void> {
    this.#rotation = rotation;
    try {
      await rotation;
    } finally {
      this.#rotation = undefined;
    }
  }

  /** Returns whether the master key is being changed. */
  get isRotating(): boolean {
    return this.#rotation !== undefined;
  }

  useMaster(master: SealingKey): void {
    this.#master = master;
  }

  /** Seals the check record anew, in the form of this version. */
  sealCheck(): Operation {
    return { key: CHECK_PLACE, value: sealCheck(this.#master, this.#options.randomBytes) };
  }

  /** Seals the check record and the key records under another master key. A key record that does not open is kept unchanged. */
  async resealKeys(master: SealingKey): Promise<Operation[]> {
    const { records, randomBytes } = this.#options;
    const operations: Operation[] = [{ key: CHECK_PLACE, value: sealCheck(master, randomBytes) }];
    for await (const chunk of records.entries(prefixRange(KEY_PREFIX))) {
      for (const [place, sealed] of chunk) {
        const uid = parseUid(place);
        const record = this.#tryUnseal(uid, sealed);
        if (record) {
          const value = sealKeyRecord(master, uid, record, randomBytes);
          operations.push({ key: place, value, erase: true });
        }
      }
    }
    return operations;
  }

  /** Returns all spaces with their labels. */
  all(): { label: string; space: Space }[] {
    return [...this.#entries.values()].map(({ label, space }) => ({ label, space }));
  }

  list(label: string): Space[] {
    return [...this.#entries.values()].filter((entry) => entry.label === label).map((entry) => entry.space);
  }

  open(label: string): Promise<Space> {
    const existing = this.#opening.get(label) ?? this.list(label)[0];
    if (existing) return Promise.resolve(existing);
    const created = this.create(label, () => []).finally(() => this.#opening.delete(label));
    this.#opening.set(label, created);
    return created;
  }

  async create(label: string, contents: (space: Space) => Operation[], note?: Note): Promise<Space> {
    while (this.#rotation) await this.#rotation.catch(() => undefined);
    const uid = this.#freeUid();
    const entry = this.#entry(uid, { label, dataKey: newDataKey(this.#options.randomBytes) });
    const sealed = sealKeyRecord(this.#master, uid, entry, this.#options.randomBytes);
    this.#options.roots.register(uid, entry.dataKey);
    try {
      await this.#options.write([{ key: keyPlace(uid), value: sealed }, ...contents(entry.space)], note);
    } catch (error) {
      this.#options.roots.unregister(uid);
      throw error;
    }
    this.#entries.set(entry.space.id, entry);
    return entry.space;
  }

  /** See SealedStore.relabelSpace. */
  async relabel(space: Space, label: string, { replaced, contents = [], note }: SpaceReplacement): Promise<void> {
    while (this.#rotation) await this.#rotation.catch(() => undefined);
    const entry = this.#findEntry(space);
    const value = sealKeyRecord(this.#master, entry.uid, { ...entry, label }, this.#options.randomBytes);
    const operations = [{ key: keyPlace(entry.uid), value }, ...contents];
    if (replaced) await this.#destroy(replaced, operations, note);
    else await this.#options.write(operations, note);
    entry.label = label;
  }

  async destroy(space: Space, note?: Note): Promise<void> {
    await this.#destroy(space, [], note);
  }

  /** Destroys a space in one batch with other operations. */
  async #destroy(space: Space, others: readonly Operation[], note: Note | undefined): Promise<void> {
    const entry = this.#findEntry(space);
    space.markDestroyed(true);
    try {
      await this.#options.write([...others, { key: keyPlace(entry.uid), erase: true }], note);
    } catch (error) {
      space.markDestroyed(false);
      throw error;
    }
    this.#entries.delete(space.id);
    entry.dataKey.secret.fill(0);
    this.#leftovers.add(entry.uid);
  }

  /** @throws TypeError for a space that is destroyed, or of another store */
  #findEntry(space: Space): Entry {
    const entry = this.#entries.get(space.id);
    if (!entry || entry.space !== space || space.destroyed) throw new TypeError('no space of this store');
    return entry;
  }

  idle(): Promise<void> {
    return this.#leftovers.idle();
  }

  /** Stops the removal of destroyed spaces. */
  pause(): Promise<void> {
    return this.#leftovers.pause();
  }

  resume(): void {
    this.#leftovers.resume();
  }

  async #check(): Promise<StoreForm> {
    const { records } = this.#options;
    const master = this.#master;
    const sealed = await records.get(CHECK_PLACE);
    if (sealed) {
      if (!isSealedBy(master, sealed)) {
        throw new AppError('STORE_KEY_WRONG', 'the data directory is sealed under another master key');
      }
      return unsealCheck(master, sealed).hasRoots ? 'with roots' : 'without roots';
    }
    for await (const chunk of records.keys({ limit: 1 })) {
      // A new check record would let this key pass although the data is sealed under another one.
      if (chunk.length > 0) throw new AppError('STORE_CORRUPT', 'the data directory has lost its check record');
    }
    return 'new';
  }

  #loadKeyRecord(uid: Buffer, sealed: Buffer): void {
    const id = uid.toString('hex');
    try {
      const entry = this.#entry(uid, unsealKeyRecord(this.#master, uid, sealed));
      this.#entries.set(id, entry);
      this.#options.roots.register(uid, entry.dataKey);
    } catch (error) {
      this.#damaged.add(id);
      this.#options.log.error({ space: id, error: describeError(error) }, 'a key record does not open; it was kept');
    }
  }

  #tryUnseal(uid: Buffer, sealed: Buffer): KeyRecord | undefined {
    try {
      return unsealKeyRecord(this.#master, uid, sealed);
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  #entry(uid: Buffer, record: KeyRecord): Entry {
    const { records, randomBytes } = this.#options;
    return {
      ...record,
      uid,
      space: new Space({ prefix: dataPrefix(uid), dataKey: record.dataKey, records, randomBytes }),
    };
  }

  #freeUid(): Buffer {
    for (;;) {
      const uid = newUid(this.#options.randomBytes);
      const id = uid.toString('hex');
      if (!this.#entries.has(id) && !this.#damaged.has(id)) return uid;
    }
  }
}
