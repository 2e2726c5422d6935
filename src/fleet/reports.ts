// The authority's side of reports: keeps the last one of each door, what it proves, and what it says of attacks.
import type { AuditEntry } from '../domain/audit.js';
import type { Clock } from '../domain/time.js';
import { describeDoor, type AuthorityState } from './authority-state.js';
import type { FleetLog } from './fleet-log.js';
import { reportSchema, type DoorRecord, type DoorReport, type ReportRecord } from './fleet-records.js';
import { decodePublicKeys } from './identity.js';
import { pickGroups, type Memberships } from './memberships.js';
import { readLetter } from './signed-letter.js';
import { nameReport } from './subjects.js';

/** Versions of each group whose roots are remembered: a door that is further behind proves something with its next version. */
const MAX_ROOTS = 1_000;
/** A report that proves nothing new is stored after this time: what a restart shows is not older. */
const STORE_AFTER_MS = 600_000;
/** Time after which an attack of the same kind gets another entry in the audit log. */
const NOTE_AGAIN_MS = 86_400_000;
/** Version that a door has proved of a group of which it holds nothing, and will get nothing. */
export const NOTHING_HELD = Number.MAX_SAFE_INTEGER;
const NO_ROOT = '0'.repeat(64);

export interface ReportsOptions {
  state: AuthorityState;
  log: FleetLog;
  clock: Clock;
  memberships: Pick<Memberships, 'remove' | 'surpass' | 'publish'>;
}

interface SignedReport {
  sequence: number;
  issuedAt: string;
  body: DoorReport;
  /** Signature (64 bytes) and text. */
  signed: Buffer;
}

/** Calls for one door are put into an order. */
export class Reports {
  readonly #options: ReportsOptions;
  /** Root of each version by group. */
  readonly #roots = new Map<string, Map<number, string>>();
  /** Groups whose version at the start of this process the doors have to prove. */
  readonly #claimed = new Set<string>();
  /** Times of the entries about reports that were refused, by door and reason. */
  readonly #noted = new Map<string, number>();
  /** Time at which the report of each door was stored last by this process. */
  readonly #storedAt = new Map<string, number>();
  /** Last report of each door that this process has read. */
  readonly #last = new Map<string, SignedReport>();
  /** The work on each door that is under way. It never rejects. */
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /**
   * Notes a version that the authority has signed. Without it no report can prove that version. A report that was faster is judged again.
   * Call it also with the version that a start finds: all doors have to prove it, because a kill may have come between the head of a deletion
   * and its note.
   * @param group id in the fleet @throws AppError STORE_UNAVAILABLE: the version is noted
   */
  async notePublished(group: string, { version, root }: { version: number; root: string }): Promise<void> {
    const roots = this.#roots.get(group) ?? new Map<number, string>();
    this.#roots.set(group, roots.set(version, root));
    const [oldest] = roots.keys();
    if (roots.size > MAX_ROOTS && oldest !== undefined) roots.delete(oldest);
    if (!this.#claimed.has(group)) {
      await this.#claim(group, version);
      this.#claimed.add(group);
    }
    for (const [id, { body }] of this.#last) {
      const isFaster = body.groups.some((one) => one.group === group && one.version === version);
      if (isFaster) await this.#queue(id, () => this.#judgeAgain(id));
    }
  }

  /**
   * Reads the report of a door.
   * @returns undefined where the log has no newer one that is good @throws AppError FLEET_UNREACHABLE, STORE_UNAVAILABLE
   */
  receive(door: string): Promise<ReportRecord | undefined> {
    return this.#queue(door, () => this.#receive(door));
  }

  /** Reads the reports of all doors. @returns number of reports that were new */
  async receiveAll(): Promise<number> {
    let count = 0;
    for (const { id } of this.#options.state.doors) if (await this.receive(id)) count++;
    return count;
  }

  /** Has the doors prove a version that may have lost faces. The first version of a group has lost none. */
  async #claim(group: string, version: number): Promise<void> {
    const { state } = this.#options;
    const groupId = state.groups.find((one) => one.group === group)?.groupId;
    const isNoted = state.deletions.some((one) => one.group === group && one.version >= version);
    if (groupId === undefined || isNoted || version === 1) return;
    await state.noteDeletions([{ group, groupId, version, at: state.now(), kind: 'faces', faces: 0 }]);
  }

