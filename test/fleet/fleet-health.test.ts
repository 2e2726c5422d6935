// The health of a device's part in the fleet.
import { expect, test } from 'vitest';
import type { Health } from '../../src/domain/health.js';
import { describeFleetHealth } from '../../src/fleet/fleet-health.js';
import type { FleetGroupStatus, FleetStatus } from '../../src/fleet/fleet.types.js';
import { aDoor, aGroup } from '../api/device/scripted-fleet.js';

const IN = { state: 'approved' } as const;

function door(changes: Partial<FleetStatus> = {}): Health {
  const log = { kind: 'nats', isConnected: true } as const;
  return describeFleetHealth({
    role: 'door',
    name: 'gate',
    log,
    groups: [aGroup()],
    doors: [],
    joining: IN,
    ...changes,
  });
}

test('a door with fresh copies is well', () => {
  const behind = [aGroup(), aGroup({ groupId: 'hall', state: 'behind' })];
  expect(door({ groups: behind })).toEqual({
    status: 'ok',
    facts: { role: 'door', log: 'nats', connected: true, groups: 2 },
  });
});

test.each<[FleetGroupStatus['state'], RegExp]>([
  ['stale', /nothing fresh was heard.*nobody is granted of: hall/],
  ['unusable', /models are not installed for: hall/],
  ['missing', /first copy is not complete of: hall/],
])('a copy that is %s degrades it, and is named', (state, sentence) => {
  const health = door({ groups: [aGroup(), aGroup({ groupId: 'hall', state })] });
  expect([health.status, health.detail]).toEqual(['degraded', expect.stringMatching(sentence)]);
  expect(health.facts?.staleGroups).toEqual(state === 'stale' ? ['hall'] : undefined);
});

test('a door that is in no fleet says so', () => {
  expect(door({ joining: { state: 'none' }, groups: [] }).detail).toBe('this door has not joined a fleet');
  expect(door({ joining: { state: 'removed', detail: 'Removed by front-desk.' } }).detail).toBe(
    'Removed by front-desk.',
  );
});

test('a log that cannot be reached degrades both roles', () => {
  const log = { kind: 'folder', isConnected: false } as const;
  expect(door({ log }).detail).toBe('the log of the fleet cannot be reached');
  const detail = 'The server refuses the credentials.';
  expect(door({ role: 'authority', log: { ...log, detail } })).toMatchObject({ status: 'degraded', detail });
});

test('an authority counts its doors, and stays well while one of them has a problem', () => {
  const doors = [aDoor(1), aDoor(2, { state: 'approved', problems: ['x'] }), aDoor(3, { state: 'removed' })];
  const { status, facts } = door({ role: 'authority', doors });
  expect([status, facts]).toMatchObject(['ok', { doors: 1, doorsWaiting: 1, doorsWithProblems: 1 }]);
});
