// The authority's side of membership: what each door is given, in a letter that is written again when it changes, and what a removal takes back.
import { createHash } from 'node:crypto';
import type { Clock } from '../domain/time.js';
import { clientError } from '../errors.js';
import { describeDoor, type AuthorityState } from './authority-state.js';
import type { FleetLog } from './fleet-log.js';
import type { DoorRecord, FleetConnection, MembershipBody } from './fleet-records.js';
import type { FleetActor } from './fleet.types.js';
import { decodePublicKeys } from './identity.js';
import { writeLetter } from './signed-letter.js';
import { nameMembership } from './subjects.js';

/** Time in which a removed door may say that it has deleted its copies; then its credentials are revoked. The new epochs begin at once. */
export const FAREWELL_MS = 5_000;
const WRITES_AT_ONCE = 16;

/** A group as the doors need to know it. */
export interface SharedGroup {
  groupId: string;
  /** Id in the fleet. */
  group: string;
  modelVersion: string;
  /** Epoch of the last head. */
  epoch: number;
  /** Key of that epoch, and of the next one while it is being begun. */
  epochKeys: ReadonlyMap<number, Uint8Array>;
}

export interface MembershipSettings {
  connection: Omit<FleetConnection, 'credentials'>;
  events: 'none' | 'sealed' | 'plain';
  /** Life of a head. */
  maxStaleHours: number;
}

export interface MembershipsOptions {
  state: AuthorityState;
  log: FleetLog;
  clock: Clock;
  /** Returns the groups that are shared now, deleted ones excluded. */
  listGroups: () => readonly SharedGroup[];
  settings: () => MembershipSettings;
  /**
   * Begins a new epoch in groups, because a door that has their keys was removed. It writes the memberships with the new keys (`publish`)
   * before the groups change over. It may be called again for an epoch that was begun already.
   */
  beginEpochs: (groupIds: readonly string[]) => Promise<void>;
  /** Revokes the credentials of a door. It may be called again. */
  revoke?: ((door: DoorRecord) => Promise<void>) | undefined;
}

/** A membership that was decided on. */
interface Decided {
  door: DoorRecord;
  makeBody: () => MembershipBody;
  sequence: number;
}

type GivenGroup = Extract<MembershipBody, { state: 'approved' }>['groups'][number];

/** Everything can be called again after a kill: the state says what is left to do. */
export class Memberships {
  readonly #options: MembershipsOptions;
  /** Sequence of the newest membership of each door that the log has, as far as this process knows. */
  readonly #written = new Map<string, number>();
  /** Memberships as decided last, by door. */
  #decided: ReadonlyMap<string, Decided> = new Map();
  #finishing: Promise<unknown> = Promise.resolve();

  constructor(options: MembershipsOptions) {
    this.#options = options;
  }

