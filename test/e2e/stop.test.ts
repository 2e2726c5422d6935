// A whole service stops cleanly, with exit code 0 and within its budget, whatever clients, broker and camera do.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { STOP_BUDGET } from '../../src/compose/stop-budget.js';
import { dataPaths } from '../../src/config/paths.js';
import { silentLog } from '../../src/domain/log.js';
import { Events } from '../../src/events/events.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { openMasterKey } from '../../src/keys/secrets.js';
import { openSigningKey } from '../../src/keys/signing-key.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { aDraft, eventsConfig, range } from '../events/support.js';
import { bestModels } from '../support/model-sets.js';
import { CLI } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

const models = { dir: bestModels.modelsDir, set: bestModels.set };
/** Time between the end of the parts and the end of the process, on a busy machine. */
const EXIT_MS = 1_500;

interface RunningProcess {
  /** Returns the standard output so far. */
  log: () => string;
  errors: () => string;
  /** Waits for a message of the log. @returns its line, parsed */
  line(message: string): Promise<Record<string, unknown>>;
  /** Sends SIGTERM. @returns the exit code, or the signal that ended the process, and the time until then */
  terminate(): Promise<{ code: number | string | null; tookMs: number }>;
  closeLog(): void;
}

/** Runs `lintel serve` on free ports. */
function serve(config: Record<string, unknown> = {}, folder = tempDir()): RunningProcess {
  const file = join(folder, 'lintel.yaml');
  const ports = { http: { port: 0 }, mqtt: { embedded: { port: 0 } } };
  writeFileSync(file, stringify({ ...ports, models, ...config }));
  const child = spawn(process.execPath, [CLI, 'serve', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  let log = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const find = (message: string): string | undefined =>
    log.split('\n').find((line) => line.endsWith(`"msg":"${message}"}`));
  return {
    log: () => log,
    errors: () => errors,
    async line(message) {
      await expect.poll(() => find(message), { timeout: 20_000, interval: 5 }).toBeDefined();
      return JSON.parse(find(message) ?? '') as Record<string, unknown>;
    },
    async terminate() {
      const beganMs = performance.now();
      child.kill('SIGTERM');
      const code = await exited;
      return { code, tookMs: performance.now() - beganMs };
    },
    closeLog: () => child.stdout.destroy(),
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

interface StallingBroker {
  port: number;
  /** Sequence numbers of the history that were acknowledged. */
  acknowledged: number[];
  /** Returns the number of publishes that wait for their acknowledgement. */
  waiting: () => number;
  /** Acknowledges all waiting and later publishes. */
  release(): void;
}

/** Starts a broker (MQTT 5) that accepts connections and publishes, and acknowledges no event before `release`. */
async function startStallingBroker(): Promise<StallingBroker> {
  const acknowledged: number[] = [];
  let waiting: (() => void)[] = [];
  let isReleased = false;
  const onPacket = (socket: Socket, type: number, body: Buffer): void => {
    if (type === 1) socket.write(Buffer.from([0x20, 3, 0, 0, 0]));
    if (type === 12) socket.write(Buffer.from([0xd0, 0]));
    if (type !== 3) return;
    const topicEnd = 2 + body.readUInt16BE(0);
    const topic = body.toString('utf8', 2, topicEnd);
    const sequence = /"sequence":(\d+)/.exec(body.toString('utf8', topicEnd))?.[1];
    const acknowledge = (): void => {
      socket.write(Buffer.from([0x40, 2, ...body.subarray(topicEnd, topicEnd + 2)]));
      if (topic.endsWith('/history')) acknowledged.push(Number(sequence));
    };
    if (isReleased || topic.endsWith('/status')) acknowledge();
    else waiting.push(acknowledge);
  };
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        let lengthBytes = 1;
        let length = 0;
        while (bytes.length > lengthBytes) {
          const byte = bytes.readUInt8(lengthBytes);
          length += (byte & 0x7f) << (7 * (lengthBytes - 1));
          if (byte < 0x80) break;
          lengthBytes++;
        }
        const end = 1 + lengthBytes + length;
        if (bytes.length < 2 || bytes.length < end) return;
        onPacket(socket, bytes.readUInt8(0) >> 4, bytes.subarray(1 + lengthBytes, end));
        bytes = bytes.subarray(end);
      }
    });
  });
  return {
    port: await listen(server),
    acknowledged,
    waiting: () => waiting.length,
    release() {
      isReleased = true;
      for (const acknowledge of waiting) acknowledge();
      waiting = [];
    },
  };
}

/** Stores events that were not published yet, as a service with these folders does. */
async function storeEvents(folder: string, count: number): Promise<void> {
  const dirs = { dataDir: join(folder, 'data'), keysDir: join(folder, 'keys') };
  const directory = dataPaths(dirs).databaseDir;
  const environment = {};
  const master = await openMasterKey({ environment, keysDir: dirs.keysDir, dataDir: directory });
  const { privateKey } = await openSigningKey({ environment, keysDir: dirs.keysDir });
  const store = new SealedStore({ directory, masterKey: master.key, log: silentLog });
  const events = new Events({
    config: eventsConfig({ url: 'mqtt://127.0.0.1:1' }),
    store,
    signingKey: privateKey,
    cameras: ['front'],
    clock: Date.now,
    log: silentLog,
  });
  await store.start(new AbortController().signal);
  await events.start();
  for (let i = 0; i < count; i++) await events.emit(aDraft());
  await events.stop();
  await store.stop();
}

