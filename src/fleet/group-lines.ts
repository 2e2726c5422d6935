// All groups of the authority on their way to the log: one line for each group that is shared, and for each one that leaves.
import { randomBytes } from 'node:crypto';
import type { Log } from '../domain/log.js';
import type { Clock, Timers } from '../domain/time.js';
import { describeError } from '../errors.js';
import type { GroupChange } from '../gallery/gallery-changes.js';
import type { GroupInfo, GroupRef } from '../gallery/gallery.types.js';
import type { LevelGallery } from '../gallery/leveldb-gallery.js';
import { Queue } from './at-once.js';
import type { AuthorityState } from './authority-state.js';
import type { FleetLog } from './fleet-log.js';
import type { DeletionRecord } from './fleet-records.js';
import type { FleetGroupStatus } from './fleet.types.js';
import { GroupLine } from './group-line.js';
import { GroupPublisher } from './group-publisher.js';
import type { Head } from './head.js';
import type { SharedGroup } from './memberships.js';
import type { PublishedGroups } from './published-groups.js';
import type { PublishedState } from './published-state.js';
import { EPOCH_KEY_BYTES } from './record-seal.js';
import type { PublishedGroup } from './status.js';

const GROUPS_PER_PAGE = 200;

export interface GroupLinesOptions {
  state: AuthorityState;
  published: PublishedGroups;
  gallery: Pick<LevelGallery, 'listGroups' | 'copies' | 'stats'>;
  /** Returns the id of the appKey whose groups are shared; undefined where there is no such appKey. */
  findOwner: () => string | undefined;
  /** Groups that are shared; undefined: all of the appKey. */
  groups: readonly string[] | undefined;
  renewMs: number;
  headLifeMs: number;
  clock: Clock;
  random: () => number;
  timers: Timers;
  log: Log;
}

/** The rest of the authority, as the lines use it. */
export interface GroupLinesOwner {
  fleetLog: FleetLog;
  /** Gives the keys of `listShared` to the doors. */
  publishMemberships: () => Promise<unknown>;
  onPublished: (head: Head) => Promise<void>;
  /** A group has left the log. */
  onLeft: () => void;
}

export class GroupLines {
  readonly #options: GroupLinesOptions;
  readonly #owner: GroupLinesOwner;
  /** Groups that are published or leave, by their ids in the fleet. */
  readonly #lines = new Map<string, GroupLine>();
  /** Keys of epochs that doors get before the first head of that epoch, by the id of the group in the fleet. */
  readonly #comingEpochs = new Map<string, { epoch: number; key: Buffer }>();
  readonly #queue = new Queue();
  #problem: string | undefined;

