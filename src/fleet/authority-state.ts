// What the authority knows of its fleet, in the sealed store: its keys, the invites, the doors and what they have proved.
import * as z from 'zod';
import type { AuditEntry } from '../domain/audit.js';
import { AppError, clientError } from '../errors.js';
import type { Operation } from '../store/sealed-store.js';
import {
  authorityRecordSchema,
  deletionRecordSchema,
  doorRecordSchema,
  inviteRecordSchema,
  reportRecordSchema,
  sharedGroupsSchema,
  type DeletionRecord,
  type DoorRecord,
  type InviteRecord,
  type ReportRecord,
} from './fleet-records.js';
import { FleetState, type FleetStateOptions } from './fleet-state.js';
import {
  computeKeysFingerprint,
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  encodePublicKeys,
  newFleetId,
  publishIdentity,
  type FleetIdentity,
  type PublicKeys,
} from './identity.js';

const AUTHORITY_KEY = 'authority';
const SERVER_KEY = 'server';
const GROUPS_KEY = 'groups';
const DOOR_PREFIX = 'door.';
const INVITE_PREFIX = 'invite.';
const REPORT_PREFIX = 'report.';
const DELETION_PREFIX = 'deletion.';
/** Digits of a deletion's number in its key: the order of the keys is that of the numbers. */
const NUMBER_DIGITS = 15;
/** Deletions that can be proved one by one; older ones are part of the proof of their group. */
const MAX_DELETIONS = 10_000;
/** Shortest beginning of an id that names a door. */
const MIN_PREFIX = 4;

export interface AuthorityStateOptions extends FleetStateOptions {
  /** `deviceId` of the authority. */
  name: string;
}

/** A change of the state: records that are replaced, by their ids, and records that are dropped. */
export interface AuthorityChange {
  doors?: readonly DoorRecord[];
  invites?: readonly InviteRecord[];
  droppedDoors?: readonly string[];
  droppedInvites?: readonly string[];
  /** True for records that hold secrets no longer: the secrets must leave the files of the database. */
  erases?: boolean;
}

/**
 * All of it is in memory; a change is on the disk, together with its entry in the audit log, when it resolves, and has not happened when it
 * rejects.
 */
export class AuthorityState {
  readonly name: string;
  readonly #state: FleetState;
  #identity: FleetIdentity | undefined;
  #keys: PublicKeys | undefined;
  #serverKeys: unknown;
  #groups: z.output<typeof sharedGroupsSchema> = [];
  readonly #doors = new Map<string, DoorRecord>();
  readonly #invites = new Map<string, InviteRecord>();
  readonly #reports = new Map<string, ReportRecord>();
  #deletions: DeletionRecord[] = [];

  constructor({ name, ...options }: AuthorityStateOptions) {
    this.name = name;
    this.#state = new FleetState(options);
  }

