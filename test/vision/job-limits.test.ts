// The limits of the pool's jobs: their time, their clients that leave, and the worker that no request may take from the cameras.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import type { WorkerPoolOptions } from '../../src/vision/worker-pool-options.js';
import { tempDir } from '../support/temp-dir.js';

const PICTURE = { embed: 0, mask: false, liveness: false };
const FRAME = { ...PICTURE, after: 0, minFacePx: 60 };
/** Lengths of pictures, which say what a worker does with them. */
const [SLOW, DECODING, HANGING] = [101, 102, 103];
const picture = (length: number): Uint8Array => new Uint8Array(length);

/**
 * Starts a pool whose workers answer with their thread's id as height. They work on a SLOW picture, or decode a DECODING one, until they are
 * cancelled, and loop over a HANGING one for ever.
 */
async function startPool(options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  const folder = tempDir();
  const file = join(folder, 'worker.mjs');
  writeFileSync(
    file,
    `import { parentPort, threadId, workerData } from 'node:worker_threads';
    const control = new Int32Array(workerData.controlMemory);
    let isWorking = false;
    let isClosing = false;
    const answer = (widthPx) => {
      isWorking = false;
      const result = { widthPx, heightPx: threadId, faces: [], frameNumber: 1, capturedAtMs: 0 };
      parentPort.postMessage({ type: 'result', result });
      if (isClosing) parentPort.close();
    };
    parentPort.on('message', ({ type, job }) => {
      if (type === 'close') isClosing = true;
      if (type === 'close') return isWorking || parentPort.close();
      if (type === 'cancel') return isWorking && control[0] === 1 && answer(0);
      isWorking = true;
      const length = job.bytes?.length ?? 0;
      if (length === ${HANGING}) for (;;);
      if (length === ${DECODING}) control[1] = 1;
      if (length !== ${SLOW} && length !== ${DECODING}) answer(length);
    });
    parentPort.postMessage({ type: 'ready', providers: [] });`,
  );
  const pool = new WorkerPool({
    set: getModelSet(loadManifest(), 'standard'),
    modelsDir: folder,
    providers: ['cpu'],
    workers: 1,
    queueLength: 20,
    log: silentLog,
    workerFile: pathToFileURL(file),
    ...options,
  });
  await pool.start(new AbortController().signal);
  onTestFinished(() => pool.stop());
  return pool;
}

describe('a job that takes too long', () => {
  it('is refused as a bad picture while it is decoded, and as a busy service later; its worker goes on', async () => {
    const pool = await startPool({ pictureTimeoutMs: 300 });
    const { heightPx: thread } = await pool.analyseImage(picture(1), PICTURE);
    await expect(pool.analyseImage(picture(DECODING), PICTURE)).rejects.toMatchObject({
      code: 'INVALID_IMAGE_FILE',
      detail: 'The image cannot be decoded within 0.3 seconds.',
    });
    await expect(pool.analyseImage(picture(SLOW), PICTURE)).rejects.toMatchObject({
      code: 'SERVER_BUSY',
      detail: 'The picture could not be analysed within 0.3 seconds.',
    });
    expect(await pool.analyseImage(picture(5), PICTURE)).toMatchObject({ widthPx: 5, heightPx: thread });
    expect(pool.stats()).toMatchObject({ overdue: 2, cancelled: 0, restarts: 0 });
  });

  it('costs its worker where that does not come free, and the next job has another one', async () => {
    const pool = await startPool({ pictureTimeoutMs: 20_000, cancelTimeoutMs: 500 });
    const { heightPx: thread } = await pool.analyseImage(picture(1), PICTURE);
    const gone = new AbortController();
    const hanging = pool.analyseImage(picture(HANGING), PICTURE, gone.signal);
    gone.abort();
    await expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
    const next = await pool.analyseImage(picture(5), PICTURE);
    expect(next.widthPx).toBe(5);
    expect(next.heightPx).not.toBe(thread);
    expect(pool.stats()).toMatchObject({ workers: 1, restarts: 1 });
  });

  it('is refused as a busy service where it only waited', async () => {
    const pool = await startPool({ pictureTimeoutMs: 500 });
    const slow = pool.analyseImage(picture(SLOW), PICTURE).catch((error: unknown) => error);
    const waiting = pool.analyseImage(picture(HANGING), PICTURE).catch((error: unknown) => error);
    await expect(slow).resolves.toMatchObject({ code: 'SERVER_BUSY' });
    // It began to wait when the slow one began to run: which of both limits is noticed first is left to the timers.
    await expect(waiting).resolves.toMatchObject({ code: 'SERVER_BUSY' });
    expect(pool.stats().overdue + pool.stats().rejected).toBe(2);
  });
});