  constructor(options: GroupLinesOptions, owner: GroupLinesOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** Why nothing can be shared, or why groups that are gone stay in the log; undefined where neither is so. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get size(): number {
    return this.#shared().length;
  }

  /** Makes a line for each shared group that has none, and for each group that was published and is shared no longer. */
  share(): Promise<void> {
    return this.#queue.run(() => this.#share());
  }

  async stop(): Promise<void> {
    await this.#queue.run(async () => {
      await Promise.all([...this.#lines.values()].map((line) => line.stop()));
      this.#lines.clear();
    });
  }

  /** Takes a change of the gallery. @returns true where a group is to be shared, or shared no longer: call `share` */
  note({ owner, groupId }: GroupRef, change: GroupChange): boolean {
    if (owner !== this.#options.findOwner() || !this.#isShared(groupId)) return false;
    if (change === 'created') return true;
    const line = this.#shared().find((one) => one.groupId === groupId);
    if (change === 'deleted') line?.remove();
    else line?.note(change);
    return false;
  }

  /** Goes on at once: the log can be reached again. */
  reach(): void {
    for (const line of this.#lines.values()) line.reach();
  }

  find(group: string): GroupLine | undefined {
    return this.#lines.get(group);
  }

  /** Finds a shared group in the gallery by its id in the fleet. */
  findRef(group: string): GroupRef | undefined {
    const owner = this.#options.findOwner();
    const line = this.#lines.get(group);
    return line && !line.isRemoved && owner !== undefined ? { owner, groupId: line.groupId } : undefined;
  }

  /** Groups as the memberships hand them out. */
  listShared(): SharedGroup[] {
    return this.#shared().map(({ groupId, publisher }) => {
      const { group, modelVersion, epoch } = publisher;
      const coming = this.#comingEpochs.get(group);
      const epochKeys = new Map(publisher.epochKeys);
      if (coming && coming.epoch > epoch) epochKeys.set(coming.epoch, coming.key);
      return { groupId, group, modelVersion, epoch, epochKeys };
    });
  }

  listPublished(): PublishedGroup[] {
    return this.#shared().map(({ groupId, publisher }) => {
      const { group, modelVersion, version, published } = publisher;
      return { groupId, group, modelVersion, version, ...(published && { issuedAt: published.issuedAt }) };
    });
  }

  listStatus(): FleetGroupStatus[] {
    return this.#shared().map(describeLine);
  }

  /**
   * Begins a new epoch in groups: doors that are members get its key first, then the head follows.
   * @throws AppError FLEET_UNREACHABLE, STORE_UNAVAILABLE: repeat it
   */
  async beginEpochs(groupIds: readonly string[]): Promise<void> {
    const wanted = this.#shared().filter(({ groupId }) => groupIds.includes(groupId));
    for (const { publisher } of wanted) {
      this.#comingEpochs.set(publisher.group, { epoch: publisher.nextEpoch, key: randomBytes(EPOCH_KEY_BYTES) });
    }
    await this.#owner.publishMemberships();
    for (const { publisher } of wanted) {
      const coming = this.#comingEpochs.get(publisher.group);
      if (!coming) continue;
      await this.#owner.onPublished(await publisher.beginEpoch(coming.key));
      this.#comingEpochs.delete(publisher.group);
    }
  }

  #shared(): GroupLine[] {
    return [...this.#lines.values()].filter(({ isRemoved }) => !isRemoved);
  }

  #isShared(groupId: string): boolean {
    return this.#options.groups?.includes(groupId) ?? true;
  }

  async #share(): Promise<void> {
    const { findOwner, state, published, gallery } = this.#options;
    const owner = findOwner();
    if (owner === undefined) {
      this.#problem = 'the appKey whose groups the fleet shares does not exist';
      return;
    }
    const current = new Set<string>();
    for (const { groupId, modelVersion } of await this.#listOwn(owner)) {
      const group = await state.findFleetGroup(groupId);
      // A deleted group that was made again gets its new id when the old one has left the log, also where a kill came in between.
      if (published.find(group)?.facts.isDeleted) continue;
      current.add(group);
      if (this.#lines.has(group)) continue;
      const stored = published.find(group) ?? (await published.create({ group, modelVersion }));
      const line = await this.#open(stored, groupId, { owner, groupId });
      line.start();
    }
    // A group that cannot be read is not deleted: its copies stay, until they are too old.
    const isComplete = gallery.stats().damagedGroups === 0;
    this.#problem = isComplete
      ? undefined
      : 'a group of the gallery cannot be read: groups that are gone stay at the doors';
    if (!isComplete) return;
    for (const stored of published.list()) {
      const { group } = stored.facts;
      if (current.has(group)) continue;
      const groupId = state.groups.find((one) => one.group === group)?.groupId ?? group;
      const line = this.#lines.get(group) ?? (await this.#open(stored, groupId, undefined));
      if (line.isRemoved) continue;
      line.remove();
      line.start();
    }
  }

  async #listOwn(owner: string): Promise<GroupInfo[]> {
    const { gallery } = this.#options;
    const groups: GroupInfo[] = [];
    let token: string | undefined;
    do {
      const page = await gallery.listGroups(owner, { limit: GROUPS_PER_PAGE, ...(token !== undefined && { token }) });
      groups.push(...page.items.filter(({ groupId, copyOf }) => !copyOf && this.#isShared(groupId)));
      token = page.nextToken;
    } while (token !== undefined);
    return groups;
  }

  /** @param ref the group in the gallery; undefined for one that it does not have any more */
  async #open(stored: PublishedState, groupId: string, ref: GroupRef | undefined): Promise<GroupLine> {
    const { state, gallery, headLifeMs, renewMs, clock, random, timers, log } = this.#options;
    const { fleetLog, onPublished } = this.#owner;
    const publisher = await GroupPublisher.open({
      log: fleetLog,
      authority: state.identity.signing,
      fleet: state.fleet,
      state: stored,
      listFaces: () => (ref ? gallery.copies.listFaces(ref) : listNothing()),
      headLifeMs,
      clock,
      randomBytes,
    });
    const { group } = publisher;
    const line = new GroupLine({
      groupId,
      publisher,
      renewMs,
      onPublished,
      onDeleted: (version, faces) => this.#noteDeletion({ group, groupId, version, faces, kind: 'faces' }),
      onEpochLost: () => void this.#replaceEpoch(groupId),
      onRemoved: () => void this.#forget(group),
      random,
      timers,
      logger: log,
    });
    this.#lines.set(group, line);
    return line;
  }

  async #replaceEpoch(groupId: string): Promise<void> {
    try {
      await this.beginEpochs([groupId]);
    } catch (error) {
      this.#options.log.warn({ groupId, error: describeError(error) }, 'a new epoch cannot begin now');
    }
  }

  async #noteDeletion(deletion: Omit<DeletionRecord, 'number' | 'at'>): Promise<void> {
    const { state } = this.#options;
    await state.noteDeletions([{ ...deletion, at: state.now() }]);
  }

  async #forget(group: string): Promise<void> {
    const { state, published, log } = this.#options;
    const line = this.#lines.get(group);
    if (!line) return;
    try {
      await line.stop();
      const { groupId, publisher } = line;
      await this.#noteDeletion({ group, groupId, version: publisher.version, faces: line.faces, kind: 'group' });
      // In this order: after a kill in between, the rest of the group is found again, and its id is not used for another one.
      await state.endFleetGroup(group);
      const stored = published.find(group);
      if (stored) await published.forget(stored);
    } catch (error) {
      log.warn(
        { groupId: line.groupId, error: describeError(error) },
        'a group that left the fleet cannot be forgotten',
      );
    }
    // Where something failed, the next look at the groups finds the rest of it, and begins again.
    this.#lines.delete(group);
    this.#owner.onLeft();
  }
}

async function* listNothing(): AsyncGenerator<never> {}

function describeLine({ groupId, publisher, failure }: GroupLine): FleetGroupStatus {
  const { modelVersion, version, epoch, records, root, published } = publisher;
  const facts = {
    groupId,
    modelVersion,
    version,
    epoch,
    records,
    root,
    ...(published && { issuedAt: published.issuedAt }),
  };
  if (published?.version === version) return { ...facts, state: 'current' };
  const reason = failure === undefined ? 'it is being written' : failure;
  return { ...facts, state: 'behind', detail: `The newest version is not in the log yet: ${reason}.` };
}
