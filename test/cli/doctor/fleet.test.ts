// The doctor's check of the fleet, with a service on the data directory and without one.
import { mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkFleet, judgeFleet } from '../../../src/cli/doctor/fleet.js';
import { configSchema } from '../../../src/config/schema.js';
import type { FleetStatus } from '../../../src/fleet/fleet.types.js';
import { tempDir } from '../../support/temp-dir.js';
import { ago, AUTHORITY, DOOR, FakeFleet, newDoor, NOW_MS, serve, STAFF, waitingDoor } from '../fleet/fake-fleet.js';

const MEMBER: FleetStatus = { ...DOOR, groups: [STAFF], joining: { state: 'approved' } };

function makeConfig(cwd: string, fleet: object | undefined) {
  return configSchema.parse({ dataDir: join(cwd, 'var/data'), keysDir: join(cwd, 'var/keys'), fleet });
}

const check = (cwd: string, fleet: object | undefined) => checkFleet(makeConfig(cwd, fleet), () => NOW_MS);

describe('the fleet of a running service', () => {
  it('is asked for', async () => {
    const cwd = tempDir();
    await mkdir(join(cwd, 'var/data'), { recursive: true });
    await serve(cwd, new FakeFleet(MEMBER));
    expect(await check(cwd, { role: 'door' })).toEqual([
      { level: 'ok', text: 'yard is a door' },
      { level: 'ok', text: 'the NATS server can be reached' },
      { level: 'ok', text: 'it has joined the fleet' },
      { level: 'ok', text: 'staff: current, 2000 faces, version 118' },
      { level: 'ok', text: 'the clock is not behind that of the authority' },
    ]);
  });

  it('is not checked where the service was started without it', async () => {
    const cwd = tempDir();
    await mkdir(join(cwd, 'var/data'), { recursive: true });
    await serve(cwd, undefined);
    const [finding] = await check(cwd, { role: 'door' });
    expect(finding).toMatchObject({
      level: 'warn',
      text: expect.stringContaining('the running service is in no fleet') as string,
    });
  });

  it.each<[string, FleetStatus, string, string]>([
    ['log', { ...MEMBER, log: { kind: 'folder', isConnected: false } }, 'fail', 'the folder of the log cannot be'],
    ['membership', DOOR, 'warn', 'It has not joined a fleet. Run "lintel fleet join"'],
    ['removal', { ...DOOR, joining: { state: 'removed' } }, 'warn', 'The authority has removed it from the fleet.'],
    ['stale copy', { ...MEMBER, groups: [{ ...STAFF, state: 'stale' }] }, 'fail', 'staff: stale, 2000 faces'],
    ['unusable copy', { ...MEMBER, groups: [{ ...STAFF, state: 'unusable' }] }, 'fail', 'staff: unusable'],
    ['first copy', { ...MEMBER, groups: [{ ...STAFF, state: 'missing' }] }, 'warn', 'staff: missing'],
    [
      'clock',
      { ...MEMBER, groups: [{ ...STAFF, issuedAt: ago(-7_200) }] },
      'fail',
      'the clock of this door is 2 h behind that of the authority',
    ],
    [
      'doors',
      { ...AUTHORITY, doors: [newDoor('a', 'a'), waitingDoor('b', 'b')] },
      'warn',
      'doors: 1, 0 with problems, 1',
    ],
    [
      'problems',
      { ...AUTHORITY, doors: [newDoor('a', 'a', { problems: ['The disk is full.'] })] },
      'warn',
      'doors: 1, 1 with problems: run "lintel fleet status"',
    ],
  ])('names what is wrong with the %s', (_name, status, level, text) => {
    expect(judgeFleet(status, NOW_MS)).toContainEqual({ level, text: expect.stringContaining(text) as string });
  });

  it('has no fault at an authority whose doors are well', () => {
    const findings = judgeFleet({ ...AUTHORITY, doors: [newDoor('a', 'a')] }, NOW_MS);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });
});

describe('without a service', () => {
  it('a device that is in no fleet has nothing to check', async () => {
    expect(await check(tempDir(), undefined)).toEqual([{ level: 'ok', text: 'this device is in no fleet' }]);
  });

  it('the servers are tried, and the folder of the log', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const cwd = tempDir();
    const url = `nats://127.0.0.1:${port}`;
    const role = 'authority';
    expect((await check(cwd, { role, servers: [url] })).at(-1)).toEqual({ level: 'ok', text: `${url} can be reached` });
    expect((await check(cwd, { role, folder: cwd })).at(-1)).toEqual({ level: 'ok', text: `${cwd} can be used` });
    const gone = await check(cwd, { role, folder: join(cwd, 'gone') });
    expect(gone.at(-1)).toMatchObject({
      level: 'fail',
      text: expect.stringContaining('gone cannot be used') as string,
    });
    server.close();
    const refused = (await check(cwd, { role, servers: [url] })).at(-1);
    expect(refused).toMatchObject({ level: 'fail', text: expect.stringContaining('ECONNREFUSED') as string });
  });
});
