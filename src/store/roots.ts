// Keeps the roots: adds their changes to each batch, checks at a start that the key records and the roots add up, and makes all roots anew.
import { AppError } from '../errors.js';
import { CHECK_PLACE, DATA_PREFIX, KEY_PREFIX, dataPrefix, keyPlace, parseUid, sealCheck } from './key-records.js';
import { prefixRange, type Operation, type Records } from './records.js';
import {
  ROOT_PREFIX,
  TOP_PLACE,
  newStoreId,
  parseRootUid,
  rootPlace,
  sealSpaceRoot,
  sealTopRoot,
  unsealSpaceRoot,
  unsealTopRoot,
  type TopRoot,
} from './root-records.js';
import type { RandomBytes, SealingKey } from './sealing.js';
import { EMPTY_SET, SetHash, addSets, compareSets, subtractSets, type SetValue } from './set-hash.js';

export interface RootsOptions {
  records: Records;
  master: SealingKey;
  randomBytes: RandomBytes;
}

/** What a batch changes in the roots. */
export interface RootChange {
  /** Operations for the same batch. */
  readonly operations: readonly Operation[];
  /** Takes the change over, once the batch is on the disk. */
  apply(): void;
}

interface SpaceRoot {
  readonly uid: Buffer;
  readonly dataKey: SealingKey;
  readonly hash: SetHash;
  /** Undefined where the root does not open. It is left as it is then, and the space never adds up again. */
  set: SetValue | undefined;
}

/** A record before and after a batch; undefined where there is none. */
interface Change {
  readonly place: Buffer;
  readonly before: Buffer | undefined;
  readonly after: Buffer | undefined;
}

/** One instance serves one start of the store. `prepare` and `apply` are called in turns, while no other batch is under way. */
export class Roots {
  readonly #options: RootsOptions;
  #master: SealingKey;
  #topHash: SetHash;
  /** Undefined in a database without one: before the first batch, or of an earlier version. */
  #top: TopRoot | undefined;
  /** By the id of the space. */
  readonly #spaces = new Map<string, SpaceRoot>();
  /** True after a batch that failed: it may be on the disk all the same. */
  #isStale = false;

  constructor(options: RootsOptions) {
    this.#options = options;
    this.#master = options.master;
    this.#topHash = new SetHash(options.master);
  }

  /** The top root on the disk. */
  get top(): TopRoot | undefined {
    return this.#top;
  }

  /** Announces a space before its first batch, or when its key record is read at a start. */
  register(uid: Buffer, dataKey: SealingKey): void {
    this.#spaces.set(uid.toString('hex'), { uid, dataKey, hash: new SetHash(dataKey), set: EMPTY_SET });
  }

  /** Takes back an announcement whose batch failed. */
  unregister(uid: Buffer): void {
    this.#spaces.delete(uid.toString('hex'));
  }

