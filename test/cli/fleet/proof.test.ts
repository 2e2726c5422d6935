// `lintel fleet proof`, `events` and `server-config` on an authority.
import { spawn } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askService } from '../../../src/cli/admin-client.js';
import { FLEET_PATHS, makeFleetRequest } from '../../../src/fleet/fleet-requests.js';
import type { FleetProof } from '../../../src/fleet/fleet.types.js';
import { ago, AUTHORITY, createFleetDevice } from './fake-fleet.js';

const PROVED: FleetProof = {
  groupId: 'staff',
  proved: [{ door: 'a'.repeat(32), name: 'front-gate', at: ago(1) }],
  waiting: [],
  summary: '1 of 1 proved',
};
const WAITING: FleetProof = {
  proved: [],
  waiting: [
    { door: 'a'.repeat(32), name: 'front-gate', lastSeenAt: ago(7_200), refusesFrom: ago(-3_600) },
    { door: 'b'.repeat(32), name: 'yard', lastSeenAt: ago(90_000), refusesFrom: ago(3_600) },
    { door: 'c'.repeat(32), name: 'new' },
  ],
  summary: '0 of 3 proved; 3 not heard since 2030-01-30, and they refuse from 2030-01-31',
};

describe('lintel fleet proof', () => {
  it('has exit code 0 when all doors have proved it', async () => {
    const { run, fleet } = await createFleetDevice(AUTHORITY);
    fleet.proofs = [PROVED];
    expect(await run('proof', 'staff')).toEqual({ code: 0, stdout: '1 of 1 proved\n', stderr: '' });
    expect(fleet.calls).toEqual([['proof', { groupId: 'staff' }]]);
  });

  it('lists the doors that have not, with exit code 1', async () => {
    const { run, fleet } = await createFleetDevice(AUTHORITY);
    fleet.proofs = [WAITING];
    const { code, stdout, stderr } = await run('proof');
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout.split('\n')).toEqual([
      WAITING.summary,
      '',
      'NOT PROVED  LAST SEEN  REFUSES',
      'front-gate  2 h ago    from 2030-01-31 13:00:00 UTC',
      'yard        25 h ago   since 2030-01-31 11:00:00 UTC',
      'new         never      has no copy',
      '',
    ]);
  });

  it('prints JSON with the same exit code', async () => {
    const { run, fleet } = await createFleetDevice(AUTHORITY);
    fleet.proofs = [WAITING];
    const { code, stdout } = await run('proof', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([1, WAITING]);
  });

  it('waits until all have proved it, and at most as long as it is given', async () => {
    const { run, fleet } = await createFleetDevice(AUTHORITY);
    fleet.proofs = [WAITING, WAITING, PROVED];
    expect(await run('proof', '--wait', '60')).toMatchObject({ code: 0, stdout: '1 of 1 proved\n' });
    fleet.proofs = [WAITING];
    expect(await run('proof', '--wait', '1')).toMatchObject({ code: 1 });
  });

  it('names a group that there is not, and refuses a wrong time', async () => {
    const { run } = await createFleetDevice(AUTHORITY);
    expect(await run('proof', 'none')).toMatchObject({ code: 1, stderr: 'lintel: the fleet shares no such group\n' });
    expect(await run('proof', '--wait', '-1')).toMatchObject({ code: 2 });
  });
});

