// What the authority shows of its doors: how far each is behind, and what is wrong, in words.
import type { AuthorityState } from './authority-state.js';
import type { DoorRecord, ReportRecord } from './fleet-records.js';
import type { FleetCopyState, FleetDoorStatus, FleetGroupStatus } from './fleet.types.js';
import { CLOCK_TOLERANCE_MS } from './head.js';
import { pickGroups } from './memberships.js';

/** Time after which a door that has not reported counts as silent: some intervals of `fleet.renewSeconds`. */
const SILENT_MS = 300_000;

/** Group as the authority has published it, for the status of a door. */
export type PublishedGroup = Pick<FleetGroupStatus, 'groupId' | 'modelVersion' | 'version' | 'issuedAt'>;

export interface DoorStatusOptions {
  groups: readonly PublishedGroup[];
  nowMs: number;
  /** SILENT_MS by default. */
  silentMs?: number | undefined;
}

/** A group of a door: what is published, and what the door has of it. */
interface Held extends PublishedGroup {
  held: ReportRecord['report']['groups'][number] | undefined;
  state: FleetCopyState;
}

/** Builds the status of one door. */
export function describeDoorStatus(
  state: AuthorityState,
  door: DoorRecord,
  options: DoorStatusOptions,
): FleetDoorStatus {
  const { id, name, fingerprint, joinedAt, approvedAt, removedAt, groups: allowed } = door;
  const last = state.report(id);
  const models = last?.report.models ?? door.models;
  const isMember = door.state === 'approved' || door.state === 'waiting';
  const held = isMember ? pickGroups(door, options.groups).map((group) => compare(state, group, { last, models })) : [];
  return {
    id,
    name,
    fingerprint,
    state: door.state,
    joinedAt,
    ...(approvedAt !== undefined && { approvedAt }),
    ...(removedAt !== undefined && { removedAt }),
    ...(last && { lastSeenAt: last.receivedAt }),
    ...(last && door.state === 'approved' && measureLag(held)),
    softwareVersion: last?.report.softwareVersion ?? door.softwareVersion,
    models,
    ...(last && { health: last.report.health }),
    problems: listProblems(door, last, held, options),
    ...(allowed && { allowed }),
    groups: held.map((one) => ({ groupId: one.groupId, version: one.held?.version ?? 0, state: one.state })),
  };
}

/** Builds the status of all doors, in the order in which they joined. */
export function listDoorStatus(state: AuthorityState, options: DoorStatusOptions): FleetDoorStatus[] {
  return state.doors.map((door) => describeDoorStatus(state, door, options));
}

/** The door's own word counts, but what the authority knows better: that a newer version is out, or that the models are missing. */
function compare(
  known: AuthorityState,
  published: PublishedGroup,
  { last, models }: { last: ReportRecord | undefined; models: readonly string[] },
): Held {
  const shared = known.groups.find((one) => one.groupId === published.groupId && one.deletedAt === undefined);
  const held = last?.report.groups.find(({ group }) => group === shared?.group);
  let state: FleetCopyState = held?.state ?? 'missing';
  if (!models.includes(published.modelVersion)) state = 'unusable';
  else if (state === 'current' && (held?.version ?? 0) < published.version) state = 'behind';
  return { ...published, held, state };
}

function measureLag(groups: readonly Held[]): { lagVersions: number; lagSeconds: number } {
  let lagVersions = 0;
  let lagMs = 0;
  for (const { version, issuedAt, held } of groups) {
    lagVersions += Math.max(0, version - (held?.version ?? 0));
    if (issuedAt === undefined || held?.issuedAt === undefined) continue;
    lagMs = Math.max(lagMs, Date.parse(issuedAt) - Date.parse(held.issuedAt));
  }
  return { lagVersions, lagSeconds: Math.round(lagMs / 1_000) };
}

function listProblems(
  door: DoorRecord,
  last: ReportRecord | undefined,
  held: readonly Held[],
  { nowMs, silentMs = SILENT_MS }: DoorStatusOptions,
): string[] {
  if (door.state === 'removed' || door.state === 'refused') {
    return door.removal ? ['The removal is not complete: it goes on by itself.'] : [];
  }
  const problems: string[] = [];
  for (const { groupId, modelVersion, state, held: copy } of held) {
    if (state === 'unusable')
      problems.push(`The door does not have the models ${modelVersion} of the group ${groupId}.`);
    if (state === 'stale') problems.push(`The door grants nobody of the group ${groupId}: it has heard nothing fresh.`);
    if (state === 'missing' && copy) problems.push(`The door has no complete copy of the group ${groupId} yet.`);
  }
  if (door.state === 'waiting') return problems;
  if (!last) return [...problems, 'The door has not reported yet.'];
  const silentForMs = nowMs - Date.parse(last.receivedAt);
  if (silentForMs >= silentMs) problems.push(`The door has not reported for ${describeDuration(silentForMs)}.`);
  const clockMs = Date.parse(last.issuedAt) - Date.parse(last.receivedAt);
  if (clockMs > CLOCK_TOLERANCE_MS) problems.push(`The clock of the door is ${describeDuration(clockMs)} ahead.`);
  for (const [reason, count] of Object.entries(last.report.refusals)) {
    if (count > 0) problems.push(`The door has refused what the log showed it: ${reason}, ${count} times.`);
  }
  return [...problems, ...last.report.problems];
}

/** Writes a duration in its greatest unit. */
function describeDuration(durationMs: number): string {
  const units = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000]] as const; // prettier-ignore
  const [unit, unitMs] = units.find(([, ms]) => durationMs >= ms) ?? (['second', 1_000] as const);
  const count = Math.floor(durationMs / unitMs);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
