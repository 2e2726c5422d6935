// The lanes before the workers: limits, order and turns; and how cameras and requests share one worker.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { JobLanes, type JobLanesOptions } from '../../src/vision/job-lanes.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import { tempDir } from '../support/temp-dir.js';

const lanesOf = (capacity: number): JobLanesOptions => ({ capacity, camerasFirst: false, clock: () => 0 });

describe('the lanes', () => {
  it('take turns while both hold jobs, and keep the order of the jobs', () => {
    const lanes = new JobLanes<string>(lanesOf(10));
    for (const job of ['r1', 'r2', 'r3', 'r4']) lanes.push('request', job);
    for (const job of ['c1', 'c2']) lanes.push('camera', job);
    expect(lanes.length).toBe(6);
    expect(Array.from({ length: 7 }, () => lanes.shift())).toEqual(['c1', 'r1', 'c2', 'r2', 'r3', 'r4', undefined]);
    expect(lanes.length).toBe(0);
  });

  it('serve a lane first when the other one was served last', () => {
    const lanes = new JobLanes<string>(lanesOf(10));
    for (const job of ['c1', 'c2', 'c3']) lanes.push('camera', job);
    expect([lanes.shift(), lanes.shift()]).toEqual(['c1', 'c2']);
    lanes.push('request', 'r1');
    expect([lanes.shift(), lanes.shift()]).toEqual(['r1', 'c3']);
  });

  it('have separate limits, and are emptied together', () => {
    const lanes = new JobLanes<number>(lanesOf(2));
    lanes.push('request', 1);
    lanes.push('request', 2);
    expect([lanes.isFull('request'), lanes.isFull('camera')]).toEqual([true, false]);
    lanes.push('camera', 3);
    expect(lanes.drain()).toEqual([3, 1, 2]);
    expect([lanes.length, lanes.isFull('request')]).toEqual([0, false]);
  });

  it('can be served one by one, and give up a job that waits', () => {
    const lanes = new JobLanes<string>(lanesOf(10));
    for (const job of ['r1', 'r2', 'r3']) lanes.push('request', job);
    lanes.push('camera', 'c1');
    expect([lanes.shift('camera'), lanes.shift('camera')]).toEqual(['c1', undefined]);
    expect([lanes.remove('r2'), lanes.remove('r2'), lanes.remove('c1')]).toEqual([true, false, false]);
    expect([lanes.count('request'), lanes.count('camera')]).toEqual([2, 0]);
    expect([lanes.shift(), lanes.shift(), lanes.shift()]).toEqual(['r1', 'r3', undefined]);
  });

  it('have a lane for each camera, with its own limit and a share of the turns', () => {
    const lanes = new JobLanes<string>(lanesOf(2));
    for (const job of ['a1', 'a2']) lanes.push('camera', job, 'a');
    lanes.push('camera', 'b1', 'b');
    expect([lanes.isFull('camera', 'a'), lanes.isFull('camera', 'b'), lanes.isFull('camera')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([lanes.count('camera'), lanes.length]).toEqual([3, 3]);
    expect([lanes.shift('camera'), lanes.shift('camera'), lanes.shift('camera')]).toEqual(['a1', 'b1', 'a2']);
  });

  it('serve cameras first where there are some, and one request a second all the same', () => {
    let nowMs = 5_000;
    const lanes = new JobLanes<string>({ capacity: 10, camerasFirst: true, clock: () => nowMs });
    for (const job of ['r1', 'r2', 'r3']) lanes.push('request', job);
    for (const job of ['c1', 'c2', 'c3', 'c4']) lanes.push('camera', job);
    expect([lanes.shift(), lanes.shift()]).toEqual(['c1', 'c2']);
    nowMs += 1_000;
    expect([lanes.shift(), lanes.shift()]).toEqual(['r1', 'c3']);
    nowMs += 999;
    expect([lanes.shift(), lanes.shift()]).toEqual(['c4', 'r2']);
    expect(lanes.shift()).toBe('r3');
  });
});

/**
 * Starts a pool of one worker that answers each job with its sequence number. The handle of a capture is the time of its frames
 * in milliseconds.
 */
async function poolOfOne(queueLength: number): Promise<WorkerPool> {
  const file = join(tempDir(), 'worker.mjs');
  writeFileSync(
    file,
    `import { parentPort } from 'node:worker_threads';
    let count = 0;
    parentPort.on('message', ({ type, job }) => {
      if (type === 'close') return parentPort.close();
      const untilMs = performance.now() + (job.captureHandle ?? 3);
      while (performance.now() < untilMs);
      const sizes = { widthPx: ++count, heightPx: 1, faces: [] };
      parentPort.postMessage({ type: 'result', result: { ...sizes, frameNumber: count, capturedAtMs: 0 } });
    });
    parentPort.postMessage({ type: 'ready', providers: [] });`,
  );
  const set = getModelSet(loadManifest(), 'standard');
  const log = silentLog;
  const workerFile = pathToFileURL(file);
  const pool = new WorkerPool({ set, modelsDir: '', providers: ['cpu'], workers: 1, queueLength, log, workerFile });
  await pool.start(new AbortController().signal);
  onTestFinished(() => pool.stop());
  return pool;
}

const FRAME = { after: 0, mask: false, liveness: false, minFacePx: 60 };
const PICTURE = { embed: 0, mask: false, liveness: false };

describe('one worker', () => {
  it('lets a camera wait for one request at most, however many wait', async () => {
    const pool = await poolOfOne(64);
    const requests = Array.from({ length: 60 }, () => pool.analyseImage(new Uint8Array(1), PICTURE));
    const turns: number[] = [];
    for (let frame = 0; frame < 15; frame++) turns.push((await pool.analyseFrame(3, FRAME))?.frameNumber ?? 0);
    const waits = turns.slice(1).map((turn, i) => turn - turns[i]!);
    expect(Math.max(...waits)).toBeLessThanOrEqual(3);
    const served = (await Promise.all(requests)).map(({ widthPx }) => widthPx);
    expect(served).toEqual([...served].sort((a, b) => a - b));
  });

  it('lets a request wait for one job of the cameras at most', async () => {
    const pool = await poolOfOne(64);
    const frames = Array.from({ length: 30 }, () => pool.analyseFrame(3, FRAME));
    const crops = Array.from({ length: 30 }, () => pool.embedCrops([new Uint8Array(1)]));
    const turns: number[] = [];
    for (let i = 0; i < 10; i++) turns.push((await pool.analyseImage(new Uint8Array(1), PICTURE)).widthPx);
    expect(Math.max(...turns.slice(1).map((turn, i) => turn - turns[i]!))).toBeLessThanOrEqual(3);
    await Promise.all([...frames, ...crops]);
  });

  it('serves cameras in turn: a camera with slow frames does not block the others', async () => {
    const pool = await poolOfOne(64);
    const counts = { slow: 0, fast: 0, other: 0 };
    const untilMs = performance.now() + 1_000;
    const run = async (name: keyof typeof counts, tookMs: number): Promise<void> => {
      while (performance.now() < untilMs) {
        await pool.analyseFrame(tookMs, FRAME);
        counts[name]++;
      }
    };
    await Promise.all([run('slow', 40), run('fast', 2), run('other', 2)]);
    expect(counts.slow).toBeGreaterThan(5);
    expect(Math.min(counts.fast, counts.other)).toBeGreaterThanOrEqual(counts.slow - 1);
  });

  it('refuses no frame because of waiting requests, and no request because of waiting frames', async () => {
    const pool = await poolOfOne(4);
    const waiting: Promise<unknown>[] = Array.from({ length: 5 }, () => pool.analyseImage(new Uint8Array(1), PICTURE));
    await expect(pool.analyseImage(new Uint8Array(1), PICTURE)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    for (let i = 0; i < 4; i++) waiting.push(pool.analyseFrame(1, FRAME));
    await expect(pool.analyseFrame(1, FRAME)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    expect(pool.stats()).toMatchObject({ queued: 8, rejected: 2 });
    await Promise.all(waiting);
  });
});
