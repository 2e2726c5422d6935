// A whole fleet: an authority and a door as processes, over a folder and over a real NATS server.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pickPort, startNatsServer } from '../../src/cli/fleet/demo/nats.js';
import { natsServerPath } from '../fleet/nats-server.js';
import { tempDir } from '../support/temp-dir.js';
import { FleetMember, GROUP, joinFleet, readPicture, SOON } from './fleet-devices.js';

const SETTINGS = { renewSeconds: 1, maxStaleHours: 1 };
const picture = readPicture('guest-1');
const probe = readPicture('guest-2');

/** Makes an authority whose log lies in a folder, and starts it. */
async function startInFolder(root: string): Promise<FleetMember> {
  const folder = join(root, 'log');
  mkdirSync(folder);
  const fleet = { role: 'authority', groups: [GROUP], folder, ...SETTINGS };
  const authority = new FleetMember(join(root, 'hq'), { deviceId: 'hq', fleet });
  await authority.start();
  return authority;
}

/** Makes an authority with a NATS server, whose configuration it writes, and starts both. */
async function startWithServer(root: string): Promise<FleetMember> {
  const port = await pickPort(0);
  const fleet = { role: 'authority', groups: [GROUP], servers: [`tls://127.0.0.1:${port}`], ...SETTINGS };
  const authority = new FleetMember(join(root, 'hq'), { deviceId: 'hq', fleet });
  await authority.start();
  const files = join(root, 'server');
  const written = await authority.run('server-config', '--out', files);
  expect(written.code).toBe(0);
  const { signal } = new AbortController();
  const server = await startNatsServer(natsServerPath!, { files, store: join(root, 'store'), port }, signal);
  onTestFinished(() => server.stop());
  await expect.poll(async () => (await authority.readStatus()).log.isConnected, SOON).toBe(true);
  return authority;
}

async function startDoor(root: string, name: string): Promise<FleetMember> {
  const door = new FleetMember(join(root, name), { deviceId: name, fleet: { role: 'door', ...SETTINGS } });
  await door.start();
  return door;
}

if (natsServerPath === undefined) console.warn('skipped: a fleet over NATS: nats-server is not installed');

describe.each([
  ['a folder', startInFolder, true],
  ['a NATS server', startWithServer, natsServerPath !== undefined],
] as const)('a fleet over %s', (_name, startAuthority, isPossible) => {
  it.runIf(isPossible)(
    'enrols at the authority, finds at the door, forgets whom the authority deletes, and removes the door',
    { timeout: 240_000 },
    async () => {
      const root = tempDir();
      const authority = await startAuthority(root);
      await authority.service.call('POST', '/groups', { groupId: GROUP });
      const door = await startDoor(root, 'gate');
      const joined = await joinFleet(authority, door, 'gate');
      expect(joined).toContain('gate is a door of the fleet of hq.\n');

      const { data } = await authority.enrol(picture, 'guest');
      const { faceId } = (data as { addedFaces: { faceId: string }[] }).addedFaces[0]!;
      await expect.poll(() => door.search(probe), SOON).toEqual(['guest']);
      const refused = await door.enrol(readPicture('stranger'), 'stranger');
      expect(refused.header).toMatchObject({ isSuccessful: false, resultMessage: expect.any(String) as string });
      expect(await door.search(readPicture('stranger'))).toEqual([]);

      await authority.service.call('DELETE', `/groups/${GROUP}/faces/${faceId}`);
      await expect.poll(() => door.search(probe), SOON).toEqual([]);
      const proof = await authority.run('proof', GROUP, '--wait', '60');
      expect([proof.code, proof.stdout]).toEqual([0, expect.stringMatching(/^1 of 1 proved/)]);

      const { groups, doors } = await authority.readStatus();
      const [copy] = (await door.readStatus()).groups;
      expect([copy?.root, copy?.version]).toEqual([groups[0]?.root, groups[0]?.version]);
      expect(doors).toMatchObject([{ name: 'gate', state: 'approved', lagVersions: 0 }]);

      const removed = await authority.run('remove', 'gate', '--yes');
      expect(removed).toMatchObject({ code: 0, stderr: expect.stringContaining('gate is removed') as string });
      await expect.poll(async () => (await door.readStatus()).joining?.state, SOON).toBe('removed');
      await expect.poll(() => door.search(probe), SOON).toEqual(expect.any(String));
      expect((await door.readStatus()).groups).toEqual([]);
      const again = await authority.run('approve', 'gate', '--yes');
      expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('it is removed') as string });

      for (const { service } of [door, authority]) expect(await service.stop()).toBe(0);
    },
  );

  it.runIf(isPossible)(
    'lets a door wait for its approval over Ctrl-C and a restart of its service, and refuses a token that was used',
    { timeout: 240_000 },
    async () => {
      const root = tempDir();
      const authority = await startAuthority(root);
      const door = await startDoor(root, 'gate');
      const { stdout: token } = await authority.run('invite');
      const first = door.begin(['join', token.trim()]);
      await expect.poll(() => first.stderr, SOON).toContain('Waiting for the approval');
      first.interrupt();
      expect(await first.end()).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('The request stays.') as string,
      });
      await door.service.stop();
      await door.start();
      const second = door.begin(['join']);
      await expect.poll(() => second.stderr, SOON).toContain('Waiting for the approval');
      await expect.poll(async () => (await authority.readStatus()).doors.length, SOON).toBe(1);
      expect((await authority.run('refuse', 'gate')).code).toBe(0);
      const { code, stderr } = await second.end();
      expect([code, stderr]).toEqual([1, expect.stringContaining('this door has not joined the fleet')]);
      const third = await door.begin(['join', token.trim()]).end();
      expect(third.code).toBe(1);
    },
  );
});
