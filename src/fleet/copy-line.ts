// One group of a door on its way from the log: keeps the copy at the newest version, and knows how far it can be relied on.
import type { Log } from '../domain/log.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { GroupRef } from '../gallery/gallery.types.js';
import type { LevelGallery } from '../gallery/leveldb-gallery.js';
import { WorkLoop } from '../platform/work-loop.js';
import { CopyAge } from './copy-age.js';
import type { FleetLog } from './fleet-log.js';
import type { FleetCopyState, FleetGroupStatus } from './fleet.types.js';
import { GalleryCopyStore } from './gallery-copy-store.js';
import { GroupCopy, type CopyRefusal } from './group-copy.js';
import type { JoinedFleet } from './joined-fleet.js';

const RETRY = { firstMs: 250, maxMs: 15_000 };

/** A group as the membership names it. */
export interface GivenGroup {
  /** Id in the fleet. */
  group: string;
  groupId: string;
  modelVersion: string;
}

export interface CopyLineOptions {
  given: GivenGroup;
  ref: GroupRef;
  fleetLog: FleetLog;
  joined: JoinedFleet;
  gallery: Pick<LevelGallery, 'group' | 'createCopy' | 'deleteCopy' | 'copies'>;
  /** Tells whether a model version is installed. */
  hasModel: (modelVersion: string) => boolean;
  maxStaleMs: () => number;
  /** Interval of the looks at the log without a sign of a change. */
  lookMs: number;
  onApplied: () => void;
  onRefused: (refusal: CopyRefusal) => void;
  /** A head names an epoch whose key this door does not have. */
  onKeyMissing: () => void;
  clock: Clock;
  monotonic: Clock;
  random: () => number;
  timers: Timers;
  logger: Log;
}

export class CopyLine {
  readonly #options: CopyLineOptions;
  readonly #loop: WorkLoop;
  #copy: GroupCopy | undefined;
  readonly #age: CopyAge;
  /** Why there is no copy at the newest version, a whole sentence. */
  #problem: string | undefined;
  #isIncomplete = false;

  constructor(options: CopyLineOptions) {
    this.#options = options;
    this.#age = new CopyAge(options);
    const { random, timers, lookMs, logger, ref } = options;
    this.#loop = new WorkLoop({
      work: () => this.#look(),
      intervalMs: () => lookMs,
      retry: RETRY,
      onFailure: (error, isFirst) => {
        if (isFirst) logger.warn({ groupId: ref.groupId, error: describeError(error) }, 'a copy cannot be renewed now');
      },
      random,
      timers,
    });
  }

  get given(): GivenGroup {
    return this.#options.given;
  }

  /** Refusals since the start, by reason. */
  get refusals(): Readonly<Partial<Record<string, number>>> {
    return this.#copy?.refusals ?? {};
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Looks at the log soon: the head has changed. */
  wake(): void {
    this.#loop.wake();
  }

  /** Looks at the log at once: it can be reached again, or a key has come. */
  reach(): void {
    this.#loop.retry();
  }

  /** Tells whether the copy is too old to grant anybody. */
  isStale(): boolean {
    const issuedAt = this.#copy?.applied?.issuedAt;
    if (issuedAt === undefined) return true;
    this.#age.hear(issuedAt);
    return this.#age.isAbove(this.#options.maxStaleMs());
  }

  describe(): FleetGroupStatus {
    const { given, gallery, ref } = this.#options;
    const { groupId, modelVersion } = given;
    const applied = this.#copy?.applied;
    const [state, detail] = this.#judge();
    return {
      groupId,
      modelVersion,
      version: applied?.version ?? 0,
      epoch: applied?.epoch ?? 0,
      records: applied ? gallery.group(ref).faceCount : 0,
      root: applied?.root ?? '',
      ...(applied && { issuedAt: applied.issuedAt }),
      state,
      ...(detail !== undefined && { detail }),
    };
  }

  #judge(): [state: FleetCopyState, detail?: string] {
    const { hasModel, given } = this.#options;
    const applied = this.#copy?.applied;
    if (!applied) return ['missing', this.#problem ?? 'The first copy is not complete yet.'];
    if (!hasModel(given.modelVersion)) return ['unusable', `The model ${given.modelVersion} is not installed here.`];
    if (this.isStale()) {
      return ['stale', `Nothing fresh was heard since ${applied.issuedAt}, so this copy grants nobody.`];
    }
    const seen = this.#copy?.seen?.version ?? 0;
    if (this.#problem !== undefined || seen > applied.version) {
      return ['behind', this.#problem ?? `Version ${seen} is on its way.`];
    }
    return ['current'];
  }

  async #look(): Promise<void> {
    const copy = (this.#copy ??= await this.#open());
    if (!copy) return;
    const { onApplied, onKeyMissing, gallery, ref } = this.#options;
    const result = await copy.sync();
    switch (result.outcome) {
      case 'applied':
      case 'unchanged':
        this.#age.hear(result.head.issuedAt);
        this.#problem = undefined;
        if (result.outcome === 'applied' || this.#isIncomplete) onApplied();
        this.#isIncomplete = false;
        return;
      case 'deleted':
        // First: whoever asks for the state while the copy is being deleted must not look for its faces.
        this.#copy = undefined;
        await gallery.deleteCopy(ref);
        this.#problem = 'The group was deleted at the authority.';
        onApplied();
        return;
      case 'no-head':
        this.#problem = 'The log of the fleet does not have this group now.';
        return;
      case 'no-key':
        this.#problem = 'The key of the newest epoch is not here yet.';
        onKeyMissing();
        return;
      case 'incomplete':
        this.#problem = result.isAltered
          ? 'The log of the fleet shows other records than those of the newest version.'
          : 'The log of the fleet lacks a part of the newest version.';
        if (!this.#isIncomplete) onApplied();
        this.#isIncomplete = true;
        throw new AppError('FLEET_UNREACHABLE', 'the log of the fleet lacks a part of the newest version');
      case 'refused':
        this.#problem = `What the log shows was refused (${result.refusal}).`;
        return;
    }
  }

  /** Finds the copy in the gallery, or makes it. @returns undefined where a group of this device is in its place */
  async #open(): Promise<GroupCopy | undefined> {
    const { given, ref, gallery, fleetLog, joined, clock, timers, onRefused } = this.#options;
    const { fleet, authority, authorityName } = joined;
    if (fleet === undefined || !authority) return undefined;
    const present = findGroup(gallery, ref);
    if (present && !present.copyOf) {
      this.#problem = 'This device has a group of its own with this id: delete it, or give it another id.';
      return undefined;
    }
    const { group, modelVersion } = given;
    const isSame =
      present?.copyOf?.fleet === fleet && present.copyOf.group === group && present.modelVersion === modelVersion;
    if (present && !isSame) await gallery.deleteCopy(ref);
    if (!isSame) await gallery.createCopy(ref, modelVersion, { fleet, group, authority: authorityName ?? '' });
    const store = new GalleryCopyStore(gallery.copies, ref);
    return new GroupCopy(
      {
        log: fleetLog,
        store,
        authority: authority.signing,
        fleet,
        group,
        findEpochKey: (epoch) => joined.findEpochKey(group, epoch),
        clock,
        timers,
        onRefusal: onRefused,
      },
      await store.read(),
    );
  }
}

function findGroup(gallery: Pick<LevelGallery, 'group'>, ref: GroupRef): ReturnType<LevelGallery['group']> | undefined {
  try {
    return gallery.group(ref);
  } catch (error) {
    if (error instanceof AppError && error.code === 'GROUP_NOT_FOUND') return undefined;
    throw error;
  }
}