  async #queue<T>(door: string, work: () => Promise<T>): Promise<T> {
    const done = (this.#busy.get(door) ?? Promise.resolve()).then(work);
    const settled = done.catch(() => undefined);
    this.#busy.set(door, settled);
    try {
      return await done;
    } finally {
      if (this.#busy.get(door) === settled) this.#busy.delete(door);
    }
  }

  async #judgeAgain(id: string): Promise<void> {
    const { state } = this.#options;
    const [door, last, record] = [state.door(id), this.#last.get(id), state.report(id)];
    if (!door || !last || !record || record.sequence !== last.sequence) return;
    if (this.#prove(door, record, last.body).length > 0) await this.#keep(door, record, last);
  }

  async #receive(id: string): Promise<ReportRecord | undefined> {
    const { state, log, memberships } = this.#options;
    const door = state.door(id);
    if (!door || (door.state !== 'approved' && door.state !== 'removed')) return undefined;
    const bytes = await log.get(nameReport(id));
    if (!bytes) return undefined;
    const last = state.report(id);
    const sender = decodePublicKeys(id, door.keys);
    const expected = { kind: 'report', fleet: state.fleet, reader: state.identity, sender } as const;
    const read = readLetter(bytes, { ...expected, after: last?.sequence ?? 0 }, reportSchema);
    if (read.outcome === 'refused') {
      await this.#noteRefused(door, `report-${read.refusal}`);
      return undefined;
    }
    if (read.isRepeated) return undefined;
    const record = await this.#keep(door, last, read);
    this.#last.set(id, read);
    const { membership, isLeaving = false } = read.body;
    if (membership > (door.membership?.sequence ?? 0)) {
      await memberships.surpass(id, membership);
      await memberships.publish();
    }
    if (isLeaving && door.state === 'approved') await memberships.remove(id, { actor: 'fleet', hasLeft: true });
    return record;
  }

  async #keep(
    door: DoorRecord,
    last: ReportRecord | undefined,
    { sequence, issuedAt, body: report, signed }: SignedReport,
  ): Promise<ReportRecord> {
    const { state, clock } = this.#options;
    const nowMs = clock();
    const fresh = this.#prove(door, last, report);
    const proved = { ...last?.proved };
    for (const { group, version, root } of fresh) proved[group] = { version, root, at: issuedAt, receipt: sequence };
    const receipts: Record<string, string> = {};
    for (const { receipt } of Object.values(proved)) {
      receipts[receipt] = receipt === sequence ? signed.toString('base64') : (last?.receipts[receipt] ?? '');
    }
    const { attacks, entries } = this.#judgeAttacks(door, last, report, nowMs);
    const isStored =
      fresh.length > 0 ||
      !last ||
      report.isLeaving === true ||
      nowMs - (this.#storedAt.get(door.id) ?? 0) >= STORE_AFTER_MS;
    if (isStored) this.#storedAt.set(door.id, nowMs);
    const record = { door: door.id, sequence, issuedAt, receivedAt: state.now(), report, proved, receipts, attacks };
    await state.keepReport(record, { isStored, entries });
    return record;
  }

  /** Returns what a report proves that was not proved before. */
  #prove(
    door: DoorRecord,
    last: ReportRecord | undefined,
    { groups, membership, isLeaving = false }: DoorReport,
  ): { group: string; version: number; root: string }[] {
    const fresh = groups.flatMap(({ group, version, root }) => {
      const before = last?.proved[group]?.version ?? 0;
      const isNewer = version > before || before === NOTHING_HELD;
      return isNewer && version > 0 && this.#roots.get(group)?.get(version) === root ? [{ group, version, root }] : [];
    });
    const held = new Set(groups.map(({ group }) => group));
    const shared = this.#options.state.groups.filter(({ deletedAt }) => deletedAt === undefined);
    const given = door.state === 'removed' ? [] : pickGroups(door, shared).map(({ group }) => group);
    const isCurrent = isLeaving || membership >= (door.membership?.sequence ?? 0);
    const gone = Object.keys(door.membership?.epochsFrom ?? {}).filter(
      (group) =>
        isCurrent &&
        !held.has(group) &&
        (isLeaving || !given.includes(group)) &&
        last?.proved[group]?.version !== NOTHING_HELD,
    );
    return [...fresh, ...gone.map((group) => ({ group, version: NOTHING_HELD, root: NO_ROOT }))];
  }

  /** Finds what the door has refused since its last report, and receipts for what the authority did not sign. */
  #judgeAttacks(
    door: DoorRecord,
    last: ReportRecord | undefined,
    { refusals, groups }: DoorReport,
    nowMs: number,
  ): { attacks: Record<string, string>; entries: AuditEntry[] } {
    const attacks = { ...last?.attacks };
    const entries: AuditEntry[] = [];
    const note = (reason: string, more: AuditEntry['subject']): void => {
      const before = attacks[reason];
      if (before !== undefined && nowMs - Date.parse(before) < NOTE_AGAIN_MS) return;
      attacks[reason] = new Date(nowMs).toISOString();
      const subject = { ...describeDoor(door), reason, ...more };
      entries.push({ action: 'fleet.attacked', actor: 'fleet', subject });
    };
    for (const [reason, count] of Object.entries(refusals)) {
      const before = last?.report.refusals[reason] ?? 0;
      // A count that went back is that of another process of the door.
      if (count > (count < before ? 0 : before)) note(reason, { count });
    }
    for (const { group, version, root } of groups) {
      const signed = this.#roots.get(group)?.get(version);
      if (signed !== undefined && signed !== root) note('other-root', { group, version });
    }
    return { attacks, entries };
  }

  /** Notes a report that is not the door's own, or an old one. */
  async #noteRefused(door: DoorRecord, reason: string): Promise<void> {
    const { state, clock } = this.#options;
    const key = `${door.id} ${reason}`;
    const nowMs = clock();
    if (nowMs - (this.#noted.get(key) ?? -Infinity) < NOTE_AGAIN_MS) return;
    const subject = { ...describeDoor(door), reason };
    await state.note([{ action: 'fleet.attacked', actor: 'fleet', subject }]);
    this.#noted.set(key, nowMs);
  }
}