describe('a job whose client leaves', () => {
  it('is dropped where it waits, and ended where it runs', async () => {
    const pool = await startPool();
    const clients = Array.from({ length: 3 }, () => new AbortController());
    const jobs = [SLOW, HANGING, HANGING].map((length, i) =>
      pool.analyseImage(picture(length), PICTURE, clients[i]!.signal),
    );
    const last = pool.analyseImage(picture(5), PICTURE);
    const outcomes = Promise.allSettled(jobs);
    expect(pool.stats()).toMatchObject({ busy: 1, queued: 3 });
    for (const client of clients.toReversed()) client.abort(new Error('gone'));
    expect((await outcomes).map((outcome) => outcome.status === 'rejected' && String(outcome.reason))).toEqual(
      new Array(3).fill('Error: gone'),
    );
    expect(await last).toMatchObject({ widthPx: 5 });
    expect(pool.stats()).toMatchObject({ cancelled: 3, overdue: 0, restarts: 0, queued: 0 });
  });

  it('is not accepted when the client has left already', async () => {
    const pool = await startPool();
    await expect(pool.analyseImage(picture(SLOW), PICTURE, AbortSignal.abort())).rejects.toThrow(/abort/);
    expect(pool.stats()).toMatchObject({ busy: 0, queued: 0 });
  });

  it('leaves nothing behind on the signal when it ends before', async () => {
    const pool = await startPool();
    const client = new AbortController();
    await pool.analyseImage(picture(1), PICTURE, client.signal);
    client.abort();
    expect(pool.stats()).toMatchObject({ cancelled: 0, completed: 1 });
  });
});

describe('a pool with cameras', () => {
  it.each([
    { workers: 1, running: 1 },
    { workers: 2, running: 1 },
    { workers: 3, running: 2 },
  ])('with $workers configured workers lets requests hold $running', async ({ workers, running }) => {
    const pool = await startPool({ workers, cameras: 1 });
    const bombs = Array.from({ length: 8 }, () => pool.analyseImage(picture(HANGING), PICTURE).catch(() => undefined));
    expect(pool.stats()).toMatchObject({ workers: Math.max(2, workers), busy: running, queued: 8 - running });
    // No frame and no crop waits for a request: all of them are answered while every other worker hangs.
    for (let i = 0; i < 50; i++) expect(await pool.analyseFrame(1, FRAME)).toMatchObject({ frameNumber: 1 });
    expect(await pool.embedCrops([picture(1)])).toMatchObject({ widthPx: 0 });
    expect(pool.stats()).toMatchObject({ busy: running, queued: 8 - running });
    const [first, ...others] = pool.listWorkers();
    expect(first).toMatchObject({ busy: false, done: 51 });
    for (const { busy } of others) expect(busy).toBe(true);
    await pool.stop();
    await Promise.all(bombs);
  });
});

describe('the stop', () => {
  it('does not wait for jobs that hang', async () => {
    const pool = await startPool({ workers: 2, pictureTimeoutMs: 60_000 });
    const jobs = Promise.allSettled([HANGING, SLOW, SLOW].map((length) => pool.analyseImage(picture(length), PICTURE)));
    const started = performance.now();
    await pool.stop();
    expect(performance.now() - started).toBeLessThan(4_000);
    const codes = (await jobs).map((job) => job.status === 'rejected' && (job.reason as { code: string }).code);
    expect(codes).toEqual(['STOPPED', 'STOPPED', 'STOPPED']);
  });
});
