// The log on a real NATS server: the contract, and a server that is killed.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomBytes } from 'node:crypto';
import { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import { collect, describeLogContract } from '../log-contract.js';
import { natsServerPath, NatsServer } from '../nats-server.js';

describe.skipIf(natsServerPath === undefined)('on nats-server', () => {
  let server: NatsServer;

  beforeAll(async () => {
    server = await NatsServer.start();
  });
  afterAll(() => server?.end());

  async function open(fleet: string): Promise<NatsLog> {
    return NatsLog.connect({ access: { servers: [server.url] }, retry: { firstMs: 50, maxMs: 200 }, fleet });
  }

  describeLogContract('NATS JetStream', async () => {
    const fleet = randomBytes(16).toString('hex');
    const log = await open(fleet);
    await log.createStreams();
    await log.createStreams();
    return { log, reopen: () => open(fleet), end: () => log.close() };
  });

  it('a server that is killed loses nothing, and tells watchers that they may have missed something', async () => {
    const fleet = randomBytes(16).toString('hex');
    const log = await open(fleet);
    await log.createStreams();
    for (let i = 0; i < 50; i++) await log.put(`group.aa.record.${i}`, Buffer.from(`record ${i}`));
    let notice = (): void => undefined;
    const missed = new Promise<void>((resolve) => (notice = resolve));
    const end = await log.watch('head', (subject) => subject === undefined && notice());
    await server.kill();
    await server.restart();
    await missed;
    await end();
    for (let i = 0; i < 50; i++) expect((await log.get(`group.aa.record.${i}`))?.toString()).toBe(`record ${i}`);
    await log.close();
  });

  it('a server that is not there is unreachable', async () => {
    const access = { servers: ['nats://127.0.0.1:1'] };
    await expect(NatsLog.connect({ access, fleet: 'aa' })).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
  });

  it('is opened while there is no server, rejects until there is one, and connects by itself', async () => {
    const fleet = randomBytes(16).toString('hex');
    await server.kill();
    const log = NatsLog.open({ access: { servers: [server.url] }, retry: { firstMs: 50, maxMs: 200 }, fleet });
    expect(log.state).toEqual({ isConnected: false, detail: 'The NATS server has not been reached yet.' });
    await expect(log.put('head.aa', Buffer.from('x'))).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    await expect(log.watch('head', () => undefined)).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    await vi.waitFor(() => expect(log.state.detail).toBe('The NATS server cannot be reached: connection refused.'));
    await server.restart();
    await vi.waitFor(() => expect(log.state.isConnected).toBe(true), { timeout: 10_000 });
    await log.createStreams();
    await log.put('head.aa', Buffer.from('x'));
    await log.close();
    expect(log.state.isConnected).toBe(false);
    await expect(log.get('head.aa')).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
  });

  it('rejects at once while the server is away, and watches go on when it is back', async () => {
    const fleet = randomBytes(16).toString('hex');
    const log = await open(fleet);
    await log.createStreams();
    const seen: (string | undefined)[] = [];
    await log.watch('head', (subject) => seen.push(subject));
    await log.watch('member.d1', (subject) => seen.push(subject));
    await server.kill();
    await vi.waitFor(() => expect(log.state.isConnected).toBe(false), { timeout: 10_000 });
    const startMs = performance.now();
    await expect(log.get('head.aa')).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    await expect(collect(log.getMany(['head.aa']))).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    expect(performance.now() - startMs).toBeLessThan(1_000);
    await server.restart();
    await vi.waitFor(() => expect(seen).toEqual([undefined, undefined]), { timeout: 10_000 });
    await log.put('head.aa', Buffer.from('x'));
    await log.put('member.d1', Buffer.from('x'));
    await log.put('member.d2', Buffer.from('x'));
    await vi.waitFor(() => expect(seen).toEqual([undefined, undefined, 'head.aa', 'member.d1']));
    await log.close();
  });

  it('reads thousands of values in bulk', async () => {
    const log = await open(randomBytes(16).toString('hex'));
    await log.createStreams();
    const subjects = Array.from({ length: 3_000 }, (_, i) => `group.aa.record.${i}`);
    await Promise.all(subjects.map((subject) => log.put(subject, Buffer.from(subject))));
    const found = await collect(log.getMany(subjects));
    expect(found.every(({ subject, value }) => value?.toString() === subject)).toBe(true);
    expect(new Set(found.map(({ subject }) => subject)).size).toBe(3_000);
    expect((await collect(log.readAll('group.aa'))).length).toBe(3_000);
    await log.removeAll('group.aa');
    expect(await collect(log.readAll('group.aa'))).toEqual([]);
    await log.close();
  });

  it('changes the limits of a stream that exists', async () => {
    const fleet = randomBytes(16).toString('hex');
    const log = await open(fleet);
    await log.createStreams();
    await log.append('events.d1', 'one', Buffer.alloc(1_000));
    await log.createStreams({ maxAgeMs: 60_000, maxBytes: 10_000 });
    await log.createStreams({ maxAgeMs: 60_000, maxBytes: 10_000 });
    for (let i = 0; i < 20; i++) await log.append('events.d1', `id ${i}`, Buffer.alloc(1_000, i));
    const left = await collect(log.read('events.d1', 0));
    expect(left.length).toBeLessThan(10);
    expect(left.at(-1)?.message[0]).toBe(19);
    await log.close();
  });

  it('overwrites a removed value on the disk of the server', async () => {
    const log = await open(randomBytes(16).toString('hex'));
    await log.createStreams();
    const value = randomBytes(64).toString('hex');
    await log.put('group.aa.record.bb', Buffer.from(value));
    expect(await findInStore(server.folder, value)).toBe(true);
    await log.remove('group.aa.record.bb');
    expect(await findInStore(server.folder, value)).toBe(false);
    await log.close();
  });
});

async function findInStore(folder: string, text: string): Promise<boolean> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of files) {
    if (file.isFile() && (await readFile(join(file.parentPath, file.name))).includes(text)) return true;
  }
  return false;
}