/** Stores faces, as a service with these folders does. */
async function storeFaces(folder: string, count: number): Promise<void> {
  const dirs = { dataDir: join(folder, 'data'), keysDir: join(folder, 'keys') };
  const directory = dataPaths(dirs).databaseDir;
  const master = await openMasterKey({ environment: {}, keysDir: dirs.keysDir, dataDir: directory });
  const store = new SealedStore({ directory, masterKey: master.key, log: silentLog });
  const limits = { maxGroups: 1, maxFacesPerGroup: count };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const { signal } = new AbortController();
  await store.start(signal);
  await gallery.start(signal);
  const ref = { owner: 'door', groupId: 'staff' };
  const { modelVersion, embedder } = bestModels.models;
  await gallery.createGroup(ref, modelVersion);
  const embedding = new Float32Array(embedder.output.dimensions).fill(1 / Math.sqrt(embedder.output.dimensions));
  const bbox = { x0: 0.2, y0: 0.2, x1: 0.8, y1: 0.8 };
  const faces = Array.from({ length: 1_000 }, () => ({ bbox, detectionScore: 0.9, embedding }));
  for (let done = 0; done < count; done += faces.length) await gallery.enrol(ref, faces);
  await gallery.stop();
  await store.stop();
}

/** Opens connections that stop in the middle of an upload or of a header. */
async function startStuckClients(url: string, count: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const upload =
    'POST /nhn-face-reco/v1.0/appkeys/none/detect HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n' +
    'content-length: 100000\r\n\r\n{"image"';
  for (let i = 0; i < count; i++) {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await new Promise<void>((resolve) => socket.write(i % 2 === 0 ? upload : upload.slice(0, 70), () => resolve()));
  }
}

const folders = { dataDir: 'data', keysDir: 'keys', deviceId: 'gate' };

it('stops cleanly at SIGTERM during its start', async () => {
  const folder = tempDir();
  await storeFaces(folder, 20_000);
  const service = serve(folders, folder);
  // The store is the first part; the gallery reads the faces after it.
  await service.line('part started');
  expect((await service.terminate()).code).toBe(0);
  expect(service.log()).not.toContain('"msg":"ready"');
  expect(service.errors()).toBe('');
});

it('stops at SIGTERM when nobody reads its log any more', async () => {
  const service = serve({ vision: { workers: 1 } });
  await service.line('ready');
  service.closeLog();
  expect((await service.terminate()).code).toBe(0);
});

it('closes the connections of clients that are stuck in an upload, and publishes the events that wait for a slow broker', async () => {
  const folder = tempDir();
  await storeEvents(folder, 30);
  const broker = await startStallingBroker();
  const mqtt = { url: `mqtt://127.0.0.1:${broker.port}` };
  const service = serve({ ...folders, mqtt, vision: { workers: 1 } }, folder);
  const { url } = await service.line('ready');
  await expect.poll(broker.waiting).toBeGreaterThan(0);
  await startStuckClients(url as string, 6);
  const ended = service.terminate();
  await service.line('stopping');
  expect(broker.acknowledged).toEqual([]);
  broker.release();
  const { code, tookMs } = await ended;
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(STOP_BUDGET.totalMs + EXIT_MS);
  expect(broker.acknowledged).toEqual(range(1, 30));
});

it('stops within its budget and loses no event with stuck clients, a frozen broker and a camera that hangs', async () => {
  const folder = tempDir();
  await storeEvents(folder, 30);
  const broker = await startStallingBroker();
  // Nothing interrupts the opening of a pipe without a writer.
  const pipe = join(folder, 'pipe.ts');
  execFileSync('mkfifo', [pipe]);
  const config = {
    ...folders,
    mqtt: { url: `mqtt://127.0.0.1:${broker.port}` },
    vision: { workers: 1 },
    cameras: [
      {
        id: 'front',
        group: 'door',
        source: { type: 'file', path: pipe },
        openTimeoutMs: 60_000,
      },
    ],
  };
  const service = serve(config, folder);
  const { port } = await service.line('the API listens');
  await expect.poll(broker.waiting).toBeGreaterThan(0);
  await startStuckClients(`http://127.0.0.1:${port as number}`, 6);
  const { code, tookMs } = await service.terminate();
  expect({ code, errors: service.errors() }).toEqual({ code: 0, errors: '' });
  expect(tookMs).toBeLessThan(STOP_BUDGET.totalMs + EXIT_MS);
  const left = await service.line('part did not stop in time; the stop goes on without it');
  expect(left.part).toBe('cameras');

  // Unpublished events are still there for the next start.
  const healthy = await startStallingBroker();
  healthy.release();
  const next = serve({ ...folders, mqtt: { url: `mqtt://127.0.0.1:${healthy.port}` }, vision: { workers: 1 } }, folder);
  await expect.poll(() => healthy.acknowledged, { timeout: 20_000 }).toEqual(range(1, 30));
  expect((await next.terminate()).code).toBe(0);
});