describe('lintel fleet events', () => {
  it('prints the events of all doors, or of one', async () => {
    const { run, fleet } = await createFleetDevice(AUTHORITY);
    fleet.events = ['{"sequence":1}', '{"sequence":2}'];
    expect(await run('events')).toEqual({ code: 0, stdout: '{"sequence":1}\n{"sequence":2}\n', stderr: '' });
    expect(await run('events', '--door', 'yard')).toMatchObject({ code: 0 });
    expect(fleet.calls).toEqual([
      ['readEvents', { door: undefined, follow: false }],
      ['readEvents', { door: 'yard', follow: false }],
    ]);
  });

  it('prints nothing where there are none', async () => {
    const { run } = await createFleetDevice(AUTHORITY);
    expect(await run('events')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('follows them until the client goes, and then ends the reading', async () => {
    const { cwd, fleet } = await createFleetDevice(AUTHORITY);
    fleet.events = ['{"sequence":1}'];
    const socket = join(cwd, 'var/data/admin.sock');
    const answer = await askService(socket, 'GET', makeFleetRequest(FLEET_PATHS.events, { follow: 'yes' }));
    for await (const piece of answer!) {
      expect(Buffer.from(piece).toString()).toBe('{"sequence":1}\n');
      break;
    }
    await fleet.stopped;
  });

  it('ends the reading of a client that goes before there is an event', async () => {
    const { cwd, fleet } = await createFleetDevice(AUTHORITY);
    const request = `require('node:http').request({ socketPath: 'var/data/admin.sock', path: '${FLEET_PATHS.events}?follow=yes' }).end()`;
    const client = spawn(process.execPath, ['-e', request], { cwd, stdio: 'ignore' });
    await expect.poll(() => fleet.calls).toHaveLength(1);
    client.kill('SIGKILL');
    await once(client, 'exit');
    await fleet.stopped;
  });
});

describe('lintel fleet server-config', () => {
  it('writes the files with their rights, prints their paths, and says what to do next', async () => {
    const { run, cwd, fleet } = await createFleetDevice(AUTHORITY);
    const { code, stdout, stderr } = await run('server-config');
    const folder = join(cwd, 'fleet-server');
    expect([code, stdout]).toEqual([0, `${join(folder, 'nats-server.conf')}\n${join(folder, 'tls/server.key')}\n`]);
    expect(stderr).toContain(`Copy ${folder} to the server, and run this in it there, as root:\n`);
    expect(stderr).toContain('  systemctl enable --now lintel-nats\n');
    expect(await readFile(join(folder, 'nats-server.conf'), 'utf8')).toBe('# broker.example\n');
    expect((await stat(join(folder, 'tls/server.key'))).mode & 0o777).toBe(0o600);
    expect(fleet.calls).toEqual([['makeServerFiles', { actor: 'cli', hosts: ['broker.example'] }]]);
  });

  it('takes names, and another folder', async () => {
    const { run, fleet, cwd } = await createFleetDevice(AUTHORITY);
    const { code } = await run('server-config', '--host', 'a.example', '--host', '192.0.2.7', '--out', 'x/y');
    expect([code, await readdir(join(cwd, 'x/y'))]).toEqual([0, ['nats-server.conf', 'tls']]);
    expect(fleet.calls).toEqual([['makeServerFiles', { actor: 'cli', hosts: ['a.example', '192.0.2.7'] }]]);
  });

  it('writes over no file without --force, and then over all of them', async () => {
    const { run, cwd } = await createFleetDevice(AUTHORITY);
    await run('server-config', '--out', '.');
    const file = join(cwd, 'tls/server.key');
    await writeFile(file, 'mine');
    const { code, stderr } = await run('server-config', '--out', '.', '--host', 'other.example');
    expect([code, await readFile(file, 'utf8')]).toEqual([1, 'mine']);
    expect(stderr).toContain('nats-server.conf exists already: name another folder with --out, or give --force');
    expect(await readFile(join(cwd, 'nats-server.conf'), 'utf8')).toBe('# broker.example\n');
    expect(await run('server-config', '--out', '.', '--force')).toMatchObject({ code: 0 });
    expect(await readFile(file, 'utf8')).toBe('secret\n');
  });

  it('refuses a name that is none, and asks for one where the log is in a folder', async () => {
    const { run } = await createFleetDevice(AUTHORITY, { servers: undefined, folder: 'log' });
    expect(await run('server-config', '--host', 'a b')).toMatchObject({ code: 2 });
    const { code, stderr } = await run('server-config');
    expect([code, stderr]).toEqual([1, 'lintel: fleet.servers names no server: give its name with --host NAME\n']);
  });
});
