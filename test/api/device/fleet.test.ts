// The fleet over a real socket: who may do what, what each role of a device answers, and bad input.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { z } from 'zod';
import {
  fleetAnswer,
  fleetDoorAnswer,
  fleetJoinAnswer,
  fleetProofAnswer,
} from '../../../src/api/device/fleet-answers.js';
import { groupAnswer } from '../../../src/api/device/people-answers.js';
import { DEVICE_ROUTES } from '../../../src/api/device/routes.js';
import { expectSentence } from '../details.js';
import { MODEL } from '../harness.js';
import { startDevice, type Called, type Device } from './harness.js';
import { aDoor, aGroup, FINGERPRINT, ScriptedFleet, TOKEN } from './scripted-fleet.js';

const ADMIN = 'admin:front-desk';
const FLEET_ROUTES = DEVICE_ROUTES.filter(({ path }) => path.startsWith('/fleet'));

async function start(fleet?: ScriptedFleet): Promise<Device> {
  const device = await startDevice({ ...(fleet && { fleet }) });
  onTestFinished(() => device.close());
  return device;
}

function read<Schema extends z.ZodType>(schema: Schema, { status, body }: Called): z.output<Schema> {
  expect(status).toBe(200);
  return schema.parse(body);
}

const refusal = ({ status, body }: Called): [number, string] => {
  expectSentence(body.error.message);
  return [status, body.error.code];
};

