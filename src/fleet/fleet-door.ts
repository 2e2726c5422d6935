// A door of a fleet: joins it, keeps copies of the groups that it is given, and reports to the authority.
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import { clientError, describeError } from '../errors.js';
import type { GroupRef } from '../gallery/gallery.types.js';
import type { LevelGallery } from '../gallery/leveldb-gallery.js';
import { WorkLoop } from '../platform/work-loop.js';
import { Queue } from './at-once.js';
import { CopyLine } from './copy-line.js';
import type { DoorJoin } from './door-join.js';
import type { DoorMembership } from './door-membership.js';
import type { FleetLog } from './fleet-log.js';
import type { FleetConnection } from './fleet-records.js';
import type { FleetActor, FleetGroupStatus } from './fleet.types.js';
import type { CopyRefusal } from './group-copy.js';
import type { JoinedFleet } from './joined-fleet.js';
import { LogWatch } from './log-watch.js';
import { nameMembership, nameReport, nameWelcome } from './subjects.js';

const RETRY = { firstMs: 500, maxMs: 15_000 };
/** Interval of the looks for an answer while the door waits for one. */
const WAITING_MS = 5_000;
/** Time after a change of a copy until the door reports: several changes are one report. */
const REPORT_AFTER_MS = 150;

export interface FleetDoorOptions {
  joined: JoinedFleet;
  joining: DoorJoin;
  membership: DoorMembership;
  openLog: (connection: FleetConnection, fleet: string) => FleetLog;
  gallery: Pick<LevelGallery, 'group' | 'createCopy' | 'deleteCopy' | 'copies' | 'listGroups'>;
  /** Returns the id of the appKey that sees the copies; undefined where there is no such appKey. */
  findOwner: () => string | undefined;
  hasModel: (modelVersion: string) => boolean;
  /** Writes the report of this door. */
  writeReport: (door: FleetDoor, options: { isLeaving: boolean }) => Promise<Buffer>;
  /** Connects what else uses the log, such as the events; returns its end. */
  onConnect?: ((log: FleetLog) => () => Promise<void>) | undefined;
  onRefused: (groupId: string, refusal: CopyRefusal) => void;
  /** The key `fleet.maxStaleHours`. */
  maxStaleMs: number;
  renewMs: number;
  clock: Clock;
  monotonic: Clock;
  random: () => number;
  timers: Timers;
  log: Log;
}

/** The log as this door reaches it at present. */
interface Link {
  log: FleetLog;
  watch: LogWatch;
  end: (() => Promise<void>) | undefined;
  /** Connection that it was opened with, as text. */
  way: string;
}

export class FleetDoor implements Part {
  readonly name = 'fleet';
  readonly #options: FleetDoorOptions;
  readonly #serving: WorkLoop;
  readonly #reporting: WorkLoop;
  /** Copies that are kept up to date, by the ids of the groups in the fleet. */
  readonly #lines = new Map<string, CopyLine>();
  /** Joining, serving and leaving must not overlap. */
  readonly #queue = new Queue();
  #link: Link | undefined;
  #reportTimer: unknown;
  #problem: string | undefined;

