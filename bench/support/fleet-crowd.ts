// Many doors of a fleet in one process: each has a connection and checks everything as a door does, but keeps digests in place of faces.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AuditLog } from '../../src/audit/audit-log.js';
import { silentLog } from '../../src/domain/log.js';
import { systemTimers } from '../../src/domain/time.js';
import { DoorJoin } from '../../src/fleet/door-join.js';
import type { FleetLog } from '../../src/fleet/fleet-log.js';
import { GroupCopy, type CopiedRecord, type CopyStore } from '../../src/fleet/group-copy.js';
import type { Head } from '../../src/fleet/head.js';
import { JoinedFleet } from '../../src/fleet/joined-fleet.js';
import { openNatsDoorLog } from '../../src/fleet/nats/nats-transport.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { MODEL, type FleetStage } from '../../tools/fleet/stage.js';

/** Notes what a version has, and when it was applied. */
class DigestStore implements CopyStore {
  readonly digests: Map<string, Buffer>;
  head: Head | undefined;
  onApplied: (version: number) => void = () => undefined;

  constructor(digests: Map<string, Buffer>, head: Head | undefined) {
    this.digests = digests;
    this.head = head;
  }

  async apply({ head, puts, deletes }: Parameters<CopyStore['apply']>[0]): Promise<void> {
    this.#take(puts);
    this.#finish(head, deletes);
  }

  async confirm(head: Head): Promise<void> {
    this.head = head;
  }

  async begin(): ReturnType<CopyStore['begin']> {
    return {
      add: async (records) => this.#take(records),
      commit: async ({ head, deletes }) => this.#finish(head, deletes),
      abandon: async () => undefined,
    };
  }

  #take(records: readonly CopiedRecord[]): void {
    for (const { id, digest } of records) this.digests.set(id, digest);
  }

  #finish(head: Head, deletes: readonly string[]): void {
    for (const id of deletes) this.digests.delete(id);
    this.head = head;
    this.onApplied(head.version);
  }
}

interface CrowdDoor {
  log: FleetLog;
  copy: GroupCopy;
  store: DigestStore;
  version: number;
}

export class FleetCrowd {
  readonly #doors: CrowdDoor[] = [];
  readonly #joined: JoinedFleet;
  readonly #closeStore: () => Promise<void>;
  /** Times at which doors applied a version, epoch, ms. */
  readonly #times = new Map<number, number[]>();

  private constructor(joined: JoinedFleet, closeStore: () => Promise<void>) {
    this.#joined = joined;
    this.#closeStore = closeStore;
  }

  /** Joins the fleet once; all doors of the crowd use that membership, each with a connection of its own. */
  static async join(stage: FleetStage): Promise<FleetCrowd> {
    const directory = join(stage.folder, 'crowd');
    const log = silentLog;
    const clock = Date.now;
    const counterFile = `${directory}.counter`;
    const store = new SealedStore({ directory, counterFile, masterKey: randomBytes(32), log });
    const audit = new AuditLog({ store, clock, log });
    const { signal } = new AbortController();
    await store.start(signal);
    await audit.start();
    const joined = new JoinedFleet({ store, audit, clock });
    await joined.open();
    const describe = () => ({ name: 'crowd', softwareVersion: 'bench', models: [MODEL] });
    const joining = new DoorJoin({ joined, clock, describe });
    await joining.begin(await stage.authority.ask('invite'), { actor: 'cli' });
    const { connection, fleet } = joined;
    const fleetLog = openNatsDoorLog(connection!, { fleet: fleet! });
    while (joined.state === 'waiting') {
      await joining.step(fleetLog).catch(() => undefined);
      const { doors } = await stage.authority.ask('status');
      if (doors.some(({ name, state }) => name === 'crowd' && state === 'waiting')) {
        await stage.authority.ask('approve', { door: 'crowd' });
      }
      await delay(50);
    }
    await fleetLog.close();
    return new FleetCrowd(joined, async () => {
      joined.close();
      await audit.stop();
      await store.stop();
    });
  }

  /** Adds doors, and waits until they have the newest version. The first one copies everything; the others begin with what it has. */
  async grow(doors: number): Promise<void> {
    while (this.#doors.length < doors) await this.#add();
  }

  /** Waits until all doors have a version. @returns times at which they applied it, epoch, ms */
  async waitFor(version: number): Promise<readonly number[]> {
    while (this.#doors.some((door) => door.version < version)) await delay(2);
    return this.#times.get(version) ?? [];
  }

  async end(): Promise<void> {
    await Promise.all(this.#doors.map(({ log }) => log.close()));
    await this.#closeStore();
  }

  async #add(): Promise<void> {
    const { connection, fleet, authority, membership } = this.#joined;
    const [given] = membership?.groups ?? [];
    if (!connection || fleet === undefined || !authority || !given) throw new Error('the crowd was given no group');
    const log = openNatsDoorLog(connection, { fleet });
    const first = this.#doors[0];
    const store = new DigestStore(new Map(first?.store.digests), first?.store.head);
    const options = {
      log,
      store,
      authority: authority.signing,
      fleet,
      group: given.group,
      findEpochKey: (epoch: number) => this.#joined.findEpochKey(given.group, epoch),
      clock: Date.now,
      timers: systemTimers,
    };
    const copy = new GroupCopy(options, { applied: store.head, digests: store.digests });
    const door: CrowdDoor = { log, copy, store, version: store.head?.version ?? 0 };
    store.onApplied = (version) => {
      door.version = version;
      this.#times.set(version, [...(this.#times.get(version) ?? []), Date.now()]);
    };
    await this.#follow(door);
    this.#doors.push(door);
  }

  /** Looks at the log whenever the head changes. Resolves when the door has a version. */
  async #follow({ log, copy }: CrowdDoor): Promise<void> {
    let isBusy = false;
    let isWanted = false;
    const look = async (): Promise<void> => {
      isWanted = true;
      if (isBusy) return;
      isBusy = true;
      while (isWanted) {
        isWanted = false;
        await copy.sync().catch(() => undefined);
      }
      isBusy = false;
    };
    for (;;) {
      try {
        await log.watch('head', () => void look());
        break;
      } catch {
        await delay(50);
      }
    }
    do await look();
    while (!copy.applied);
  }
}