describe('the authority', () => {
  test('shows its groups and doors, and approves, refuses and removes doors for an admin', async () => {
    const fleet = new ScriptedFleet('authority', [aDoor(1), aDoor(2), aDoor(3, { state: 'approved', lagVersions: 2 })]);
    const device = await start(fleet);
    const shown = read(fleetAnswer, await device.call('GET', '/fleet'));
    expect(shown).toMatchObject({ role: 'authority', fingerprint: FINGERPRINT, log: { isConnected: true } });
    expect(shown.groups).toEqual([aGroup({ issuedAt: expect.any(String) as string })]);
    expect(shown.doors.map(({ name, state }) => [name, state])).toEqual([
      ['gate-1', 'waiting'],
      ['gate-2', 'waiting'],
      ['gate-3', 'approved'],
    ]);
    const path = (number: number): string => `/fleet/doors/${aDoor(number).id}`;
    const approve = { groups: ['staff'], fingerprint: aDoor(1).fingerprint };
    const approved = read(fleetDoorAnswer, await device.call('POST', `${path(1)}/approve`, approve));
    expect(approved).toMatchObject({ name: 'gate-1', state: 'approved', allowed: ['staff'] });
    expect(read(fleetDoorAnswer, await device.call('POST', `${path(2)}/refuse`)).state).toBe('refused');
    expect(read(fleetDoorAnswer, await device.call('DELETE', path(3))).state).toBe('removed');
    expect(fleet.done).toEqual([
      ['approve', ADMIN, ['staff']],
      ['refuse', ADMIN],
      ['remove', ADMIN],
    ]);
  });

  test('makes a token, which a second request does not show again', async () => {
    const fleet = new ScriptedFleet('authority');
    const device = await start(fleet);
    const { status, body } = await device.call('POST', '/fleet/invites');
    expect([status, body]).toEqual([
      200,
      { token: TOKEN, fingerprint: FINGERPRINT, expiresAt: expect.any(String) as string },
    ]);
    expect(JSON.stringify((await device.call('GET', '/fleet')).body)).not.toContain(TOKEN);
    expect(fleet.done).toEqual([['invite', ADMIN]]);
  });

  test('approves a door by the beginning of its id or its name, and gives it all groups by default', async () => {
    const fleet = new ScriptedFleet('authority', [aDoor(1), aDoor(2)]);
    const device = await start(fleet);
    expect((await device.call('POST', '/fleet/doors/1000/approve', {})).status).toBe(200);
    expect((await device.call('POST', '/fleet/doors/gate-2/approve', {})).status).toBe(200);
    expect(fleet.done).toEqual([
      ['approve', ADMIN, undefined],
      ['approve', ADMIN, undefined],
    ]);
  });

  test('does not approve a door whose fingerprint is not the one that was compared', async () => {
    const fleet = new ScriptedFleet('authority', [aDoor(1)]);
    const device = await start(fleet);
    const approve = (fingerprint: string): Promise<Called> =>
      device.call('POST', '/fleet/doors/gate-1/approve', { fingerprint });
    expect(refusal(await approve(aDoor(2).fingerprint))).toEqual([409, 'FLEET_CONFLICT']);
    expect(fleet.done).toEqual([]);
    expect((await approve(aDoor(1).fingerprint.toUpperCase().replaceAll(' ', ''))).status).toBe(200);
  });

  test('shows which doors have proved their deletions, of a group and of all', async () => {
    const device = await start(new ScriptedFleet('authority', [aDoor(1), aDoor(2)]));
    const all = read(fleetProofAnswer, await device.call('GET', '/fleet/proof'));
    expect(all).toMatchObject({
      proved: [{ name: 'gate-1' }],
      waiting: [{ name: 'gate-2' }],
      summary: '1 of 2 proved.',
    });
    expect(all.groupId).toBeUndefined();
    expect(read(fleetProofAnswer, await device.call('GET', '/fleet/proof?group=staff')).groupId).toBe('staff');
    expect(refusal(await device.call('GET', '/fleet/proof?group=none'))).toEqual([404, 'GROUP_NOT_FOUND']);
  });

  test.each<[string, string, unknown, [number, string]]>([
    ['POST', '/fleet/doors/gate-9/approve', {}, [404, 'DOOR_NOT_FOUND']],
    ['POST', '/fleet/doors/gate-9/refuse', undefined, [404, 'DOOR_NOT_FOUND']],
    ['DELETE', '/fleet/doors/gate-9', undefined, [404, 'DOOR_NOT_FOUND']],
    ['DELETE', '/fleet/doors/gate-1', undefined, [409, 'FLEET_CONFLICT']],
    ['POST', '/fleet/doors/gate-1/approve', { groups: ['hall'] }, [404, 'GROUP_NOT_FOUND']],
    ['POST', '/fleet/doors/gate-1/approve', { groups: [] }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/doors/gate-1/approve', { groups: ['Hall'] }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/doors/gate-1/approve', { groups: 'staff' }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/doors/gate-1/approve', { fingerprint: '' }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/doors/gate-1/approve', { more: 1 }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/doors/gate-1/approve', [], [400, 'INVALID_PARAM']],
    ['POST', '/fleet/doors/gate-1/approve', undefined, [400, 'INVALID_PARAM']],
    ['GET', '/fleet/proof?group=Staff', undefined, [400, 'INVALID_PARAM']],
    ['GET', '/fleet/proof?door=gate-1', undefined, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/join', { token: TOKEN }, [409, 'FLEET_ROLE']],
    ['DELETE', '/fleet/membership', undefined, [409, 'FLEET_ROLE']],
  ])('%s %s %j is refused with %j', async (method, path, body, refused) => {
    const device = await start(new ScriptedFleet('authority', [aDoor(1)]));
    expect(refusal(await device.call(method, path, body))).toEqual(refused);
  });
});

describe('a door', () => {
  test('joins with a token, says what came of it, and leaves', async () => {
    const fleet = new ScriptedFleet('door');
    const device = await start(fleet);
    const before = read(fleetAnswer, await device.call('GET', '/fleet'));
    expect(before).toMatchObject({
      role: 'door',
      joining: { state: 'none' },
      log: { kind: 'folder', isConnected: false },
    });
    expect(refusal(await device.call('DELETE', '/fleet/membership'))).toEqual([409, 'FLEET_NOT_JOINED']);

    const joined = read(fleetJoinAnswer, await device.call('POST', '/fleet/join', { token: ` ${TOKEN}\n` }));
    expect(joined).toMatchObject({ authority: 'front-desk', authorityFingerprint: FINGERPRINT });
    expect(read(fleetAnswer, await device.call('GET', '/fleet')).joining?.state).toBe('waiting');

    fleet.joining = { ...fleet.joining, state: 'approved' };
    const inside = read(fleetAnswer, await device.call('GET', '/fleet'));
    expect(inside.groups).toMatchObject([{ groupId: 'staff', state: 'stale' }]);
    expectSentence(inside.groups[0]?.detail ?? '');

    expect(read(fleetAnswer, await device.call('DELETE', '/fleet/membership')).joining?.state).toBe('none');
    expect(fleet.done).toEqual([
      ['join', ADMIN, TOKEN],
      ['leave', ADMIN],
    ]);
  });

  test.each<[string, string, unknown, [number, string]]>([
    ['POST', '/fleet/join', { token: 'none' }, [422, 'TOKEN_INVALID']],
    ['POST', '/fleet/join', { token: '' }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/join', { token: 'x'.repeat(12_001) }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/join', { token: 1 }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/join', { token: TOKEN, door: 'x' }, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/join', undefined, [400, 'INVALID_PARAM']],
    ['POST', '/fleet/invites', undefined, [409, 'FLEET_ROLE']],
    ['GET', '/fleet/proof', undefined, [409, 'FLEET_ROLE']],
    ['DELETE', '/fleet/doors/gate-1', undefined, [409, 'FLEET_ROLE']],
  ])('%s %s %j is refused with %j', async (method, path, body, refused) => {
    const device = await start(new ScriptedFleet('door'));
    expect(refusal(await device.call(method, path, body))).toEqual(refused);
  });
});

test.each([false, true])('a copy says where it is changed, and whether it takes proposals: %j', async (proposals) => {
  const device = await startDevice({ fleet: new ScriptedFleet('door'), proposals });
  onTestFinished(() => device.close());
  const origin = { fleet: 'f'.repeat(32), group: '1'.repeat(32), authority: 'head-office' };
  await device.gallery.createCopy({ owner: device.owner, groupId: 'staff' }, MODEL, origin);
  const read = async (groupId: string): Promise<unknown> =>
    groupAnswer.strict().parse((await device.call('GET', `/groups/${groupId}`)).body).copyOf;
  expect(await read('staff')).toEqual({ authority: 'head-office', takesProposals: proposals });
  expect(await read('door')).toBeUndefined();
  const { status, body } = await device.call('DELETE', '/groups/staff');
  expect([status, body.error.code]).toEqual([409, 'GROUP_READ_ONLY']);
});

test('a device that is alone says so, and refuses everything else', async () => {
  const device = await start();
  expect((await device.call('GET', '/fleet')).body).toEqual({ role: 'alone', name: 'gate', groups: [], doors: [] });
  for (const { method, path, name } of FLEET_ROUTES.filter((route) => route.name !== 'showFleet')) {
    const bodies: Record<string, object> = { joinFleet: { token: TOKEN }, approveDoor: {} };
    const body = bodies[name];
    expect([name, ...refusal(await device.call(method, path.replace(':door', 'gate-1'), body))]).toEqual([
      name,
      409,
      'FLEET_ROLE',
    ]);
  }
});

test('a viewer sees the fleet and its proof; only an admin changes it', async () => {
  const fleet = new ScriptedFleet('authority', [aDoor(1)]);
  const device = await start(fleet);
  const keyOf = async (role: 'viewer' | 'operator'): Promise<Record<string, string>> => {
    const { key } = await device.adminKeys.create(`a-${role}`, { role });
    return { authorization: `Bearer ${key}` };
  };
  for (const headers of [await keyOf('viewer'), await keyOf('operator')]) {
    for (const { method, path, role } of FLEET_ROUTES) {
      const { status } = await device.call(method, path.replace(':door', 'gate-1'), undefined, headers);
      expect([path, status]).toEqual([path, role === 'viewer' ? 200 : 403]);
    }
    for (const { method, path } of FLEET_ROUTES) {
      expect((await device.call(method, path.replace(':door', 'gate-1'), undefined, {})).status).toBe(401);
    }
  }
  expect(fleet.done).toEqual([]);
});

test('the state of 1,000 doors is answered quickly', async () => {
  const doors = Array.from({ length: 1_000 }, (_, number) => aDoor(number + 1, { state: 'approved', health: 'ok' }));
  const device = await start(new ScriptedFleet('authority', doors));
  await device.call('GET', '/fleet');
  const begunMs = performance.now();
  const { doors: shown } = read(fleetAnswer, await device.call('GET', '/fleet'));
  expect(shown).toHaveLength(1_000);
  // About 15 ms on two busy cores (2026-11), most of it in this test, which checks the schema.
  expect(performance.now() - begunMs).toBeLessThan(1_000);
});