  constructor(options: FleetDoorOptions) {
    this.#options = options;
    const { joined, random, timers, renewMs, log } = options;
    const warn = (text: string) => (error: unknown, isFirst: boolean) => {
      if (isFirst) log.warn({ error: describeError(error) }, text);
    };
    this.#serving = new WorkLoop({
      work: () => this.#queue.run(() => this.#serve()),
      intervalMs: () => (joined.state === 'waiting' ? WAITING_MS : renewMs),
      retry: RETRY,
      onFailure: warn('the fleet cannot be served now'),
      random,
      timers,
    });
    this.#reporting = new WorkLoop({
      work: () => this.#report(),
      intervalMs: () => renewMs,
      retry: RETRY,
      onFailure: warn('the door cannot report to its fleet now'),
      random,
      timers,
    });
  }

  /** The log need not be reachable. @throws AppError STORE_CORRUPT, STORE_ALTERED, STORE_UNAVAILABLE */
  async start(): Promise<void> {
    const { joined } = this.#options;
    await joined.open();
    await this.#openLink();
    await this.#useMembership();
    this.#serving.start();
    this.#reporting.start();
  }

  async stop(): Promise<void> {
    this.#options.timers.clearTimeout(this.#reportTimer);
    await Promise.all([this.#serving.stop(), this.#reporting.stop()]);
    await this.#closeLines();
    await this.#closeLink();
    this.#options.joined.close();
  }

  get log(): FleetLog | undefined {
    return this.#link?.log;
  }

  /** Serves the fleet at once: the door was told to join. */
  wake(): void {
    this.#serving.retry();
  }

  listGroups(): FleetGroupStatus[] {
    return [...this.#lines.values()].map((line) => line.describe());
  }

  /** Copies with their state, by the ids of the groups in the fleet. */
  listCopies(): { group: string; status: FleetGroupStatus }[] {
    return [...this.#lines].map(([group, line]) => ({ group, status: line.describe() }));
  }

  /** Number of times that this door refused what the log showed, by reason. */
  countRefusals(): Record<string, number> {
    const sums: Record<string, number> = {};
    const all = [...this.#lines.values()].map(({ refusals }) => refusals);
    for (const counts of [...all, this.#options.membership.refusals]) {
      for (const [reason, count] of Object.entries(counts)) sums[reason] = (sums[reason] ?? 0) + (count ?? 0);
    }
    return sums;
  }

  /** Tells whether a group is a copy that is too old to grant anybody. A copy that no membership names is one. */
  isStale(ref: GroupRef): boolean {
    const { gallery } = this.#options;
    let copyOf;
    try {
      ({ copyOf } = gallery.group(ref));
    } catch {
      return false;
    }
    return copyOf !== undefined && (this.#lines.get(copyOf.group)?.isStale() ?? true);
  }

  /** Leaves the fleet: deletes the copies, the keys and the membership. @throws AppError FLEET_NOT_JOINED, STORE_UNAVAILABLE */
  leave(by: FleetActor): Promise<void> {
    return this.#queue.run(() => this.#leave(by));
  }

  async #leave({ actor }: FleetActor): Promise<void> {
    const { joined } = this.#options;
    if (joined.state === 'none') throw clientError('FLEET_NOT_JOINED', 'This device has not joined a fleet.');
    await this.#closeLines();
    await this.#deleteCopies(() => true);
    // The authority sees by this report that nothing is left here. It need not come through.
    await this.#report({ isLeaving: true }).catch(() => undefined);
    await joined.leave({ actor });
    await this.#closeLink();
  }

  /** Why this door cannot keep its copies; undefined where it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async #serve(): Promise<void> {
    const { joined, joining, membership } = this.#options;
    await this.#openLink();
    const log = this.#link?.log;
    if (!log) return;
    if (joined.state === 'waiting') {
      await joining.step(log);
      // The membership brings another way to the log.
      if (joined.membership) await this.#openLink();
    } else {
      await membership.read(log);
    }
    await this.#useMembership();
  }

  async #openLink(): Promise<void> {
    const { joined, onConnect, random, timers, log } = this.#options;
    const { connection, fleet, identity, record } = joined;
    if (!connection || fleet === undefined || !identity || !record) return;
    // A folder stays the same when the door is approved; what a member listens to and sends does not.
    const way = JSON.stringify([connection, joined.state === 'waiting']);
    if (this.#link?.way === way) return;
    // The copies read from the log that they were opened with.
    await this.#closeLines();
    await this.#closeLink();
    const fleetLog = this.#tryOpenLog(connection, fleet);
    if (!fleetLog) return;
    const serve = (): void => this.#serving.wake();
    const watch = new LogWatch({
      log: fleetLog,
      listeners:
        joined.state === 'approved'
          ? {
              head: (subject) => this.#lines.get(subject.slice(subject.lastIndexOf('.') + 1))?.wake(),
              [nameMembership(identity.id)]: serve,
            }
          : { [nameWelcome(record.join)]: serve },
      onReach: () => this.#reach(),
      random,
      timers,
      logger: log,
    });
    const end = joined.state === 'approved' ? onConnect?.(fleetLog) : undefined;
    this.#link = { log: fleetLog, watch, end, way };
    watch.start();
  }

  /** A way to the log that cannot be gone must not keep the door from starting. */
  #tryOpenLog(connection: FleetConnection, fleet: string): FleetLog | undefined {
    try {
      return this.#options.openLog(connection, fleet);
    } catch (error) {
      this.#problem = `The log of the fleet cannot be opened: ${describeError(error)}.`;
      return undefined;
    }
  }

  async #closeLink(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await link?.watch.stop();
    await link?.end?.();
    await link?.log.close();
  }

  #reach(): void {
    this.#serving.retry();
    this.#reporting.retry();
    for (const line of this.#lines.values()) line.reach();
  }

  /** Makes a line for each group that the membership names, and ends the others. A door that was removed deletes everything. */
  async #useMembership(): Promise<void> {
    const { joined, findOwner } = this.#options;
    const log = this.#link?.log;
    if (joined.state === 'removed') {
      await this.#closeLines();
      await this.#deleteCopies(() => true);
      if (log) await this.#report({ isLeaving: true }).catch(() => undefined);
      return;
    }
    const { membership } = joined;
    if (!membership || !log) return;
    const owner = findOwner();
    this.#problem = owner === undefined ? 'the appKey that sees the copies does not exist' : undefined;
    if (owner === undefined) return;
    const given = new Set(membership.groups.map(({ group }) => group));
    for (const [group, line] of this.#lines) {
      if (given.has(group)) continue;
      this.#lines.delete(group);
      await line.stop();
    }
    await this.#deleteCopies((group) => !given.has(group));
    for (const { group, groupId, modelVersion } of membership.groups) {
      const present = this.#lines.get(group);
      if (present) present.reach();
      else this.#addLine(log, { owner, groupId }, { group, groupId, modelVersion });
    }
  }

  #addLine(fleetLog: FleetLog, ref: GroupRef, given: CopyLine['given']): void {
    const { joined, gallery, hasModel, maxStaleMs, renewMs, onRefused, clock, monotonic, random, timers, log } =
      this.#options;
    const line = new CopyLine({
      given,
      ref,
      fleetLog,
      joined,
      gallery,
      hasModel,
      maxStaleMs: () => Math.min(maxStaleMs, (joined.membership?.maxStaleHours ?? Infinity) * 3_600_000),
      lookMs: renewMs,
      onApplied: () => this.#reportSoon(),
      onRefused: (refusal) => onRefused(ref.groupId, refusal),
      onKeyMissing: () => this.#serving.wake(),
      clock,
      monotonic,
      random,
      timers,
      logger: log,
    });
    this.#lines.set(given.group, line);
    line.start();
  }

  async #closeLines(): Promise<void> {
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    await Promise.all(lines.map((line) => line.stop()));
  }

  /** @param isUnwanted is asked with the id of a group in the fleet */
  async #deleteCopies(isUnwanted: (group: string) => boolean): Promise<void> {
    const { gallery } = this.#options;
    for (const { ref, group } of gallery.copies.list()) {
      if (isUnwanted(group)) await gallery.deleteCopy(ref);
    }
  }

  #reportSoon(): void {
    const { timers } = this.#options;
    timers.clearTimeout(this.#reportTimer);
    this.#reportTimer = timers.setTimeout(() => this.#reporting.wake(), REPORT_AFTER_MS);
  }

  async #report({ isLeaving = false }: { isLeaving?: boolean } = {}): Promise<void> {
    const { joined, writeReport } = this.#options;
    const log = this.#link?.log;
    const mayReport = joined.state === 'approved' || (isLeaving && joined.state === 'removed');
    if (!log || !joined.identity || !mayReport) return;
    await log.put(nameReport(joined.identity.id), await writeReport(this, { isLeaving }));
  }
}
