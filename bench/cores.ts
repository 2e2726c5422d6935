// The bench of many cores: throughput, waits and fairness with up to 64 workers and 64 cameras, simulated where cores are missing.
import { availableParallelism } from 'node:os';
import { silentLog } from '../src/domain/log.js';
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest } from '../src/models/manifest.js';
import { loadAddon } from '../src/native/addon.js';
import { WorkerPool } from '../src/vision/worker-pool.js';
import { countCameraWorkers } from '../src/vision/worker-shares.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { WORKER_FILE } from '../test/support/service.js';
import { encodePicture } from '../tools/rendered-people/clip-file.js';
import { GUEST_SEED, renderPortrait } from '../tools/rendered-people/demo-clip.js';
import { measureFairness, simulateCrowd, type CrowdCamera } from './support/camera-crowd.js';
import { quantile } from './support/door-stage.js';
import { interleavePairs } from './support/pairs.js';
import { median, pairedRatio, printTable, result, type Result } from './support/report.js';
import { startStandIns } from './support/stand-in-pool.js';
import { startVirtualPool } from './support/virtual-pool.js';
import { VirtualTime } from './support/virtual-time.js';

const MOST = 64;
/** Time of a frame with one new face, in milliseconds. */
const FRAME_MS = 25;
/** Frames take from 5 to 45 ms, as pictures with nobody and with many people do. */
const SPREAD = 0.8;
const FRAME = { after: 0, mask: false, liveness: false, minFacePx: 60 };

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const rounds = short ? 6 : 20;
  return [
    ...(await simulateSizes(short ? 5_000 : 20_000)),
    ...(await simulateFairShares(short ? 10_000 : 60_000)),
    ...(await measureDispatch(rounds)),
    ...(await measureMainThread(rounds)),
    ...(await measureRealWorkers(rounds)),
  ];
}

function listCameras(count: number, everyMs: number): CrowdCamera[] {
  return Array.from({ length: count }, (_, i) => ({ id: `camera ${i}`, tookMs: FRAME_MS, spread: SPREAD, everyMs }));
}

/**
 * Simulates devices of many sizes: cameras at eight frames a second, which fill 80 % of the workers that serve cameras alone, without and with
 * uploads of 1.3 s that take all other workers; and the same with one worker for cameras alone.
 */
async function simulateSizes(lastsMs: number): Promise<Result[]> {
  const rows = [
    [
      'workers',
      'cameras',
      'for cameras alone',
      'scaling',
      'p99 wait ms',
      'with uploads',
      'frames lost',
      'with one alone',
      'frames lost',
    ],
  ];
  const results: Result[] = [];
  for (const workers of [2, 4, 8, 16, 32, MOST]) {
    const full = await simulateCrowd({ workers, cameras: listCameras(2 * workers, 0), lastsMs });
    const frames = full.cameras.reduce((sum, one) => sum + one.frames, 0);
    const scaling = (frames * FRAME_MS) / lastsMs / workers;
    const cameras = listCameras(Math.min(MOST, 2 * workers), 125);
    const alone = await simulateCrowd({ workers, cameras, lastsMs });
    const uploads = { inFlight: 4 * workers, tookMs: 1_300 };
    const busy = await simulateCrowd({ workers, cameras, uploads, lastsMs });
    const p99 = (crowd: typeof alone): number =>
      Math.max(...crowd.cameras.map(({ waitsMs }) => quantile(waitsMs, 0.99)));
    const count = (crowd: typeof alone): number => crowd.cameras.reduce((sum, one) => sum + one.frames, 0);
    const single = await simulateCrowd({ workers, cameras, uploads, lastsMs, expected: 1 });
    const lost = (crowd: typeof alone): string => `${((1 - count(crowd) / count(alone)) * 100).toFixed(1)} %`;
    const own = countCameraWorkers(workers, cameras.length);
    const cells = [workers, cameras.length, own, scaling.toFixed(3), p99(alone).toFixed(0), p99(busy).toFixed(0)];
    rows.push([...cells, lost(busy), p99(single).toFixed(0), lost(single)].map(String));
    results.push(
      result(`cores.scaling.${workers}`, scaling, 'of ideal, simulated', ['>=', 0.98]),
      result(`cores.uploads.wait.${workers}`, p99(busy) / FRAME_MS, 'frames, p99 of the worst camera', ['<=', 4]),
    );
  }
  printTable(rows);
  console.log();
  return results;
}

