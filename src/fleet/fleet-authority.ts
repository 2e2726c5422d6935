// The authority of a fleet: publishes its groups, and keeps the memberships and reports of the doors.
import type { Part } from '../domain/part.js';
import { AppError, describeError } from '../errors.js';
import type { LevelGallery } from '../gallery/leveldb-gallery.js';
import { WorkLoop } from '../platform/work-loop.js';
import type { AuthorityTransport } from './authority-transport.js';
import type { FleetCopyState, FleetGroupStatus } from './fleet.types.js';
import type { FleetEvents } from './fleet-events.js';
import { GroupLines, type GroupLinesOptions } from './group-lines.js';
import type { Invites } from './invites.js';
import type { JoinDesk } from './join-desk.js';
import { LogWatch } from './log-watch.js';
import type { Memberships } from './memberships.js';
import type { Reports } from './reports.js';
import type { PublishedGroup } from './status.js';

/** Longest time between two looks at the requests to join, and at removals that are not finished. */
const DESK_MS = 60_000;
/** Reports of one version, from a door that is behind, after which the whole log is checked. */
const STUCK_REPORTS = 3;
const RETRY = { firstMs: 500, maxMs: 15_000 };

/** The parts that know the doors. */
export interface AuthorityDesk {
  joins: JoinDesk;
  memberships: Memberships;
  reports: Reports;
  invites: Invites;
  events: FleetEvents;
  /** Parts that use the log as well. */
  companions: readonly Part[];
}

export interface FleetAuthorityOptions extends GroupLinesOptions {
  gallery: GroupLinesOptions['gallery'] & Pick<LevelGallery, 'changes'>;
  /** Opens the log, which need not be reachable; called at the start, when the state is open. */
  openTransport: () => Promise<AuthorityTransport>;
  createDesk: (transport: AuthorityTransport, groups: GroupLines) => AuthorityDesk;
}

interface RunningAuthority {
  transport: AuthorityTransport;
  groups: GroupLines;
  desk: AuthorityDesk;
  watch: LogWatch;
  unlisten: () => void;
}

export class FleetAuthority implements Part {
  readonly name = 'fleet';
  readonly #options: FleetAuthorityOptions;
  readonly #serving: WorkLoop;
  #running: RunningAuthority | undefined;
  /** True while the log may have lost what was written before. */
  #isFresh = true;
  #nextRemovalMs: number | undefined;
  /** Doors that are behind, by door and group: their version, and the reports that have named it. */
  readonly #stuck = new Map<string, { version: number; reports: number }>();
  #publications = 0;

  constructor(options: FleetAuthorityOptions) {
    this.#options = options;
    const { random, timers, renewMs, log } = options;
    this.#serving = new WorkLoop({
      work: () => this.#serveDoors(),
      intervalMs: () => Math.min(renewMs, DESK_MS, this.#nextRemovalMs ?? DESK_MS),
      retry: RETRY,
      onFailure: (error, isFirst) => {
        if (isFirst) log.warn({ error: describeError(error) }, 'the doors of the fleet cannot be served now');
      },
      random,
      timers,
    });
  }

  /** The log need not be reachable. @throws AppError STORE_CORRUPT, STORE_ALTERED, STORE_UNAVAILABLE */
  async start(signal: AbortSignal): Promise<void> {
    const { state, published, openTransport, createDesk, gallery, random, timers, log } = this.#options;
    await state.open();
    await published.open();
    const transport = await openTransport();
    const groups = new GroupLines(this.#options, {
      fleetLog: transport.log,
      publishMemberships: () => this.desk.memberships.publish({}),
      onPublished: ({ group, version, root }) => {
        this.#publications += 1;
        return this.desk.reports.notePublished(group, { version, root });
      },
      onLeft: () => this.wake(),
    });
    const unlisten = gallery.changes.listen((ref, change) => {
      if (groups.note(ref, change)) this.wake();
    });
    const watch = new LogWatch({
      log: transport.log,
      listeners: {
        join: () => this.#serving.wake(),
        report: (subject) => void this.#receiveReport(subject.slice(subject.lastIndexOf('.') + 1)),
      },
      onReach: () => this.#reach(),
      random,
      timers,
      logger: log,
    });
    this.#running = { transport, groups, desk: createDesk(transport, groups), watch, unlisten };
    await groups.share();
    for (const part of this.desk.companions) await part.start(signal);
    this.#serving.start();
    watch.start();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.unlisten();
    const companions = running.desk.companions.map((part) => part.stop());
    await Promise.all([running.watch.stop(), this.#serving.stop(), running.groups.stop(), ...companions]);
    await running.transport.log.close();
    this.#running = undefined;
    this.#options.state.close();
  }

  /** @throws AppError STOPPED before the start, and after the stop */
  get transport(): AuthorityTransport {
    return this.#run().transport;
  }

  /** @throws AppError STOPPED */
  get desk(): AuthorityDesk {
    return this.#run().desk;
  }

  /** Serves the doors soon: somebody changed something. */
  wake(): void {
    this.#serving.retry();
  }

  listGroups(): FleetGroupStatus[] {
    return this.#running?.groups.listStatus() ?? [];
  }

  /** Groups with their newest heads, as the state of the doors is told from. */
  listPublished(): PublishedGroup[] {
    return this.#running?.groups.listPublished() ?? [];
  }

  /** Number of heads that the log has taken since the start. */
  get publications(): number {
    return this.#publications;
  }

  /** Why the groups cannot be shared as they should be; undefined where they are. */
  get problem(): string | undefined {
    return this.#running?.groups.problem;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  #run(): RunningAuthority {
    if (!this.#running) throw new AppError('STOPPED', 'the fleet is not started');
    return this.#running;
  }

  #reach(): void {
    this.#isFresh = true;
    this.#serving.retry();
    this.#running?.groups.reach();
  }

  async #serveDoors(): Promise<void> {
    const { transport, groups, desk } = this.#run();
    const { joins, memberships, reports } = desk;
    const again = this.#isFresh;
    this.#isFresh = false;
    try {
      await groups.share();
      await transport.limitEvents?.();
      if (again) {
        await transport.prepare();
        await joins.publishWelcomes({ again });
        await reports.receiveAll();
      }
      await joins.receive();
      await memberships.publish({ again });
      this.#nextRemovalMs = await memberships.finishRemovals();
    } catch (error) {
      // Streams may be missing.
      this.#isFresh = true;
      throw error;
    }
  }

  /** Tells whether a door gets no further: the log may have lost a record, or have another one in its place. */
  #isStuck(door: string, group: string, version: number, state: FleetCopyState): boolean {
    const key = `${door} ${group}`;
    const before = this.#stuck.get(key);
    if (state !== 'behind' && state !== 'missing') {
      this.#stuck.delete(key);
      return false;
    }
    const reports = before?.version === version ? before.reports + 1 : 1;
    this.#stuck.set(key, { version, reports });
    return reports % STUCK_REPORTS === 0;
  }

  async #receiveReport(door: string): Promise<void> {
    try {
      const { groups, desk } = this.#run();
      const found = await desk.reports.receive(door);
      for (const { group, version, epoch, state } of found?.report.groups ?? []) {
        const line = groups.find(group);
        if (!line || line.isRemoved) continue;
        if (version > line.publisher.version || epoch > line.publisher.epoch) {
          await line.publisher.surpass({ version, epoch });
          line.reach();
        }
        if (this.#isStuck(door, group, version, state)) line.checkDeeply();
      }
    } catch (error) {
      this.#options.log.warn({ door, error: describeError(error) }, 'the report of a door cannot be read now');
    }
  }
}
