// `lintel fleet status`: what it shows of an authority and of a door, and how wide it is.
import { describe, expect, it } from 'vitest';
import { formatFleetStatus } from '../../../src/cli/fleet/status-text.js';
import { formatAgo, formatDuration } from '../../../src/cli/fleet/time-words.js';
import type { FleetStatus } from '../../../src/fleet/fleet.types.js';
import {
  ago,
  AUTHORITY,
  AUTHORITY_PRINT,
  createFleetDevice,
  createFolder,
  DOOR,
  DOOR_PRINT,
  newDoor,
  NOW_MS,
  runFleet,
  serve,
  STAFF,
  waitingDoor,
} from './fake-fleet.js';

const DOORS = [
  newDoor('front-gate', 'a'),
  newDoor('yard', 'b', {
    lagVersions: 3,
    lagSeconds: 90,
    health: 'degraded',
    lastSeenAt: ago(7_300),
    groups: [
      { groupId: 'staff', version: 115, state: 'behind' },
      { groupId: 'guests', version: 2, state: 'unusable' },
    ],
    problems: ['The group guests needs the models accurate-1, which are not installed.'],
  }),
  waitingDoor('back-door', 'c'),
];

describe('lintel fleet status', () => {
  it('shows groups and doors as tables, and the problems in words below them', async () => {
    const { run } = await createFleetDevice({ ...AUTHORITY, doors: DOORS });
    const { code, stdout, stderr } = await run('status');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')).toEqual([
      'authority    hq',
      'fleet        3f2a91c05b7d4e6f8091a2b3c4d5e6f7',
      `fingerprint  ${AUTHORITY_PRINT}`,
      'log          NATS server, connected',
      '',
      'GROUP  FACES  VERSION  EPOCH  MODELS      ROOT      SIGNED   STATE',
      'staff   2000      118      3  standard-1  01234567  5 s ago  current',
      '',
      'DOOR        STATE     GROUPS           LAG                MODELS      HEALTH    LAST SEEN',
      'front-gate  approved  1 current        none               standard-1  ok        12 s ago',
      'yard        approved  1 of 2 UNUSABLE  3 versions, 1 min  standard-1  DEGRADED  2 h ago',
      'back-door   WAITING   -                -                  -           -         never',
      '',
      'yard: The group guests needs the models accurate-1, which are not installed.',
      'back-door: It waits. Run "lintel fleet approve back-door" or "lintel fleet refuse back-door".',
      '',
    ]);
  });

  it('prints the whole status as JSON', async () => {
    const status = { ...AUTHORITY, doors: DOORS };
    const { run } = await createFleetDevice(status);
    const { code, stdout } = await run('status', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(status);
  });

  it('says how to invite the first door', async () => {
    const { run } = await createFleetDevice(AUTHORITY);
    expect((await run('status')).stdout).toContain(
      'The fleet has no doors. "lintel fleet invite" invites the first one.\n',
    );
  });

  it.each<[string, Partial<FleetStatus>, string]>([
    ['alone', {}, 'door: It has not joined a fleet. Run "lintel fleet join" with a token of the authority.'],
    ['waiting', { joining: { state: 'waiting' } }, 'door: It waits for the approval of the authority.'],
    ['refused', { joining: { state: 'refused' } }, 'door: The authority has refused it.'],
    ['removed', { joining: { state: 'removed' } }, 'door: The authority has removed it from the fleet.'],
    [
      'cut off',
      { joining: { state: 'approved' }, log: { kind: 'nats', isConnected: false } },
      'log: The log of the fleet cannot be reached.',
    ],
  ])('at a door that is %s says so', async (_name, change, sentence) => {
    const { run } = await createFleetDevice({ ...DOOR, ...change });
    const { code, stdout } = await run('status');
    expect(code).toBe(0);
    expect(stdout.split('\n')).toContain(sentence);
  });

  it('shows at a door its copies, and the authority with its fingerprint', async () => {
    const { run } = await createFleetDevice({
      ...DOOR,
      fingerprint: DOOR_PRINT,
      groups: [{ ...STAFF, state: 'stale', detail: 'Nothing fresh was heard for 25 h.' }],
      joining: { state: 'approved', authority: 'hq', authorityFingerprint: AUTHORITY_PRINT },
    });
    const { stdout } = await run('status');
    expect(stdout.split('\n')).toEqual([
      'door         yard',
      `fingerprint  ${DOOR_PRINT}`,
      `authority    hq, ${AUTHORITY_PRINT}`,
      'log          NATS server, connected',
      '',
      'GROUP  FACES  VERSION  EPOCH  MODELS      ROOT      HEARD    STATE',
      'staff   2000      118      3  standard-1  01234567  5 s ago  STALE',
      '',
      'staff: Nothing fresh was heard for 25 h.',
      '',
    ]);
  });

  it('keeps to 80 columns with names of usual length, and to 120 with the longest', () => {
    const measure = (doors: FleetStatus['doors'], groupId: string): number => {
      const text = formatFleetStatus({ ...AUTHORITY, doors, groups: [{ ...STAFF, groupId }] }, NOW_MS);
      return Math.max(...text.split('\n').map((line) => line.length));
    };
    expect(measure([newDoor('front-gate', 'a', { lagVersions: 3 })], 'staff')).toBeLessThanOrEqual(80);
    const longest = newDoor('d'.repeat(64), 'a', {
      lagVersions: 100,
      lagSeconds: 172_000,
      models: ['accurate-large-1', 'standard-1', 'builtin-1'],
      health: 'degraded',
      groups: [{ groupId: 'g', version: 1, state: 'unusable' }],
    });
    expect(measure([longest], 'g'.repeat(200))).toBeLessThanOrEqual(120);
  });

  it('prints no control characters that a door has put into its name or its problems', async () => {
    const evil = newDoor('a\u001b[2J', 'a', { problems: ['all is well\r\nhq: nothing\u202e'] });
    const { run } = await createFleetDevice({ ...AUTHORITY, doors: [evil] });
    const { stdout } = await run('status');
    expect(stdout).toContain('a?[2J: all is well??hq: nothing?\n');
    expect(stdout).not.toMatch(/[\u001b\r\u202e]/);
  });
});

