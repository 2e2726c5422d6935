// The watchdog: its notices, with manual timers, and over a real socket with an event loop and a worker that hang.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { systemTimers } from '../../src/domain/time.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { SdNotifier } from '../../src/platform/sd-notify.js';
import { StallDetector, type Heartbeat, type HeartbeatState } from '../../src/ops/stall.js';
import { Watchdog, type WatchdogParts } from '../../src/ops/watchdog.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { tempDir } from '../support/temp-dir.js';
import { isAlive, notifySocket } from '../platform/notify-socket.js';

function createWatchdog(parts: Partial<WatchdogParts> & { socketPath?: string | undefined } = {}) {
  const sent: string[] = [];
  const logged: string[] = [];
  const timers = new ManualTimers(0);
  const socketPath = 'socketPath' in parts ? parts.socketPath : '/run/systemd/notify';
  const addon = { sdNotify: (_: string, message: string) => void sent.push(message) };
  const log = {
    ...silentLog,
    error: (_: object, message: string) => void logged.push(message),
    info: (_: object, message: string) => void logged.push(message),
  };
  const watchdog = new Watchdog({
    notifier: new SdNotifier({ socketPath, addon, log }),
    watchdogUsec: 30_000_000,
    heartbeats: [],
    status: () => 'fine',
    clock: timers.clock,
    timers,
    log,
    ...parts,
  });
  return { watchdog, sent, logged, timers };
}

/** A heartbeat that is healthy until the test changes its state. */
function heartbeat(name: string): Heartbeat & { state: HeartbeatState } {
  const beat = { name, state: { healthy: true } as HeartbeatState, check: () => beat.state };
  return beat;
}

describe('the watchdog', () => {
  it('is notified three times within the limit of systemd, with the status', async () => {
    let cameras = 0;
    const { watchdog, sent, timers } = createWatchdog({
      watchdogUsec: 6_000_000,
      status: () => `${++cameras}\ncameras`,
    });
    watchdog.running();
    await timers.advance(6_000);
    expect(sent).toEqual([1, 2, 3, 4].map((n) => `WATCHDOG=1\nSTATUS=${n} cameras`));
  });

  it('renews the status every 10 s where the limit is longer, and where systemd does not watch', async () => {
    for (const watchdogUsec of [600_000_000, undefined]) {
      const { watchdog, sent, timers } = createWatchdog({ watchdogUsec });
      watchdog.running();
      await timers.advance(20_000);
      const notice = watchdogUsec === undefined ? 'STATUS=fine' : 'WATCHDOG=1\nSTATUS=fine';
      expect(sent).toEqual([notice, notice, notice]);
    }
  });

  it('asks for more time while the service starts, and sends no sign of life', async () => {
    const { watchdog, sent, timers } = createWatchdog();
    watchdog.starting();
    await timers.advance(20_000);
    expect(sent).toEqual(Array(3).fill('EXTEND_TIMEOUT_USEC=30000000'));
    watchdog.running();
    expect(sent.at(-1)).toBe('WATCHDOG=1\nSTATUS=fine');
    await timers.advance(10_000);
    expect(sent.slice(3)).toEqual(Array(2).fill('WATCHDOG=1\nSTATUS=fine'));
  });

  it('asks for no more time once the start has gone on for ten minutes', async () => {
    const { watchdog, sent, timers } = createWatchdog();
    watchdog.starting();
    await timers.advance(3_600_000);
    expect(sent).toHaveLength(60);
  });

  it('gets no notices while any work has stopped, names it, and gets them again afterwards', async () => {
    const vision = heartbeat('vision');
    const store = heartbeat('store');
    const { watchdog, sent, logged, timers } = createWatchdog({ heartbeats: [vision, store] });
    watchdog.running();
    vision.state = { healthy: false, reason: 'worker 0 has finished nothing for 30 s' };
    store.state = { healthy: false };
    await timers.advance(20_000);
    vision.state = store.state = { healthy: true };
    await timers.advance(10_000);
    const stuck = 'STATUS=stuck: vision: worker 0 has finished nothing for 30 s; store';
    expect(sent).toEqual(['WATCHDOG=1\nSTATUS=fine', stuck, stuck, 'WATCHDOG=1\nSTATUS=fine']);
    expect(logged).toEqual([
      'the service is stuck: the watchdog gets no notices',
      'the service works again: the watchdog gets its notices',
    ]);
  });

  it('counts a heartbeat that throws as work that has stopped', async () => {
    const broken: Heartbeat = {
      name: 'store',
      check: () => {
        throw new Error('closed');
      },
    };
    const { watchdog, sent } = createWatchdog({ heartbeats: [broken] });
    watchdog.running();
    expect(sent).toEqual(['STATUS=stuck: store: its state cannot be read']);
  });

  it('is notified even if the status cannot be read', () => {
    const { watchdog, sent } = createWatchdog({
      status: () => {
        throw new Error('no');
      },
    });
    watchdog.running();
    expect(sent).toEqual(['WATCHDOG=1\nSTATUS=running']);
  });

  it('sends nothing after the stop, nor where systemd does not listen', async () => {
    const stopped = createWatchdog();
    stopped.watchdog.starting();
    stopped.watchdog.stop();
    // A start that finishes although it was interrupted.
    stopped.watchdog.running();
    await stopped.timers.advance(60_000);
    expect(stopped.sent).toHaveLength(1);
    const alone = createWatchdog({ socketPath: undefined });
    alone.watchdog.running();
    expect(alone.timers.waitingMs).toEqual([]);
  });
});