  /**
   * Reads the roots of all spaces, and compares the top root with the records that it covers.
   * @returns what does not add up; undefined when everything does @throws AppError STORE_UNAVAILABLE
   */
  async load(): Promise<string | undefined> {
    const sealedTop = await this.#options.records.get(TOP_PLACE);
    if (!sealedTop) return 'its root is missing';
    try {
      this.#top = unsealTopRoot(this.#master, sealedTop);
    } catch (error) {
      if (error instanceof AppError) return `its root does not open: ${error.message}`;
      throw error;
    }
    await this.#loadSpaces();
    const problem = compareSets(await this.#readTopSet(), this.#top.set);
    return problem && `its key records and roots do not add up: ${problem}`;
  }

  /** Marks the roots in memory as uncertain: the batch that failed may be on the disk. */
  markStale(): void {
    this.#isStale = true;
  }

  /**
   * Works out what a batch changes in the roots.
   * @param options.nextMaster master key that the batch seals the key records under
   * @param options.settlesPending true when the batch holds the audit entries of what is pending
   * @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT
   */
  async prepare(
    operations: readonly Operation[],
    { nextMaster, settlesPending = false }: { nextMaster?: SealingKey; settlesPending?: boolean } = {},
  ): Promise<RootChange> {
    if (this.#isStale) await this.#reload();
    const changes = await this.#listChanges(operations);
    if (!changes.some(({ place }) => this.#isCovered(place)) && !nextMaster && !settlesPending) {
      return { operations: [], apply: () => undefined };
    }
    const isDestroyed = (uid: Buffer): boolean =>
      changes.some(({ place, after }) => !after && place.equals(keyPlace(uid)));
    const destroyed: SpaceRoot[] = [];
    const sets = new Map<SpaceRoot, SetValue>();
    const rootChanges: Change[] = [];
    for (const [root, set] of this.#addUp(changes)) {
      const place = rootPlace(root.uid);
      const before = await this.#options.records.get(place);
      if (isDestroyed(root.uid)) {
        destroyed.push(root);
        rootChanges.push({ place, before, after: undefined });
      } else if (set) {
        sets.set(root, set);
        rootChanges.push({
          place,
          before,
          after: sealSpaceRoot(root.dataKey, root.uid, set, this.#options.randomBytes),
        });
      }
    }
    const master = nextMaster ?? this.#master;
    const topHash = nextMaster ? new SetHash(nextMaster) : this.#topHash;
    const topChanges = [...changes.filter(({ place }) => isCoveredByTop(place)), ...rootChanges];
    const topSet = nextMaster ? await this.#recompute(topHash, topChanges) : this.#changeTopSet(topChanges);
    const top: TopRoot = {
      id: this.#top?.id ?? newStoreId(this.#options.randomBytes),
      version: (this.#top?.version ?? 0) + 1,
      set: topSet,
      pending: settlesPending ? 0 : (this.#top?.pending ?? 0),
    };
    return {
      operations: [
        ...rootChanges.map(({ place, after }) => (after ? { key: place, value: after } : { key: place })),
        { key: TOP_PLACE, value: sealTopRoot(master, top, this.#options.randomBytes) },
      ],
      apply: () => {
        this.#top = top;
        this.#master = master;
        this.#topHash = topHash;
        for (const [root, set] of sets) root.set = set;
        for (const { uid } of destroyed) this.unregister(uid);
      },
    };
  }

  /**
   * Makes all roots anew from the records as they are, for a database without roots and for one that the operator accepts.
   * @param make.id id of the database; a new one by default
   * @param make.keepsCheck true when the check record stays as it is, so that an earlier version can still open the database
   * @returns operations for one batch; after it is on the disk `load` is called again
   * @throws AppError STORE_UNAVAILABLE
   */
  async makeAnew(make: { id?: Buffer; version: number; pending: number; keepsCheck?: boolean }): Promise<Operation[]> {
    const { records, randomBytes } = this.#options;
    const operations: Operation[] = make.keepsCheck
      ? []
      : [{ key: CHECK_PLACE, value: sealCheck(this.#master, randomBytes) }];
    for await (const chunk of records.keys(prefixRange(ROOT_PREFIX))) {
      // Roots without a space: their key records are gone.
      for (const place of chunk) if (parseRootUid(place)) operations.push({ key: place });
    }
    for (const { uid, dataKey, hash } of this.#spaces.values()) {
      let set = EMPTY_SET;
      for await (const chunk of records.entries(prefixRange(dataPrefix(uid)))) {
        set = addSets(set, hash.compute(chunk.map(([, sealed]) => sealed)));
      }
      operations.push({ key: rootPlace(uid), value: sealSpaceRoot(dataKey, uid, set, randomBytes) });
    }
    const changes = await this.#listChanges(operations);
    const set = await this.#recompute(this.#topHash, changes);
    const { id = newStoreId(randomBytes), version, pending } = make;
    return [
      ...operations,
      { key: TOP_PLACE, value: sealTopRoot(this.#master, { id, version, set, pending }, randomBytes) },
    ];
  }

  async #loadSpaces(): Promise<void> {
    const roots = [...this.#spaces.values()];
    const sealed = await this.#options.records.getMany(roots.map(({ uid }) => rootPlace(uid)));
    const keys = await this.#options.records.getMany(roots.map(({ uid }) => keyPlace(uid)));
    for (const [i, root] of roots.entries()) {
      // A space without a key record is announced, but not on the disk yet.
      root.set = keys[i] ? tryUnseal(root, sealed[i]) : EMPTY_SET;
    }
  }

  /** Reads the roots again after a batch of which nobody knows whether it is on the disk. */
  async #reload(): Promise<void> {
    const sealedTop = await this.#options.records.get(TOP_PLACE);
    this.#top = sealedTop && unsealTopRoot(this.#master, sealedTop);
    await this.#loadSpaces();
    this.#isStale = false;
  }

  /** Lists what a batch changes, one change for each place: the last operation on a place counts. */
  async #listChanges(operations: readonly Operation[]): Promise<Change[]> {
    const last = new Map(operations.map((operation) => [operation.key.toString('latin1'), operation]));
    const covered = [...last.values()].filter(({ key }) => this.#isCovered(key) || isCoveredByTop(key));
    const before = await this.#options.records.getMany(covered.map(({ key }) => key));
    return covered
      .map(({ key, value }, i): Change => ({ place: key, before: before[i], after: value }))
      .filter(({ before: old, after }) => (old && after ? !old.equals(after) : old !== after));
  }

  /** Returns whether a root covers this place: one of a space that is served, or of the check record and the key records. */
  #isCovered(place: Buffer): boolean {
    if (place[0] === DATA_PREFIX[0]) return this.#spaces.has(parseUid(place).toString('hex'));
    return place.equals(CHECK_PLACE) || place[0] === KEY_PREFIX[0];
  }

  /** Returns the spaces whose roots change, with their new sets; undefined for a root that does not open. */
  #addUp(changes: readonly Change[]): Map<SpaceRoot, SetValue | undefined> {
    const bySpace = new Map<SpaceRoot, Change[]>();
    for (const change of changes) {
      const { place } = change;
      const isKey = place[0] === KEY_PREFIX[0];
      // The key record of a space that stays changes with a new master key only.
      if (isKey && change.before && change.after) continue;
      if (!isKey && place[0] !== DATA_PREFIX[0]) continue;
      const root = this.#spaces.get(parseUid(place).toString('hex'));
      if (!root) continue;
      const own = bySpace.get(root) ?? [];
      bySpace.set(root, own);
      if (!isKey) own.push(change);
    }
    return new Map([...bySpace].map(([root, own]) => [root, root.set && change(root.hash, root.set, own)]));
  }

  #changeTopSet(changes: readonly Change[]): SetValue {
    return change(this.#topHash, this.#top?.set ?? EMPTY_SET, changes);
  }

  /** Computes the set of the top root from the disk and from changes to it. */
  async #recompute(hash: SetHash, changes: readonly Change[]): Promise<SetValue> {
    return change(hash, await this.#readTopSet(hash), changes);
  }

  /** Computes the set of the check record, the key records and the roots of the spaces. */
  async #readTopSet(hash: SetHash = this.#topHash): Promise<SetValue> {
    const { records } = this.#options;
    const check = await records.get(CHECK_PLACE);
    let set = hash.compute(check ? [check] : []);
    for (const prefix of [KEY_PREFIX, ROOT_PREFIX]) {
      for await (const chunk of records.entries(prefixRange(prefix))) {
        const covered = chunk.filter(([place]) => isCoveredByTop(place));
        set = addSets(set, hash.compute(covered.map(([, sealed]) => sealed)));
      }
    }
    return set;
  }
}

function change(hash: SetHash, set: SetValue, changes: readonly Change[]): SetValue {
  const before = hash.compute(changes.flatMap((one) => one.before ?? []));
  const after = hash.compute(changes.flatMap((one) => one.after ?? []));
  return addSets(subtractSets(set, before), after);
}

function isCoveredByTop(place: Buffer): boolean {
  const [first] = place;
  if (place.equals(CHECK_PLACE) || first === KEY_PREFIX[0]) return true;
  // Everything under the prefix of the roots counts, so that nothing can hide there.
  return first === ROOT_PREFIX[0] && !place.equals(TOP_PLACE);
}

function tryUnseal({ dataKey, uid }: SpaceRoot, sealed: Buffer | undefined): SetValue | undefined {
  try {
    return sealed && unsealSpaceRoot(dataKey, uid, sealed);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