describe('without a fleet', () => {
  it('names the key of the configuration that makes one', async () => {
    const cwd = await createFolder({});
    expect(await runFleet(cwd, ['status'])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'lintel: this device is in no fleet: set fleet.role to authority or door in its configuration, and start the service\n',
    });
  });

  it('asks to restart a service that was started before', async () => {
    const cwd = await createFolder({ fleet: { role: 'door' } });
    await serve(cwd, undefined);
    for (const args of [['status'], ['events'], ['join', 'x']]) {
      const { code, stderr } = await runFleet(cwd, args);
      expect(code).toBe(1);
      expect(stderr).toContain('the running service is in no fleet: set fleet.role');
    }
  });

  it.each(['status', 'invite', 'join', 'proof', 'leave', 'events'])(
    'says where no service runs what to do: %s',
    async (name) => {
      const cwd = await createFolder({ fleet: { role: 'door' } });
      const { code, stdout, stderr } = await runFleet(cwd, [name]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toBe(
        'lintel: no service is running on this data directory: start it, as the user of the service, and run this command again\n',
      );
    },
  );
});

it.each([
  [0, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_599_000, '59 min'],
  [3_600_000, '1 h'],
  [47 * 3_600_000, '47 h'],
  [48 * 3_600_000, '2 days'],
  [-5, '0 s'],
])('%i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it('a time that never was is never', () => {
  expect([formatAgo(undefined, 0), formatAgo(new Date(0).toISOString(), 61_000)]).toEqual(['never', '1 min ago']);
});
