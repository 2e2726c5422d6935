// The embedders of other sets in a worker: loaded on first use, and without effect on the loaded set when they cannot be loaded.
import { copyFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog, type Log } from '../../src/domain/log.js';
import { listModels } from '../../src/models/manifest.js';
import type { OtherSet } from '../../src/models/other-sets.js';
import { loadAddon } from '../../src/native/addon.js';
import { pickQuickProviders, type OtherLoading } from '../../src/vision/other-embedders.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import { RecordedLog } from '../camera/test-camera.js';
import { bestModels } from '../support/model-sets.js';
import { tempDir } from '../support/temp-dir.js';

const SECOND = 'second-1';
const { models: set, modelsDir: installed } = bestModels;
const second: OtherSet = { name: 'second', modelVersion: SECOND, embedder: { ...set.embedder, file: 'second.onnx' } };
const crop = new Uint8Array(112 * 112 * 3).map((_, i) => (i * 7) & 255);
const DETECT = { embed: 0, mask: false, liveness: false };

describe('the embedder of another set', () => {
  /** Creates the embedders of two other sets. The file of the second one can be removed. */
  async function open() {
    const modelsDir = tempDir();
    for (const { file } of listModels(set)) symlinkSync(join(installed, file), join(modelsDir, file));
    const file = join(modelsDir, second.embedder.file);
    const restore = (): void => copyFileSync(join(installed, set.embedder.file), file);
    restore();
    const loadings: OtherLoading[] = [];
    const clock = { ms: 0 };
    const pipeline = await Pipeline.open({
      addon: loadAddon(),
      set,
      others: [second],
      modelsDir,
      providers: ['cpu'],
      onOther: (loading) => loadings.push(loading),
      monotonicMs: () => clock.ms,
    });
    onTestFinished(() => pipeline.close());
    return { pipeline, loadings, clock, file, restore };
  }

  it('is loaded once, when it is first needed', async () => {
    const { pipeline, loadings } = await open();
    const [own] = await pipeline.embedCrops([crop]);
    expect(loadings).toEqual([]);
    const [first] = await pipeline.embedCrops([crop], SECOND);
    expect(first).toEqual(own);
    expect(await pipeline.embedCrops([crop], SECOND)).toEqual([first]);
    expect(loadings).toEqual([{ modelVersion: SECOND }]);
  });

  it.each<[string, (file: string) => void, RegExp]>([
    ['removed', (file) => rmSync(file), /second\.onnx is missing/],
    ['cut short', (file) => truncateSync(file, 1_000), /second\.onnx from .* was refused/],
  ])('causes an error for its own groups only when its file was %s after the start', async (_words, spoil, why) => {
    const { pipeline, file, loadings } = await open();
    const [own] = await pipeline.embedCrops([crop]);
    spoil(file);
    const refusal = {
      code: 'MODEL_VERSION_MISMATCH',
      message: expect.stringMatching(why) as string,
      detail: 'The models of second-1 cannot be loaded.',
    };
    await expect(pipeline.embedCrops([crop], SECOND)).rejects.toMatchObject(refusal);
    expect(await pipeline.embedCrops([crop])).toEqual([own]);
    const picture = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#789' } })
      .png()
      .toBuffer();
    await expect(pipeline.analyseImage(picture, { ...DETECT, modelVersion: SECOND })).rejects.toMatchObject(refusal);
    await expect(pipeline.analyseImage(picture, DETECT)).resolves.toMatchObject({ faces: [] });
    expect(loadings).toEqual([{ modelVersion: SECOND, problem: expect.stringMatching(why) as string }]);
  });

  it('that could not be loaded is tried again after half a minute, and not before', async () => {
    const { pipeline, file, restore, loadings, clock } = await open();
    rmSync(file);
    for (clock.ms = 0; clock.ms < 60_000; clock.ms += 100) {
      await expect(pipeline.embedCrops([crop], SECOND)).rejects.toMatchObject({ code: 'MODEL_VERSION_MISMATCH' });
    }
    expect(loadings).toHaveLength(2);
    restore();
    expect(await pipeline.embedCrops([crop], SECOND)).toHaveLength(1);
    expect(loadings.slice(2)).toEqual([{ modelVersion: SECOND }]);
  });

  it('is refused for a version that is not installed', async () => {
    const { pipeline, loadings } = await open();
    const refusal = { code: 'MODEL_VERSION_MISMATCH', detail: 'No models of third-1 are installed.' };
    await expect(pipeline.embedCrops([crop], 'third-1')).rejects.toMatchObject(refusal);
    expect(loadings).toEqual([]);
  });
});

it.each([
  [['cpu'], ['cpu']],
  [
    ['tensorrt', 'cuda', 'cpu'],
    ['cuda', 'cpu'],
  ],
  [['tensorrt'], ['cpu']],
])('of the providers %j, only those that load in seconds are tried while the service runs: %j', (providers, late) => {
  expect(pickQuickProviders(providers)).toEqual(late);
});

describe('the worker pool', () => {
  /** Starts workers that fail to load the other version for a crop of one byte, and load it for longer crops. */
  async function startPool(workers: number, log: Log = silentLog): Promise<WorkerPool> {
    const file = join(tempDir(), 'worker.mjs');
    writeFileSync(
      file,
      `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ type, job }) => {
        if (type === 'close') return parentPort.close();
        const { modelVersion, crops } = job;
        const fails = crops[0].length === 1;
        const loading = fails ? { modelVersion, problem: 'it is missing' } : { modelVersion };
        parentPort.postMessage({ type: 'other', loading });
        const error = { code: 'MODEL_VERSION_MISMATCH', message: 'cannot be loaded' };
        parentPort.postMessage(fails ? { type: 'error', error } : { type: 'result', result: [] });
      });
      parentPort.postMessage({ type: 'ready', providers: [] });`,
    );
    const workerFile = pathToFileURL(file);
    const options = { set, others: [second], modelsDir: '', providers: ['cpu'], workers, queueLength: 10, log };
    const pool = new WorkerPool({ ...options, workerFile });
    await pool.start(new AbortController().signal);
    onTestFinished(() => pool.stop());
    return pool;
  }

  it('reports models that cannot be loaded as degraded until they can, and logs that once for all workers', async () => {
    const log = new RecordedLog();
    const pool = await startPool(2, log);
    expect(pool.health()).toMatchObject({ status: 'ok', facts: { otherModelVersions: [SECOND] } });
    const bad = Array.from({ length: 4 }, () => pool.embedCrops([new Uint8Array(1)], SECOND));
    for (const { status } of await Promise.allSettled(bad)) expect(status).toBe('rejected');
    expect(pool.health()).toMatchObject({
      status: 'degraded',
      detail: 'the models of second-1 cannot be loaded: it is missing',
    });
    await pool.embedCrops([new Uint8Array(2)], SECOND);
    expect(pool.health().status).toBe('ok');
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'the models of another version cannot be loaded',
        fields: { modelVersion: SECOND, reason: 'it is missing' },
      },
      {
        level: 'info',
        message: 'the models of another version can be loaded again',
        fields: { modelVersion: SECOND },
      },
    ]);
  });
});
