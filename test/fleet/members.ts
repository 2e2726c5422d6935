// An authority and doors over one log, as the tests of membership need them: they can be killed at any write, and begin again from the disk.
import { randomBytes, randomUUID } from 'node:crypto';
import { AuditLog } from '../../src/audit/audit-log.js';
import { silentLog } from '../../src/domain/log.js';
import { systemTimers } from '../../src/domain/time.js';
import { AuthorityState } from '../../src/fleet/authority-state.js';
import { DoorJoin } from '../../src/fleet/door-join.js';
import { DoorMembership } from '../../src/fleet/door-membership.js';
import type { FleetLog } from '../../src/fleet/fleet-log.js';
import type { DoorReport } from '../../src/fleet/fleet-records.js';
import { FolderLog } from '../../src/fleet/folder-log.js';
import { newFleetId } from '../../src/fleet/identity.js';
import { Invites } from '../../src/fleet/invites.js';
import { JoinDesk } from '../../src/fleet/join-desk.js';
import { JoinedFleet } from '../../src/fleet/joined-fleet.js';
import { Memberships, type SharedGroup } from '../../src/fleet/memberships.js';
import { Reports } from '../../src/fleet/reports.js';
import type { Note, Operation, SealedStore } from '../../src/store/sealed-store.js';
import { tempDir } from '../support/temp-dir.js';
import { openStore } from '../store/support.js';

export const START_MS = Date.parse('2026-11-28T12:00:00Z');

/** Kills what it is built into at a write: before it, or after it. */
export class Fuse {
  /** Number of writes that still pass. */
  left = Infinity;
  kill: 'before' | 'after' = 'before';
  /** Number of writes so far. */
  writes = 0;

  async run<T>(write: () => Promise<T>): Promise<T> {
    this.writes++;
    const isLast = this.left-- === 0;
    if (isLast && this.kill === 'before') throw new Error('killed');
    const result = await write();
    if (isLast) throw new Error('killed');
    return result;
  }
}

/** The time of a test. */
export class Time {
  nowMs = START_MS;
  readonly clock = (): number => this.nowMs;
}

/** Opens a log in a folder of the test. */
export function openFolderLog(folder = tempDir()): FolderLog {
  return new FolderLog({ folder, pollMs: 10, timers: systemTimers, newId: () => randomUUID() });
}

export interface Disk {
  store: SealedStore;
  audit: AuditLog;
}

export async function openDisk({ clock }: Time, folder = tempDir()): Promise<Disk> {
  const store = await openStore(folder);
  const audit = new AuditLog({ store, clock, log: silentLog });
  await audit.start();
  return { store, audit };
}

/** Returns the entries of the fleet, the oldest first: action, actor, subject. */
export async function listEntries({ audit }: Disk): Promise<[string, string, Record<string, unknown>][]> {
  const { records } = await audit.list({}, { limit: 1_000 });
  return records
    .filter(({ action }) => action.startsWith('fleet.'))
    .map(({ action, actor, subject }) => [action, actor, subject] as [string, string, Record<string, unknown>])
    .reverse();
}

/** Returns the actions of `listEntries`. */
export async function listActions(disk: Disk): Promise<string[]> {
  return (await listEntries(disk)).map(([action]) => action);
}

function fuseStore({ store }: Disk, fuse: Fuse): Pick<SealedStore, 'openSpace' | 'write'> {
  return {
    openSpace: (label, options) => store.openSpace(label, options),
    write: (operations: readonly Operation[], note?: Note) => fuse.run(() => store.write(operations, note)),
  };
}

function fuseLog(log: FleetLog, fuse: Fuse): FleetLog {
  return {
    get state() {
      return log.state;
    },
    put: (subject, value) => fuse.run(() => log.put(subject, value)),
    remove: (subject) => fuse.run(() => log.remove(subject)),
    removeAll: (prefix) => fuse.run(() => log.removeAll(prefix)),
    get: (subject) => log.get(subject),
    getMany: (subjects) => log.getMany(subjects),
    readAll: (prefix) => log.readAll(prefix),
    list: (prefix) => log.list(prefix),
    watch: (prefix, listener) => log.watch(prefix, listener),
    append: (stream, id, message) => fuse.run(() => log.append(stream, id, message)),
    read: (stream, after) => log.read(stream, after),
    close: () => log.close(),
  };
}

/** The groups of the authority; they survive a restart. */
export class Groups {
  readonly all: { groupId: string; group: string; epoch: number; epochKeys: Map<number, Buffer> }[] = [];

