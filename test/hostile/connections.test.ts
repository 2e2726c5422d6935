// More connections than the process may have open: the store, the broker and other clients keep what they need.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtinModels } from '../support/model-sets.js';
import { startService, type Service } from '../support/service.js';

const OPEN_FILES = 400;
const CONNECTIONS = 500;
/** Descriptors that are set aside for the store, the broker and the rest (src/compose/api.ts). */
const RESERVED_FILES = 150;

describe.skipIf(process.platform !== 'linux')('a service that may have 400 files open, with 500 clients', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-connections-'));
  const clients: { socket: Socket; isClosed: boolean }[] = [];
  let service: Service;
  let mostOpen = 0;
  let timer: NodeJS.Timeout;

  beforeAll(async () => {
    service = await startService({
      folder,
      ...builtinModels,
      openFiles: OPEN_FILES,
      config: { http: { port: 0 }, vision: { workers: 1 } },
    });
    timer = setInterval(() => (mostOpen = Math.max(mostOpen, readdirSync(`/proc/${service.pid}/fd`).length)), 20);
  });

  afterAll(async () => {
    clearInterval(timer);
    for (const { socket } of clients) socket.destroy();
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  function join500(request: string): void {
    const { hostname, port } = new URL(service.url);
    for (let i = 0; i < CONNECTIONS; i++) {
      const client = { socket: connect(Number(port), hostname), isClosed: false };
      clients.push(client);
      client.socket.on('error', () => undefined).on('close', () => (client.isClosed = true));
      client.socket.resume();
      if (request !== '') client.socket.write(request);
    }
  }

  it('says how many connections it takes', () => {
    const warning = service.log.find(({ configured }) => configured === 512);
    expect(warning?.msg).toContain('fewer connections than http.maxConnections');
    expect(warning?.openFileLimit).toBe(OPEN_FILES);
    expect(warning?.maxConnections).toBeGreaterThanOrEqual(16);
    expect(warning?.maxConnections).toBeLessThan(OPEN_FILES - RESERVED_FILES);
  });

  it.each([
    ['that are kept alive', `GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n`],
    ['that never ask', ''],
    ['that never end their request', 'GET / HTTP/1.1\r\n'],
  ])('goes on with connections %s', async (_name, request) => {
    join500(request);
    await expect.poll(() => clients.filter(({ isClosed }) => isClosed).length).toBeGreaterThan(CONNECTIONS / 2);
    // Idle connections give way after a second; writes to the store are answered from then on.
    for (let i = 0; i < 20; i++) {
      const groupId = `group-${clients.length}-${i}`;
      await expect
        .poll(
          async () => (await service.call('POST', '/groups', { groupId }).catch(() => undefined))?.header.resultCode,
          {
            timeout: 10_000,
            interval: 100,
          },
        )
        .toBe(0);
    }
    expect(mostOpen).toBeLessThan(OPEN_FILES - RESERVED_FILES / 2);
    for (const { socket } of clients) socket.destroy();
    await expect.poll(() => clients.every(({ isClosed }) => isClosed)).toBe(true);
  });

  it('has no errors in its log, and is healthy', async () => {
    expect(service.log.filter(({ level }) => level === 'error' || Number(level) >= 50)).toEqual([]);
    const health = (await (await fetch(`${service.url}/healthz`)).json()) as {
      parts: Record<string, { status: string }>;
    };
    expect(health.parts.store?.status).toBe('ok');
    expect(health.parts.events?.status).toBe('ok');
  });
});
