// The health of a device's part in the fleet, from its state.
import type { Health } from '../domain/health.js';
import type { FleetGroupStatus, FleetStatus } from './fleet.types.js';

/** Sentences for a door that is in no fleet, by the state of its request. */
const NOT_IN: Readonly<Record<'none' | 'waiting' | 'refused' | 'removed', string>> = {
  none: 'this door has not joined a fleet',
  waiting: 'this door waits until the authority approves it',
  refused: 'the authority has refused this door',
  removed: 'the authority has removed this door from the fleet',
};

/**
 * Describes the health of a device's part in the fleet. The fact `staleGroups` lists the copies that grant nobody, because nothing fresh was
 * heard for too long; it is absent where there are none.
 */
export function describeFleetHealth(status: FleetStatus): Health {
  const { role, log, groups, doors } = status;
  const inState = (state: FleetGroupStatus['state']): string[] =>
    groups.filter((group) => group.state === state).map(({ groupId }) => groupId);
  const [stale, unusable, missing] = [inState('stale'), inState('unusable'), inState('missing')];
  const problems = [
    ...(status.problem === undefined ? [] : [status.problem]),
    ...listMembershipProblems(status),
    ...(stale.length > 0 ? [`nothing fresh was heard for too long, so nobody is granted of: ${stale.join(', ')}`] : []),
    ...(unusable.length > 0 ? [`the models are not installed for: ${unusable.join(', ')}`] : []),
    ...(missing.length > 0 ? [`the first copy is not complete of: ${missing.join(', ')}`] : []),
    ...(log.isConnected ? [] : [log.detail ?? 'the log of the fleet cannot be reached']),
  ];
  const facts = {
    ...{ role, log: log.kind, connected: log.isConnected, groups: groups.length },
    ...(stale.length > 0 && { staleGroups: stale }),
    ...(role === 'authority' && {
      doors: doors.filter(({ state }) => state === 'approved').length,
      doorsWaiting: doors.filter(({ state }) => state === 'waiting').length,
      doorsWithProblems: doors.filter(({ state, problems: own }) => state === 'approved' && own.length > 0).length,
    }),
  };
  return problems.length === 0 ? { status: 'ok', facts } : { status: 'degraded', detail: problems.join('; '), facts };
}

function listMembershipProblems({ role, joining }: FleetStatus): string[] {
  const state = joining?.state ?? 'none';
  if (role === 'authority' || state === 'approved') return [];
  return [joining?.detail ?? NOT_IN[state]];
}