  /** @param group id in the fleet */
  add(groupId: string, group = newFleetId()): (typeof this.all)[number] {
    const added = { groupId, group, epoch: 1, epochKeys: new Map([[1, randomBytes(32)]]) };
    this.all.push(added);
    return added;
  }

  begin(groupId: string): void {
    const found = this.all.find((one) => one.groupId === groupId)!;
    found.epoch++;
    found.epochKeys = new Map([[found.epoch, randomBytes(32)]]);
  }

  list(): SharedGroup[] {
    return this.all.map((one) => ({ ...one, modelVersion: 'v1' }));
  }
}

/** Starts an authority from what its disk holds. */
export async function startAuthority({
  time,
  disk,
  log: plainLog,
  groups = new Groups(),
  fuse = new Fuse(),
  name = 'head-office',
}: {
  time: Time;
  disk: Disk;
  log: FleetLog;
  groups?: Groups;
  fuse?: Fuse;
  name?: string;
}) {
  const { clock } = time;
  const state = new AuthorityState({ store: fuseStore(disk, fuse), audit: disk.audit, clock, name });
  await state.open();
  const log = fuseLog(plainLog, fuse);
  const connection = { servers: ['tls://fleet.example.org:4222'] };
  const revoked: string[] = [];
  const begun: string[] = [];
  const memberships: Memberships = new Memberships({
    state,
    log,
    clock,
    listGroups: () => groups.list(),
    settings: () => ({ connection, events: 'sealed', maxStaleHours: 24 }),
    beginEpochs: async (ids) => {
      for (const id of ids) groups.begin(id);
      await memberships.publish();
      begun.push(...ids);
    },
    revoke: async ({ id }) => void revoked.push(id),
  });
  const invites = new Invites({
    state,
    clock,
    findConnection: async () => connection,
    makeCredentials: async (join) => `invite ${join}`,
  });
  const reports = new Reports({ state, log, clock, memberships });
  const makeCredentials = async (door: string): Promise<string> => `door ${door}`;
  const desk = new JoinDesk({ state, log, clock, memberships, makeCredentials });
  return { state, memberships, invites, desk, reports, groups, revoked, begun, disk, log };
}

export type TestAuthority = Awaited<ReturnType<typeof startAuthority>>;

/** Starts a door from what its disk holds. */
export async function startDoor({
  time: { clock },
  disk,
  log: plainLog,
  fuse = new Fuse(),
  name = 'front-door',
}: {
  time: Time;
  disk: Disk;
  log: FleetLog;
  fuse?: Fuse;
  name?: string;
}) {
  const joined = new JoinedFleet({ store: fuseStore(disk, fuse), audit: disk.audit, clock });
  await joined.open();
  const log = fuseLog(plainLog, fuse);
  const describe = () => ({ name, softwareVersion: '0.5.0', models: ['v1'] });
  const join = new DoorJoin({ joined, clock, describe });
  return { joined, join, membership: new DoorMembership(joined), disk, log, step: () => join.step(log) };
}

export type TestDoor = Awaited<ReturnType<typeof startDoor>>;

/** Makes a report of a door that holds nothing. */
export function makeReport(change: Partial<DoorReport> = {}): Omit<DoorReport, 'membership'> {
  return {
    softwareVersion: '0.5.0',
    models: ['v1'],
    health: 'ok',
    problems: [],
    maxStaleHours: 24,
    groups: [],
    auditHead: { sequence: 9, hash: 'b'.repeat(64) },
    refusals: {},
    ...change,
  };
}

/** Starts an authority with one group, and a log in a folder. */
export async function startFleet() {
  const time = new Time();
  const log = openFolderLog();
  const authority = await startAuthority({ time, disk: await openDisk(time), log });
  const group = authority.groups.add('staff', await authority.state.findFleetGroup('staff'));
  await authority.reports.notePublished(group.group, { version: 1, root: '1'.repeat(64) });
  /** Joins a door and has it approved. */
  const addDoor = async (name: string): Promise<TestDoor & { id: string }> => {
    const door = await startDoor({ time, disk: await openDisk(time), log, name });
    const { token } = await authority.invites.invite({ actor: 'cli' });
    const { door: id } = await door.join.begin(token, { actor: 'cli' });
    await door.step();
    await authority.desk.receive();
    await authority.desk.approve(id, { actor: 'cli' });
    await door.step();
    return { ...door, id };
  };
  return { time, log, authority, group, addDoor };
}
