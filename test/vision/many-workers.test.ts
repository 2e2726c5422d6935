// Many workers and cameras: the real pool with stand-ins for the workers, which answer each job after a given time.
import { setMaxListeners } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { measureFairness, simulateCrowd } from '../../bench/support/camera-crowd.js';
import { startStandIns } from '../../bench/support/stand-in-pool.js';
import type { WorkerPool } from '../../src/vision/worker-pool.js';

const FRAME = { after: 0, mask: false, liveness: false, minFacePx: 60 };
const PICTURE = { embed: 0, mask: false, liveness: false };
const FAST_MS = 2;

async function startPool(workers: number, cameras: number): Promise<WorkerPool> {
  const { pool, stop } = await startStandIns({ workers, cameras, queueLength: 64 });
  onTestFinished(stop);
  return pool;
}

/** Has a camera analyse frames one after the other. */
async function watch(pool: WorkerPool, camera: string, frames: number, tookMs = FAST_MS): Promise<void> {
  const vision = pool.forCamera(camera);
  for (let frame = 0; frame < frames; frame++) await vision.analyseFrame(tookMs, FRAME);
}

it('no upload holds up a camera, whatever the uploads take: the workers of the cameras never have one', async () => {
  const pool = await startPool(6, 8);
  // Uploads that hold the other workers for longer than the test may take.
  const gone = new AbortController();
  setMaxListeners(0, gone.signal);
  const uploads = Array.from({ length: 20 }, () =>
    pool.analyseImage(new Uint8Array(60_000), PICTURE, gone.signal).catch((error: unknown) => error),
  );
  expect(pool.stats()).toMatchObject({ busy: 4, queued: 16 });
  await Promise.all(Array.from({ length: 8 }, (_, i) => watch(pool, `camera ${i}`, 20)));
  expect(pool.stats()).toMatchObject({ busy: 4, queued: 16, completed: 160 });
  gone.abort();
  await Promise.all(uploads);
});

it('a camera whose frames take for ever holds up no other one, and no other lane', async () => {
  const pool = await startPool(3, 4);
  const hung = pool.forCamera('hung').analyseFrame(60_000, FRAME);
  hung.catch(() => undefined);
  await Promise.all(['a', 'b', 'c'].map((camera) => watch(pool, camera, 20)));
  expect(await pool.analyseImage(new Uint8Array(1), PICTURE)).toMatchObject({ widthPx: 640 });
  expect(pool.stats()).toMatchObject({ busy: 1, completed: 61 });
});

it('cameras use all workers while there are no uploads', async () => {
  const pool = await startPool(6, 8);
  const frames = Array.from({ length: 8 }, (_, i) => pool.forCamera(`camera ${i}`).analyseFrame(300, FRAME));
  expect(pool.stats()).toMatchObject({ busy: 6, queued: 2 });
  await Promise.all(frames);
});

it('a full lane of one camera refuses its jobs alone', async () => {
  const { pool, stop } = await startStandIns({ workers: 2, cameras: 2, queueLength: 3 });
  onTestFinished(stop);
  const full = pool.forCamera('full');
  const jobs = Array.from({ length: 5 }, () => full.analyseFrame(50, FRAME));
  expect(pool.stats()).toMatchObject({ busy: 2, queued: 3 });
  await expect(full.embedCrops([new Uint8Array(1)])).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  await expect(pool.forCamera('other').analyseFrame(1, FRAME)).resolves.toMatchObject({ widthPx: 640 });
  await Promise.all(jobs);
});

it('requests are served while cameras ask for more than the workers can do', async () => {
  const pool = await startPool(2, 2);
  const isOver = new AbortController();
  const cameras = ['a', 'b'].map(async (camera) => {
    const vision = pool.forCamera(camera);
    while (!isOver.signal.aborted) await Promise.all([vision.analyseFrame(20, FRAME), vision.analyseFrame(20, FRAME)]);
  });
  expect(await pool.analyseImage(new Uint8Array(1), PICTURE)).toMatchObject({ widthPx: 640 });
  isOver.abort();
  await Promise.all(cameras);
});

it.each([
  [2, 4],
  [4, 8],
  [16, 32],
  [64, 64],
])(
  '%d workers give %d cameras what they ask for while uploads take all workers that they can get',
  async (workers, count) => {
    // The cameras fill four fifths of the workers that serve them alone.
    const cameras = Array.from({ length: count }, (_, i) => ({ id: `${i}`, tookMs: 25, spread: 0.8, everyMs: 125 }));
    const uploads = { inFlight: 4 * workers, tookMs: 1_300 };
    const { cameras: outcomes, uploads: served } = await simulateCrowd({ workers, cameras, uploads, lastsMs: 10_000 });
    for (const { frames, waitsMs } of outcomes) {
      expect(frames).toBeGreaterThanOrEqual(76);
      expect(waitsMs.at(-1)).toBeLessThan(125);
    }
    expect(served).toBeGreaterThan(workers / 4);
  },
);

it.each([2, 8, 32])('%d workers are shared alike by 64 cameras, of which eight have slow frames', async (workers) => {
  const cameras = Array.from({ length: 64 }, (_, i) => ({ id: `${i}`, tookMs: i % 8 === 0 ? 100 : 10, everyMs: 0 }));
  const { cameras: outcomes } = await simulateCrowd({ workers, cameras, lastsMs: 20_000 });
  expect(measureFairness(outcomes.filter((_, i) => i % 8 !== 0).map(({ frames }) => frames))).toBeGreaterThan(0.99);
  expect(measureFairness(outcomes.map(({ frames }, i) => frames * cameras[i]!.tookMs))).toBeGreaterThan(0.9);
});