  /**
   * Writes the memberships that have changed, and those that this process has not written yet.
   * @param again writes all of them: the log may have lost them
   * @returns number of memberships that were written @throws AppError FLEET_UNREACHABLE: a later call writes the rest
   */
  async publish({ again = false }: { again?: boolean } = {}): Promise<number> {
    const decided = await this.#decide();
    const waiting = decided.filter(({ door, sequence }) => again || this.#written.get(door.id) !== sequence);
    const count = waiting.length;
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) await this.#write(next);
    };
    await Promise.all(Array.from({ length: Math.min(WRITES_AT_ONCE, count) }, work));
    return count;
  }

  /** Returns the membership of a door as the last `publish` decided on it. */
  find(door: string): { body: MembershipBody; sequence: number } | undefined {
    const decided = this.#decided.get(door);
    return decided && { body: decided.makeBody(), sequence: decided.sequence };
  }

  /** Goes on above a sequence that a door has seen: this authority was put back to an older state. @throws AppError STORE_UNAVAILABLE */
  async surpass(id: string, sequence: number): Promise<void> {
    const { state } = this.#options;
    await state.change(() => {
      const door = state.door(id);
      if (!door?.membership || door.membership.sequence >= sequence) return { change: {}, result: undefined };
      // Without its hash the membership counts as changed.
      const membership = { ...door.membership, sequence, hash: '0'.repeat(64) };
      return { change: { doors: [{ ...door, membership }] }, result: undefined };
    });
  }

  /**
   * Removes a door: it is told to delete its copies, and `finishRemovals` does the rest.
   * @throws AppError FLEET_CONFLICT: it was not approved; STORE_UNAVAILABLE; FLEET_UNREACHABLE: it is removed, and `finishRemovals` and
   * `publish` are to be called again
   */
  async remove(id: string, { actor, hasLeft = false }: FleetActor & { hasLeft?: boolean }): Promise<DoorRecord> {
    const { state, listGroups } = this.#options;
    const removed = await state.change(() => {
      const door = state.door(id);
      if (door?.state === 'removed') return { change: {}, result: door };
      if (door?.state !== 'approved')
        throw clientError('FLEET_CONFLICT', 'The door was not approved: refuse it instead.');
      const groups = pickGroups(door, listGroups()).map(({ groupId }) => groupId);
      const removal = { isRevoked: false, groups };
      const result: DoorRecord = { ...door, state: 'removed', removedAt: state.now(), removal };
      const action = hasLeft ? 'fleet.left' : 'fleet.removed';
      const entries = [{ action, actor, subject: describeDoor(door) } as const];
      return { change: { doors: [result] }, entries, result };
    });
    await this.publish();
    return removed;
  }

  /**
   * Does what removals have left: new epochs at once, and the revocation of the credentials as soon as the door has taken its leave.
   * @returns milliseconds until it has to be called again; undefined where nothing is left
   * @throws AppError FLEET_UNREACHABLE, STORE_UNAVAILABLE: a later call goes on
   */
  finishRemovals(): Promise<number | undefined> {
    const finished = this.#finishing.then(() => this.#finishRemovals());
    this.#finishing = finished.catch(() => undefined);
    return finished;
  }

  async #finishRemovals(): Promise<number | undefined> {
    const begun = this.#beginEpochs();
    begun.catch(() => undefined);
    try {
      return await this.#revoke();
    } finally {
      // The revocation did not wait for it.
      await begun;
    }
  }

  async #beginEpochs(): Promise<void> {
    const leaving = this.#listLeaving();
    const groups = [...new Set(leaving.flatMap(({ removal }) => removal?.groups ?? []))];
    if (groups.length === 0) return;
    await this.#options.beginEpochs(groups);
    const ids = leaving.map(({ id }) => id);
    await this.#settle(ids, (removal) => ({ ...removal, groups: [] }));
  }

  /** Revokes the credentials of the doors that have taken their leave, or had the time for it. @returns see finishRemovals */
  async #revoke(): Promise<number | undefined> {
    const { state, clock, revoke } = this.#options;
    let nextMs: number | undefined;
    for (const door of this.#listLeaving()) {
      if (door.removal?.isRevoked !== false) continue;
      const waitMs = Date.parse(door.removedAt ?? '') + FAREWELL_MS - clock();
      if (state.report(door.id)?.report.isLeaving !== true && waitMs > 0) {
        nextMs = Math.min(nextMs ?? Infinity, waitMs);
        continue;
      }
      await revoke?.(door);
      await this.#settle([door.id], (removal) => ({ ...removal, isRevoked: true }));
    }
    return nextMs;
  }

  #listLeaving(): DoorRecord[] {
    return this.#options.state.doors.filter(({ removal }) => removal !== undefined);
  }

  /** Notes what was done of removals. The credentials of a door are erased with the end of its removal. */
  async #settle(
    ids: readonly string[],
    settle: (removal: NonNullable<DoorRecord['removal']>) => NonNullable<DoorRecord['removal']>,
  ): Promise<void> {
    const { state } = this.#options;
    await state.change(() => {
      const doors = ids.flatMap((id): DoorRecord[] => {
        const door = state.door(id);
        if (!door?.removal) return [];
        const { removal: before, credentials, ...rest } = door;
        const removal = settle(before);
        if (removal.isRevoked && removal.groups.length === 0) return [rest];
        return [{ ...rest, removal, ...(credentials !== undefined && !removal.isRevoked && { credentials }) }];
      });
      return { change: { doors, erases: true }, result: undefined };
    });
  }

  /**
   * Decides what each door is given. What differs from before gets a new sequence, in one batch. Most doors are given the same groups, so each
   * group is encoded once: 1,000 doors with 20 groups take 50 ms (shared machine, November 2026), and 250 ms if the groups of each door are encoded.
   */
  async #decide(): Promise<Decided[]> {
    const { state, clock, listGroups, settings } = this.#options;
    const all = await state.change(() => {
      const [groups, facts] = [listGroups(), settings()];
      const factsText = JSON.stringify([state.name, facts]);
      const encoded = new Map<string, { given: GivenGroup; text: string }>();
      /** @param from first epoch whose key the door is given */
      const encode = (one: SharedGroup, from: number): { given: GivenGroup; text: string } => {
        const key = `${one.group} ${from}`;
        const known = encoded.get(key);
        if (known) return known;
        const given = encodeGroup(one, from);
        const made = { given, text: createHash('sha256').update(JSON.stringify(given)).digest('hex') };
        encoded.set(key, made);
        return made;
      };
      const changed: DoorRecord[] = [];
      const result = state.doors.flatMap((door): Decided[] => {
        const isRemoved = door.state === 'removed';
        if (!isRemoved && door.state !== 'approved') return [];
        const given = isRemoved ? [] : pickGroups(door, groups);
        const epochsFrom: Record<string, number> = { ...door.membership?.epochsFrom };
        for (const { group, epoch } of given) epochsFrom[group] ??= epoch;
        const parts = given.map((one) => encode(one, epochsFrom[one.group] ?? one.epoch));
        const makeBody = (): MembershipBody =>
          isRemoved ? { state: 'removed' } : makeMembership(state.name, facts, door, parts);
        const texts = isRemoved ? ['removed'] : [factsText, door.credentials ?? '', ...parts.map(({ text }) => text)];
        const hash = createHash('sha256').update(texts.join('\n')).digest('hex');
        if (door.membership?.hash === hash) return [{ door, makeBody, sequence: door.membership.sequence }];
        const sequence = Math.max((door.membership?.sequence ?? 0) + 1, clock());
        const next: DoorRecord = { ...door, membership: { sequence, hash, epochsFrom } };
        changed.push(next);
        return [{ door: next, makeBody, sequence }];
      });
      return { change: { doors: changed }, result };
    });
    this.#decided = new Map(all.map((one) => [one.door.id, one]));
    return all;
  }

  async #write({ door, makeBody, sequence }: Decided): Promise<void> {
    const { state, log } = this.#options;
    const to = decodePublicKeys(door.id, door.keys);
    const letter = writeLetter(state.identity, to, {
      kind: 'membership',
      fleet: state.fleet,
      sequence,
      issuedAt: state.now(),
      body: makeBody(),
    });
    await log.put(nameMembership(door.id), letter);
    this.#written.set(door.id, sequence);
  }
}

/** Returns the groups that a door is given. */
export function pickGroups<T extends { groupId: string }>({ groups }: DoorRecord, all: readonly T[]): T[] {
  return all.filter(({ groupId }) => groups === undefined || groups.includes(groupId));
}

function makeMembership(
  authority: string,
  { connection, events, maxStaleHours }: MembershipSettings,
  { credentials }: DoorRecord,
  groups: readonly { given: GivenGroup }[],
): MembershipBody {
  return {
    state: 'approved',
    authority,
    groups: groups.map(({ given }) => given),
    connection: { ...connection, ...(credentials !== undefined && { credentials }) },
    events,
    maxStaleHours,
  };
}

/** @param from first epoch whose key the door is given */
function encodeGroup({ group, groupId, modelVersion, epoch, epochKeys }: SharedGroup, from: number): GivenGroup {
  const keys = [...epochKeys]
    .filter(([number]) => number >= from)
    .sort(([a], [b]) => a - b)
    .map(([number, key]) => ({ epoch: number, key: Buffer.from(key).toString('base64') }));
  return { group, groupId, modelVersion, epoch, keys };
}