/** Simulates 64 cameras that ask for more than there is, of which every eighth has frames that take ten times as long. */
async function simulateFairShares(lastsMs: number): Promise<Result[]> {
  const results: Result[] = [];
  for (const workers of [2, 8, 32]) {
    const cameras = listCameras(MOST, 0).map((camera, i) => ({ ...camera, tookMs: i % 8 === 0 ? 100 : 10, spread: 0 }));
    const { cameras: outcomes } = await simulateCrowd({ workers, cameras, lastsMs });
    const used = outcomes.map(({ frames }, i) => frames * cameras[i]!.tookMs);
    const fast = outcomes.filter((_, i) => i % 8 !== 0).map(({ frames }) => frames);
    results.push(
      result(`cores.fairness.frames.${workers}`, measureFairness(fast), "Jain's index, fast cameras", ['>=', 0.99]),
      result(`cores.fairness.time.${workers}`, measureFairness(used), "Jain's index, all cameras", ['>=', 0.9]),
    );
  }
  return results;
}

/** Compares the processor time of the pool itself for a job: 64 lanes with one lane, and 64 workers with four. */
async function measureDispatch(rounds: number): Promise<Result[]> {
  const addon = loadAddon();
  const cost = async (workers: number, lanes: number): Promise<number> => {
    const time = new VirtualTime();
    const pool = await startVirtualPool(time, { workers, cameras: MOST });
    const visions = Array.from({ length: lanes }, (_, i) => pool.forCamera(`camera ${i}`));
    const before = addon.threadCpuMs();
    const jobs = 128 * 20;
    const clients = Array.from({ length: 128 }, async (_, client) => {
      for (let i = 0; i < 20; i++) await visions[client % lanes]!.analyseFrame(10, FRAME);
    });
    await time.run();
    await Promise.all(clients);
    const used = (addon.threadCpuMs() - before) / jobs;
    await pool.stop();
    return used;
  };
  const lanes = await interleavePairs(
    rounds,
    () => cost(16, MOST),
    () => cost(16, 1),
  );
  const workers = await interleavePairs(
    rounds,
    () => cost(MOST, MOST),
    () => cost(4, MOST),
  );
  return [
    result('cores.dispatch.us', median(lanes.map(({ a }) => a)) * 1_000, 'µs of the pool per job'),
    pairedRatio('cores.dispatch.lanes', lanes, '64 lanes / 1 lane', ['<=', 1.25]),
    pairedRatio('cores.dispatch.workers', workers, '64 workers / 4 workers', ['<=', 1.25]),
  ];
}

/** Measures what a frame costs the main thread with messages to real threads, which wait in place of computing. */
async function measureMainThread(rounds: number): Promise<Result[]> {
  const addon = loadAddon();
  const { pool, stop } = await startStandIns({ workers: 16, cameras: 16 });
  try {
    const costs: number[] = [];
    for (let round = 0; round < rounds + 1; round++) {
      const before = addon.threadCpuMs();
      const cameras = Array.from({ length: 16 }, async (_, i) => {
        const vision = pool.forCamera(`camera ${i}`);
        for (let frame = 0; frame < 20; frame++) await vision.analyseFrame(1, FRAME);
      });
      await Promise.all(cameras);
      if (round > 0) costs.push((addon.threadCpuMs() - before) / (16 * 20));
    }
    const mainMs = median(costs);
    return [
      result('cores.main.ms', mainMs, 'ms of the main thread per frame'),
      result('cores.main.limit', FRAME_MS / mainMs, `workers that it can feed, ${FRAME_MS} ms a frame`, ['>=', MOST]),
    ];
  } finally {
    await stop();
  }
}

/** Compares real workers on all cores with one, by pictures per second; and measures what the main thread does for each. */
async function measureRealWorkers(rounds: number): Promise<Result[]> {
  const cores = Math.min(MOST, availableParallelism());
  const addon = loadAddon();
  const jpeg = encodePicture(renderPortrait(GUEST_SEED), addon);
  const start = async (workers: number): Promise<WorkerPool> => {
    const set = getModelSet(loadManifest(), sharedModelsDir === undefined ? 'builtin' : 'standard');
    const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
    const fixed = { set, modelsDir, providers: ['cpu'], log: silentLog, workerFile: WORKER_FILE };
    const pool = new WorkerPool({ ...fixed, workers, queueLength: 256 });
    await pool.start(new AbortController().signal);
    return pool;
  };
  const [one, all] = [await start(1), await start(cores)];
  const rate = async (pool: WorkerPool, workers: number): Promise<number> => {
    const jobs = 12 * workers;
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: jobs }, () => pool.analyseImage(jpeg, { embed: 1, mask: true, liveness: false })),
    );
    return (jobs / (performance.now() - startMs)) * 1_000;
  };
  try {
    const pairs = await interleavePairs(
      rounds,
      () => rate(all, cores),
      () => rate(one, 1),
    );
    return [pairedRatio(`cores.real.${cores}`, pairs, 'all cores / one, pictures a second')];
  } finally {
    await one.stop();
    await all.stop();
  }
}