  /** Reads the state. The first time it founds the fleet: makes its keys. @throws AppError STORE_CORRUPT, STORE_ALTERED, STORE_UNAVAILABLE */
  async open(): Promise<void> {
    const state = this.#state;
    await state.open();
    const stored = await state.read(AUTHORITY_KEY, authorityRecordSchema);
    const identity = stored ? decodeIdentity(stored.identity) : createIdentity();
    this.#keys = encodePublicKeys(publishIdentity(identity));
    if (!stored) {
      const record = { identity: encodeIdentity(identity), foundedAt: state.now() };
      const subject = { fleet: identity.id, fingerprint: computeKeysFingerprint(this.#keys) };
      await state.write([state.put(AUTHORITY_KEY, record)], [{ action: 'fleet.founded', actor: 'service', subject }]);
    }
    this.#serverKeys = await state.read(SERVER_KEY, z.unknown());
    this.#groups = (await state.read(GROUPS_KEY, sharedGroupsSchema)) ?? [];
    for (const door of await state.list(DOOR_PREFIX, doorRecordSchema)) this.#doors.set(door.id, door);
    for (const invite of await state.list(INVITE_PREFIX, inviteRecordSchema)) this.#invites.set(invite.join, invite);
    for (const report of await state.list(REPORT_PREFIX, reportRecordSchema)) this.#reports.set(report.door, report);
    this.#deletions = await state.list(DELETION_PREFIX, deletionRecordSchema);
    this.#identity = identity;
  }

  /** Forgets everything in memory. */
  close(): void {
    this.#state.close();
    this.#identity = undefined;
    this.#serverKeys = undefined;
    this.#groups = [];
    this.#deletions = [];
    for (const map of [this.#doors, this.#invites, this.#reports]) map.clear();
  }

  /** @throws AppError STOPPED */
  get identity(): FleetIdentity {
    if (!this.#identity) throw new AppError('STOPPED', 'the state of the fleet is not open');
    return this.#identity;
  }

  /** Id of the fleet, which is that of the authority. @throws AppError STOPPED */
  get fleet(): string {
    return this.identity.id;
  }

  /** @throws AppError STOPPED */
  get keys(): PublicKeys {
    if (!this.#keys) throw new AppError('STOPPED', 'the state of the fleet is not open');
    return this.#keys;
  }

  /** @throws AppError STOPPED */
  get fingerprint(): string {
    return computeKeysFingerprint(this.keys);
  }

  /** All doors, in the order in which they joined. */
  get doors(): readonly DoorRecord[] {
    return [...this.#doors.values()].sort(
      (a, b) => a.joinedAt.localeCompare(b.joinedAt) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id),
    );
  }

  get invites(): readonly InviteRecord[] {
    return [...this.#invites.values()];
  }

  /** Deletions that can be proved one by one, the oldest first. */
  get deletions(): readonly DeletionRecord[] {
    return this.#deletions;
  }

  /** The groups of the fleet, deleted ones included. */
  get groups(): readonly { groupId: string; group: string; deletedAt?: string | undefined }[] {
    return this.#groups;
  }

  /** Keys of the server, in the form of their owner; undefined before they were saved. */
  get serverKeys(): unknown {
    return this.#serverKeys;
  }

  now(): string {
    return this.#state.now();
  }

  door(id: string): DoorRecord | undefined {
    return this.#doors.get(id);
  }

  /** Last report of a door. */
  report(door: string): ReportRecord | undefined {
    return this.#reports.get(door);
  }

  /**
   * Finds a door by its id, a beginning of it, or its name. Doors that were refused or removed are found where no other one fits.
   * @throws AppError DOOR_NOT_FOUND: there is none, or more than one
   */
  findDoor(idOrName: string): DoorRecord {
    const exact = this.#doors.get(idOrName);
    if (exact) return exact;
    const named = this.doors.filter(({ name }) => name === idOrName);
    const fitting =
      named.length > 0 || idOrName.length < MIN_PREFIX ? named : this.doors.filter(({ id }) => id.startsWith(idOrName));
    const current = fitting.filter(({ state }) => state === 'approved' || state === 'waiting');
    const [found, other] = current.length > 0 ? current : fitting;
    if (!found) throw clientError('DOOR_NOT_FOUND', 'The fleet has no door of this name or id.');
    if (other) {
      throw clientError('DOOR_NOT_FOUND', 'The fleet has several doors of this name: name the door by its id.');
    }
    return found;
  }

  /** Stores the keys of the server. @param keys a JSON value @throws AppError STORE_UNAVAILABLE, STOPPED */
  async saveServerKeys(keys: unknown): Promise<void> {
    const state = this.#state;
    await state.change(async () => {
      await state.write([state.put(SERVER_KEY, keys)]);
      this.#serverKeys = keys;
    });
  }

  /** Returns the id of a group in the fleet. It is made at the first call, and again after the group was deleted. */
  async findFleetGroup(groupId: string): Promise<string> {
    return this.#state.change(async () => {
      const known = this.#groups.find((one) => one.groupId === groupId && one.deletedAt === undefined);
      if (known) return known.group;
      const made = { groupId, group: newFleetId(), sharedAt: this.#state.now() };
      await this.#writeGroups([...this.#groups, made]);
      return made.group;
    });
  }

  /** Notes that a group is deleted: another one of its name gets an id of its own. @param group id in the fleet */
  async endFleetGroup(group: string): Promise<void> {
    await this.#state.change(async () => {
      const deletedAt = this.#state.now();
      const ended = this.#groups.map((one) => (one.group === group && !one.deletedAt ? { ...one, deletedAt } : one));
      await this.#writeGroups(ended);
    });
  }

  /** Notes deletions that were published; the oldest notes make room. @throws AppError STORE_UNAVAILABLE, STOPPED */
  async noteDeletions(deletions: readonly Omit<DeletionRecord, 'number'>[]): Promise<void> {
    const state = this.#state;
    await state.change(async () => {
      const last = this.#deletions.at(-1)?.number ?? 0;
      const noted = deletions.map((deletion, index) => ({ number: last + 1 + index, ...deletion }));
      const all = [...this.#deletions, ...noted];
      const dropped = all.slice(0, Math.max(0, all.length - MAX_DELETIONS));
      const puts = noted.map((one) => state.put(nameDeletion(one.number), one));
      await state.write([...puts, ...dropped.map(({ number }) => state.erase(nameDeletion(number)))]);
      this.#deletions = all.slice(dropped.length);
    });
  }

  /**
   * Changes doors and invites: `plan` sees the newest state, and its records and entries are one batch.
   * @returns what `plan` returns as `result`
   */
  async change<T>(plan: () => { change: AuthorityChange; entries?: readonly AuditEntry[]; result: T }): Promise<T> {
    const state = this.#state;
    return state.change(async () => {
      const { change, entries = [], result } = plan();
      const { doors = [], invites = [], droppedDoors = [], droppedInvites = [], erases = false } = change;
      const put = (key: string, value: unknown): Operation =>
        erases ? state.replace(key, value) : state.put(key, value);
      const operations: Operation[] = [
        ...doors.map((door) => put(DOOR_PREFIX + door.id, door)),
        ...invites.map((invite) => put(INVITE_PREFIX + invite.join, invite)),
        ...droppedDoors.flatMap((id) => [state.erase(DOOR_PREFIX + id), state.erase(REPORT_PREFIX + id)]),
        ...droppedInvites.map((join) => state.erase(INVITE_PREFIX + join)),
      ];
      if (operations.length > 0 || entries.length > 0) await state.write(operations, entries);
      for (const door of doors) this.#doors.set(door.id, door);
      for (const invite of invites) this.#invites.set(invite.join, invite);
      for (const id of droppedDoors) {
        this.#doors.delete(id);
        this.#reports.delete(id);
      }
      for (const join of droppedInvites) this.#invites.delete(join);
      return result;
    });
  }

  /** Adds entries to the audit log. @throws AppError STORE_UNAVAILABLE */
  async note(entries: readonly AuditEntry[]): Promise<void> {
    await this.#state.write([], entries);
  }

  /** Keeps the last report of a door. @param isStored false: in memory alone, for one that proves nothing new */
  async keepReport(
    record: ReportRecord,
    { isStored, entries = [] }: { isStored: boolean; entries?: readonly AuditEntry[] },
  ): Promise<void> {
    const state = this.#state;
    if (isStored || entries.length > 0) await state.write([state.put(REPORT_PREFIX + record.door, record)], entries);
    if (this.#doors.has(record.door)) this.#reports.set(record.door, record);
  }

  async #writeGroups(groups: z.output<typeof sharedGroupsSchema>): Promise<void> {
    await this.#state.write([this.#state.put(GROUPS_KEY, groups)]);
    this.#groups = groups;
  }
}

/** Returns the facts of a door for the audit log. */
export function describeDoor({ id, name, fingerprint }: DoorRecord): AuditEntry['subject'] {
  return { door: id, name, fingerprint };
}

function nameDeletion(number: number): string {
  return DELETION_PREFIX + String(number).padStart(NUMBER_DIGITS, '0');
}
