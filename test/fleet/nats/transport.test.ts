// The authority and its NATS server: credentials, revocations that cut a door at once, restarts, and a server that was emptied.
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AuthorityTransport } from '../../../src/fleet/authority-transport.js';
import type { DoorRecord } from '../../../src/fleet/fleet-records.js';
import type { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import { createNatsTransport, openNatsDoorLog } from '../../../src/fleet/nats/nats-transport.js';
import { generateServerFiles } from '../../../src/fleet/nats/server-config.js';
import { readServerState } from '../../../src/fleet/nats/server-state.js';
import { natsServerPath, NatsServer } from '../nats-server.js';

const making = { now: Date.now, randomBytes };
const LONG = { timeout: 15_000 };

/** What the sealed store keeps. */
class Stored {
  readonly fleet = randomBytes(16).toString('hex');
  serverKeys: unknown;
  async saveServerKeys(keys: unknown): Promise<void> {
    this.serverKeys = JSON.parse(JSON.stringify(keys));
  }
}

describe.skipIf(natsServerPath === undefined)('the transport of an authority over NATS', () => {
  let stored: Stored;
  let server: NatsServer;

  beforeEach(async () => {
    stored = new Stored();
    // The keys exist before the server: its configuration comes from them.
    await (await openTransport(['nats://127.0.0.1:1'])).log.close();
    const { keys } = readServerState(stored.serverKeys);
    const place = (folder: string): object => ({ folder, store: join(folder, 'store'), listen: '127.0.0.1', port: -1 });
    server = await NatsServer.startWith(
      (folder) => generateServerFiles(keys, { hosts: ['127.0.0.1'], ...place(folder), ...making }).files,
    );
  });
  afterEach(() => server?.end());

  async function openTransport(servers = [server.url]): Promise<AuthorityTransport> {
    const retention = { maxAgeMs: 3_600_000, maxBytes: 1_000_000 };
    return createNatsTransport({ state: stored, servers, retention, clock: Date.now, randomBytes });
  }

  async function startAuthority(): Promise<AuthorityTransport> {
    const transport = await openTransport();
    onTestFinished(() => transport.log.close());
    await connected(transport.log);
    await transport.prepare();
    return transport;
  }

  function openDoor({ connection }: AuthorityTransport, credentials: string): NatsLog {
    const log = openNatsDoorLog({ ...connection, credentials }, { fleet: stored.fleet });
    onTestFinished(() => log.close());
    return log;
  }

  async function connected(log: { state: { isConnected: boolean } }): Promise<void> {
    await vi.waitFor(() => expect(log.state.isConnected).toBe(true), LONG);
  }

  function makeRecord(credentials: string): DoorRecord {
    return { id: 'aa', credentials } as DoorRecord;
  }

  it('lets a door in that the server has never heard of, and cuts it at once when it is removed', async () => {
    const authority = await startAuthority();
    const [one, two] = [await authority.makeDoorCredentials!('d1'), await authority.makeDoorCredentials!('d2')];
    const [door, other] = [openDoor(authority, one), openDoor(authority, two)];
    await Promise.all([connected(door), connected(other)]);
    await authority.log.put('head.aa', Buffer.from('head'));
    expect((await door.get('head.aa'))?.toString()).toBe('head');

    const startMs = performance.now();
    await authority.revoke!(makeRecord(one));
    await vi.waitFor(() => expect(door.state.isConnected).toBe(false), { timeout: 5_000, interval: 5 });
    expect(performance.now() - startMs).toBeLessThan(2_000);
    expect(door.state.detail).toMatch(/^The NATS server refuses the credentials: /);
    await expect(door.get('head.aa')).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    // Others are not disturbed, and a repetition changes nothing.
    expect(other.state.isConnected).toBe(true);
    const kept = JSON.stringify(stored.serverKeys);
    await authority.revoke!(makeRecord(one));
    expect(JSON.stringify(stored.serverKeys)).toBe(kept);
    expect((await other.get('head.aa'))?.toString()).toBe('head');
    const again = openDoor(authority, one);
    await vi.waitFor(() => expect(again.state.detail).toMatch(/refuses the credentials/), LONG);
  });

  it('keeps a revocation over a restart of the server, and of the authority', async () => {
    const authority = await startAuthority();
    const credentials = await authority.makeDoorCredentials!('d1');
    await authority.revoke!(makeRecord(credentials));
    await authority.log.close();
    await server.kill();
    await server.restart();
    const door = openDoor(authority, credentials);
    await vi.waitFor(() => expect(door.state.detail).toMatch(/refuses the credentials/), LONG);
    const next = await startAuthority();
    const later = openDoor(next, credentials);
    await vi.waitFor(() => expect(later.state.detail).toMatch(/refuses the credentials/), LONG);
    const allowed = openDoor(next, await next.makeDoorCredentials!('d1'));
    await connected(allowed);
  });

  it('makes streams and revocations again on a server that was emptied', async () => {
    const authority = await startAuthority();
    const [gone, kept] = [await authority.makeDoorCredentials!('d1'), await authority.makeDoorCredentials!('d2')];
    await authority.revoke!(makeRecord(gone));
    await authority.log.put('head.aa', Buffer.from('head'));
    await server.kill();
    server.wipe();
    await server.restart();
    await connected(authority.log);
    await authority.prepare();
    const door = openDoor(authority, kept);
    await connected(door);
    expect(await door.get('head.aa')).toBeUndefined();
    await authority.log.put('head.aa', Buffer.from('head'));
    expect((await door.get('head.aa'))?.toString()).toBe('head');
    const removed = openDoor(authority, gone);
    await vi.waitFor(() => expect(removed.state.detail).toMatch(/refuses the credentials/), LONG);
  });

  it('answers a door without delay, or in bounded time, while the streams do not exist', async () => {
    const transport = await openTransport();
    onTestFinished(() => transport.log.close());
    const door = openDoor(transport, await transport.makeDoorCredentials!('d1'));
    await connected(door);
    const startMs = performance.now();
    await expect(door.get('head.aa')).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    await expect(door.put('report.d1', Buffer.from('x'))).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    expect(performance.now() - startMs).toBeLessThan(15_000);
  });

  it('does not disturb connected doors by sending the same accounts again', async () => {
    const authority = await startAuthority();
    const door = openDoor(authority, await authority.makeDoorCredentials!('d1'));
    await connected(door);
    const lost: boolean[] = [];
    await door.watch('head', (subject) => lost.push(subject === undefined));
    for (let i = 0; i < 5; i++) await authority.prepare();
    await authority.log.put('head.aa', Buffer.from('x'));
    await vi.waitFor(() => expect(lost).toEqual([false]));
  });

  it('makes files for a server that doors of the same fleet trust', async () => {
    const authority = await startAuthority();
    const door = openDoor(authority, await authority.makeDoorCredentials!('d1'));
    await connected(door);
    await server.kill();
    const { files } = await authority.makeServerFiles!([]);
    const modes = Object.fromEntries(files.map(({ name, mode }) => [name, mode]));
    expect(modes).toMatchObject({
      'nats-server.conf': 0o644,
      'ca.pem': 0o644,
      'server.pem': 0o644,
      'server.key': 0o600,
    });
    for (const name of ['server.pem', 'server.key']) {
      rmSync(join(server.folder, name));
      writeFileSync(join(server.folder, name), files.find((file) => file.name === name)!.content);
    }
    await server.restart();
    await connected(door);
  });

  it('is unreachable, and says so, while the server belongs to another fleet', async () => {
    const first = stored;
    stored = new Stored();
    const transport = await openTransport();
    onTestFinished(() => transport.log.close());
    expect(readServerState(stored.serverKeys).keys.operator).not.toBe(readServerState(first.serverKeys).keys.operator);
    await vi.waitFor(
      () => expect(transport.log.state.detail).toMatch(/^The NATS server cannot be reached: .*certificate/),
      LONG,
    );
    await expect(transport.prepare()).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
  });
});
