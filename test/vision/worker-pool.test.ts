// The pool of real worker threads with the real models.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { GUEST_SEED, renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { silentLog } from '../../src/domain/log.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import type { WorkerPoolOptions } from '../../src/vision/worker-pool-options.js';
import { clip } from '../camera/clips.js';
import { bestModels } from '../support/model-sets.js';
import { WORKER_FILE } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

const DETECT = { embed: 0, mask: false, liveness: false };
const signal = new AbortController().signal;

function newPool(options: Partial<WorkerPoolOptions> = {}): WorkerPool {
  const pool = new WorkerPool({
    set: bestModels.models,
    modelsDir: bestModels.modelsDir,
    providers: ['cpu'],
    workers: 1,
    queueLength: 4,
    log: silentLog,
    workerFile: WORKER_FILE,
    ...options,
  });
  onTestFinished(() => pool.stop());
  return pool;
}

async function startedPool(options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  const pool = newPool(options);
  await pool.start(signal);
  return pool;
}

const blank = (): Promise<Buffer> =>
  sharp({ create: { width: 640, height: 480, channels: 3, background: '#789' } })
    .jpeg()
    .toBuffer();

/** Lists the niceness of every thread of this process (proc(5): field 19 of stat, the 17th after the name). */
function listNiceness(): number[] {
  return readdirSync('/proc/self/task').map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

describe('the worker pool', () => {
  it.each([
    { cameras: 1, yields: true },
    { cameras: 0, yields: false },
  ])('lets requests yield to cameras where there are any: $cameras', async ({ cameras, yields }) => {
    const usual = Math.max(...listNiceness());
    const pool = await startedPool({ workers: 2, cameras });
    const niceness = listNiceness();
    // The main thread and the cameras' worker keep their priority.
    expect(niceness.filter((one) => one <= usual).length).toBeGreaterThanOrEqual(2);
    expect(niceness.some((one) => one > usual)).toBe(yields);
    await pool.stop();
  });

  it('refuses work before its start and after its stop', async () => {
    const pool = newPool();
    await expect(pool.analyseImage(await blank(), DETECT)).rejects.toMatchObject({ code: 'STOPPED' });
    await pool.start(signal);
    await expect(pool.analyseImage(await blank(), DETECT)).resolves.toEqual({ widthPx: 640, heightPx: 480, faces: [] });
    await pool.stop();
    await expect(pool.analyseImage(await blank(), DETECT)).rejects.toMatchObject({ code: 'STOPPED' });
  });

  it('refuses jobs at once when its queue is full, and finishes the accepted ones', async () => {
    const pool = await startedPool();
    const picture = await blank();
    // One job runs, four wait.
    const accepted = Array.from({ length: 5 }, () => pool.analyseImage(picture, DETECT));
    await expect(pool.analyseImage(picture, DETECT)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    expect(pool.stats()).toMatchObject({ busy: 1, queued: 4, rejected: 1 });
    expect(await Promise.all(accepted)).toHaveLength(5);
    expect(pool.stats()).toMatchObject({ busy: 0, queued: 0, completed: 5 });
  });

  it('rejects waiting and running jobs when it stops', async () => {
    const pool = await startedPool();
    const picture = await blank();
    const waiting = Array.from({ length: 4 }, () => pool.analyseImage(picture, DETECT));
    const outcomes = Promise.allSettled(waiting);
    await pool.stop();
    const codes = (await outcomes).map((o) => (o.status === 'rejected' ? (o.reason as { code: string }).code : 'done'));
    expect(codes).toEqual(['STOPPED', 'STOPPED', 'STOPPED', 'STOPPED']);
  });

  it('passes on the error of a bad picture, and continues to work', async () => {
    const pool = await startedPool();
    await expect(pool.analyseImage(Buffer.from('no picture'), DETECT)).rejects.toMatchObject({
      name: 'AppError',
      code: 'INVALID_IMAGE_FORMAT',
      detail: 'The image is neither PNG nor JPEG.',
    });
    await expect(pool.analyseImage(await blank(), DETECT)).resolves.toMatchObject({ faces: [] });
  });

  it('does not change the buffer of the caller', async () => {
    const pool = await startedPool();
    const bytes = await blank();
    const before = Buffer.from(bytes);
    await pool.analyseImage(bytes, DETECT);
    expect(bytes.equals(before)).toBe(true);
  });

  it('frees memory between jobs, also while one runs in another worker, and works on', async () => {
    const pool = await startedPool({ workers: 2 });
    const picture = await blank();
    const running = pool.analyseImage(picture, DETECT);
    await Promise.all([pool.tidy(), pool.tidy()]);
    const answers = await Promise.all([
      running,
      pool.analyseImage(picture, DETECT),
      pool.analyseImage(picture, DETECT),
    ]);
    expect(answers).toEqual(answers.map(() => ({ widthPx: 640, heightPx: 480, faces: [] })));
    expect(pool.countPictures()).toBe(3);
    await pool.stop();
    await pool.tidy();
  });

  it('embeds the same in every worker', async () => {
    const pool = await startedPool({ workers: 2, queueLength: 20 });
    const photo = encodePicture(renderPortrait(GUEST_SEED), loadAddon());
    const results = await Promise.all(
      Array.from({ length: 8 }, () => pool.analyseImage(photo, { ...DETECT, embed: 1 })),
    );
    const [first] = results.map(({ faces }) => faces[0]!.embedding);
    for (const { faces } of results) expect(faces[0]!.embedding).toEqual(first);
    expect(pool.stats().completed).toBe(8);
  });

  it('embeds many crops in one job, in order', async () => {
    const pool = await startedPool();
    const crops = [10, 100, 200].map((value) => new Uint8Array(112 * 112 * 3).map((_, i) => (i * value) & 255));
    const together = await pool.embedCrops(crops);
    for (const [i, crop] of crops.entries()) expect((await pool.embedCrops([crop]))[0]).toEqual(together[i]);
    expect(together[0]).not.toEqual(together[1]);
  });

  it('refuses a capture that does not exist', async () => {
    const pool = await startedPool();
    await expect(pool.analyseFrame(123_456, { after: 0, mask: false, liveness: false, minFacePx: 60 })).rejects.toThrow(
      /./,
    );
    await expect(pool.analyseImage(await blank(), DETECT)).resolves.toMatchObject({ faces: [] });
  });

  it('encodes the newest frame of a capture, at the requested size and after the given number', async () => {
    const addon = loadAddon();
    const path = join(tempDir(), 'clip.mjpeg');
    writeFileSync(path, clip(addon, 1));
    const source = { type: 'file', path, loop: false, realTime: false } as const;
    const limits = { openTimeoutMs: 5_000, readTimeoutMs: 5_000 };
    const handle = addon.openCapture({ source, widthPx: 0, heightPx: 0, fps: 0, ...limits }, () => undefined);
    onTestFinished(() => addon.closeCapture(handle));
    await expect.poll(() => addon.captureState(handle).frameNumber).toBe(1);
    const pool = await startedPool();
    const boxes = [{ box: { x0: 10, y0: 10, x1: 50, y1: 60 }, colour: 'green' }] as const;
    const frame = await pool.encodeFrame(handle, { after: 0, quality: 80, maxWidthPx: 80, boxes });
    expect(frame).toMatchObject({ widthPx: 80, heightPx: 60, frameNumber: 1 });
    expect(await sharp(frame?.jpeg).metadata()).toMatchObject({ format: 'jpeg', width: 80, height: 60 });
    expect(await pool.encodeFrame(handle, { after: 1, quality: 80, maxWidthPx: 0, boxes })).toBeUndefined();
  });

  it('reports the provider of each model', async () => {
    const pool = await startedPool();
    expect(pool.providers.map(({ task, provider }) => `${task} ${provider}`)).toEqual([
      'detector cpu',
      'embedder cpu',
      'mask cpu',
      ...(pool.hasLiveness ? ['liveness cpu'] : []),
    ]);
    expect(pool.health().status).toBe('ok');
  });

  it('reports as degraded that the built-in models run in place of the configured ones', async () => {
    const pool = await startedPool({ fallback: 'the built-in models run' });
    expect(pool.health()).toMatchObject({ status: 'degraded', detail: 'the built-in models run' });
  });

  it('falls back to the next provider, and reports it as degraded', async () => {
    const pool = await startedPool({ providers: ['nonesuch', 'cuda', 'cpu'] });
    const { status, detail } = pool.health();
    expect(status).toBe('degraded');
    expect(detail).toMatch(/runs on cpu: a preferred provider failed/);
    expect(pool.providers[0]!.failures.map(({ provider }) => provider)).toEqual(['nonesuch', 'cuda']);
  });

  it('does not start when no provider works, and lists the tried providers with their reasons', async () => {
    await expect(startedPool({ providers: ['nonesuch', 'coreml'] })).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringMatching(/nonesuch \(unknown.*coreml \(unknown/) as string,
    });
  });

  it('does not start without its models, and names the missing file and the searched folder', async () => {
    const modelsDir = tempDir();
    const set = getModelSet(loadManifest(), 'standard');
    await expect(startedPool({ set, modelsDir })).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringContaining(modelsDir) as string,
    });
  });
});
