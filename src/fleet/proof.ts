// Proof of deletion: which doors have shown that they do not hold what was deleted, and from when the others refuse.
import { clientError } from '../errors.js';
import type { AuthorityState } from './authority-state.js';
import type { DeletionRecord, DoorRecord } from './fleet-records.js';
import type { FleetProof } from './fleet.types.js';

/** A door that has reported within this time is heard: its proof is under way. */
const HEARD_MS = 180_000;
const HOUR_MS = 3_600_000;

export interface ProofOptions {
  /** Absent: of all groups. */
  groupId?: string | undefined;
  /** Number of one deletion; absent: of all of them. */
  deletion?: number | undefined;
  nowMs: number;
  /** Life of a head, for doors that have not said after which time they refuse. */
  maxStaleHours: number;
}

/** Claims that a door has to prove: the newest deletion in each group, and the time at which its version was published. */
type Claims = ReadonlyMap<string, Pick<DeletionRecord, 'version' | 'at'>>;

type Waiting = FleetProof['waiting'][number] & { isHeard: boolean; heardMs: number; refusesMs: number };

/**
 * Judges each door that was ever given one of the groups. A door has proved a deletion with a signed report of the version without the faces,
 * under the root that the authority signed, or of a device that holds nothing of the group any more.
 *
 * A door that has not proved it refuses all of the group from `refusesFrom`: it cannot have heard a head that is newer than its report and the
 * version of the deletion, because with that version it would have deleted.
 * @throws AppError INVALID_PARAM: there is no such group or deletion
 */
export function proveDeletions(state: AuthorityState, options: ProofOptions): FleetProof {
  const claims = findClaims(state, options);
  const proved: FleetProof['proved'][number][] = [];
  const waiting: Waiting[] = [];
  for (const door of state.doors) {
    const judged = judgeDoor(state, door, claims, options);
    if (judged === undefined) continue;
    if ('at' in judged) proved.push(judged);
    else waiting.push(judged);
  }
  return {
    ...(options.groupId !== undefined && { groupId: options.groupId }),
    proved,
    waiting: waiting.map(({ door, name, lastSeenAt, refusesFrom }) => ({
      door,
      name,
      ...(lastSeenAt !== undefined && { lastSeenAt }),
      ...(refusesFrom !== undefined && { refusesFrom }),
    })),
    summary: claims.size === 0 ? 'Nothing was deleted, so there is nothing to prove.' : summarise(proved.length, waiting, options.nowMs), // prettier-ignore
  };
}

function findClaims(state: AuthorityState, { groupId, deletion }: ProofOptions): Claims {
  if (groupId !== undefined && !state.groups.some((one) => one.groupId === groupId)) {
    throw clientError('INVALID_PARAM', 'The fleet does not share a group of this name.');
  }
  const chosen = state.deletions.filter(
    (one) => (groupId === undefined || one.groupId === groupId) && (deletion === undefined || one.number === deletion),
  );
  if (deletion !== undefined && chosen.length === 0) {
    throw clientError('INVALID_PARAM', 'There is no deletion of this number.');
  }
  const claims = new Map<string, Pick<DeletionRecord, 'version' | 'at'>>();
  for (const { group, version, at } of chosen) {
    if (version > (claims.get(group)?.version ?? 0)) claims.set(group, { version, at });
  }
  return claims;
}

/** @returns undefined for a door that was given none of the groups */
function judgeDoor(
  state: AuthorityState,
  door: DoorRecord,
  claims: Claims,
  { nowMs, maxStaleHours }: ProofOptions,
): FleetProof['proved'][number] | Waiting | undefined {
  const given = [...claims].filter(([group]) => door.membership?.epochsFrom[group] !== undefined);
  if (given.length === 0) return undefined;
  const { id, name } = door;
  const last = state.report(id);
  const receipts = given.map(([group, { version }]) => {
    const receipt = last?.proved[group];
    return receipt !== undefined && receipt.version >= version ? receipt.at : undefined;
  });
  if (receipts.every((at) => at !== undefined)) {
    const at = receipts.reduce((newest, one) => (one > newest ? one : newest), '');
    return { door: id, name, at };
  }
  const staleMs = (last?.report.maxStaleHours ?? maxStaleHours) * HOUR_MS;
  const open = given.filter((_, index) => receipts[index] === undefined);
  const refusesMs = Math.max(
    ...open.map(([group, { at }]) => {
      const heard = last?.report.groups.find((one) => one.group === group)?.issuedAt;
      // A door that was removed has no key for the heads after its removal.
      const newestMs = Math.min(Date.parse(at), Date.parse(door.removedAt ?? at));
      return Math.max(newestMs, heard === undefined ? newestMs : Date.parse(heard)) + staleMs;
    }),
  );
  const seenAt = last?.receivedAt;
  const heardMs = Date.parse(seenAt ?? door.approvedAt ?? door.joinedAt);
  return {
    door: id,
    name,
    ...(seenAt !== undefined && { lastSeenAt: seenAt }),
    refusesFrom: new Date(refusesMs).toISOString(),
    isHeard: seenAt !== undefined && nowMs - heardMs < HEARD_MS,
    heardMs,
    refusesMs,
  };
}

/** Writes the sentence of a proof. Its times hold for every door that it counts. */
function summarise(proved: number, waiting: readonly Waiting[], nowMs: number): string {
  const all = proved + waiting.length;
  if (all === 0) return 'No door was given a copy.';
  const heard = waiting.filter(({ isHeard }) => isHeard).length;
  const silent = waiting.filter(({ isHeard }) => !isHeard);
  const parts = [`${proved} of ${all} proved`];
  if (heard > 0) parts.push(`${heard} ${heard === 1 ? 'has' : 'have'} not confirmed yet`);
  if (silent.length > 0) {
    const since = formatTime(Math.max(...silent.map(({ heardMs }) => heardMs)));
    const fromMs = Math.max(...silent.map(({ refusesMs }) => refusesMs));
    const who = silent.length === 1 ? 'it refuses' : 'they refuse';
    const from = fromMs <= nowMs ? 'since' : 'from';
    parts.push(`${silent.length} not heard since ${since}, and ${who} ${from} ${formatTime(fromMs)}`);
  }
  return parts.join('; ');
}

function formatTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