describe('over a real socket', () => {
  it('an event loop that hangs sends no notices, and sends them again when it works', async () => {
    const path = join(tempDir(), 'notify');
    const systemd = await notifySocket(path);
    const blockMs = 600;
    const file = fileURLToPath(new URL('./watchdog-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', file, path, String(blockMs)], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ready = await systemd.next((text) => text.startsWith('READY=1'));
    const first = await systemd.next(isAlive, ready.index);
    expect((await systemd.next(isAlive, first.index + 1)).notice.text).toBe('WATCHDOG=1\nSTATUS=as it should be');
    child.stdin.write('hang');
    const blocked = await systemd.next((text) => text === 'STATUS=blocked');
    const free = await systemd.next((text) => text === 'STATUS=free', blocked.index);
    expect(free.index).toBe(blocked.index + 1);
    expect(free.notice.atMs - blocked.notice.atMs).toBeGreaterThan(blockMs * 0.9);
    await systemd.next(isAlive, free.index);
    child.stdin.end();
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  it('a vision worker that hangs feeds no watchdog', async () => {
    const folder = tempDir();
    const systemd = await notifySocket(join(folder, 'notify'));
    const workerFile = join(folder, 'worker.mjs');
    writeFileSync(
      workerFile,
      `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ type, job }) => {
        if (type === 'close') return parentPort.close();
        if (job.kind === 'crops') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        parentPort.postMessage({ type: 'result', result: { widthPx: 1, heightPx: 1, faces: [] } });
      });
      parentPort.postMessage({ type: 'ready', providers: [] });`,
    );
    const pool = new WorkerPool({
      set: getModelSet(loadManifest(), 'standard'),
      modelsDir: folder,
      providers: ['cpu'],
      workers: 1,
      queueLength: 10,
      log: silentLog,
      workerFile: pathToFileURL(workerFile),
    });
    await pool.start(new AbortController().signal);
    const clock = (): number => performance.now();
    const vision = new StallDetector({
      name: 'vision',
      lanes: () => [{ id: 'workers', busy: pool.stats().busy + pool.stats().queued > 0, done: pool.stats().completed }],
      limitMs: 200,
      clock,
    });
    const watchdog = new Watchdog({
      notifier: new SdNotifier({ socketPath: join(folder, 'notify'), addon: loadAddon(), log: silentLog }),
      watchdogUsec: 150_000,
      heartbeats: [vision],
      status: () => 'fine',
      clock,
      timers: systemTimers,
      log: silentLog,
    });
    onTestFinished(() => watchdog.stop());
    watchdog.running();
    await pool.analyseImage(new Uint8Array(1), { embed: 0, mask: false, liveness: false });
    const fed = await systemd.next(isAlive);
    expect((await systemd.next(isAlive, fed.index + 1)).notice.text).toBe('WATCHDOG=1\nSTATUS=fine');
    const hanging = pool.embedCrops([new Uint8Array(1)]);
    const ended = expect(hanging).rejects.toMatchObject({ code: 'STOPPED' });
    const isStuck = (text: string): boolean => text.startsWith('STATUS=stuck: vision: workers has finished nothing');
    const stuck = await systemd.next(isStuck, fed.index);
    let last = stuck.index;
    for (let i = 0; i < 5; i++) last = (await systemd.next(() => true, last + 1)).index;
    expect(systemd.notices.slice(stuck.index).filter(({ text }) => isAlive(text))).toEqual([]);
    await pool.stop();
    await ended;
  });
});
