// Workers that die: the running job fails, waiting jobs run in other workers or in the replacement, and no job waits for ever.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import { tempDir } from '../support/temp-dir.js';

const DETECT = { embed: 0, mask: false, liveness: false };

/**
 * Starts a pool whose workers answer pictures with their length as width, and die at a crop. The first start of each worker succeeds;
 * `again` decides about further ones.
 */
async function startPool(workers: number, again: 'work' | 'fail'): Promise<WorkerPool> {
  const folder = tempDir();
  const file = join(folder, 'worker.mjs');
  writeFileSync(
    file,
    `import { existsSync, writeFileSync } from 'node:fs';
    import { parentPort, threadId } from 'node:worker_threads';
    const grave = ${JSON.stringify(join(folder, 'a-worker-died'))};
    if (existsSync(grave) && ${JSON.stringify(again)} === 'fail') {
      parentPort.postMessage({ type: 'failed', error: { code: 'MODEL_MISSING', message: 'gone' } });
      parentPort.close();
    } else {
      parentPort.on('message', ({ type, job }) => {
        if (type === 'close') return parentPort.close();
        if (job.kind === 'crops') { writeFileSync(grave, ''); process.exit(7); }
        parentPort.postMessage({ type: 'result', result: { widthPx: job.bytes.length, heightPx: threadId, faces: [] } });
      });
      parentPort.postMessage({ type: 'ready', providers: [] });
    }`,
  );
  const pool = new WorkerPool({
    set: getModelSet(loadManifest(), 'standard'),
    modelsDir: folder,
    providers: ['cpu'],
    workers,
    queueLength: 10,
    log: silentLog,
    workerFile: pathToFileURL(file),
  });
  await pool.start(new AbortController().signal);
  onTestFinished(() => pool.stop());
  return pool;
}

describe('a vision worker that dies', () => {
  it('fails its job, is reported and is replaced', async () => {
    const pool = await startPool(1, 'work');
    await expect(pool.embedCrops([new Uint8Array(1)])).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    expect(pool.health()).toMatchObject({ status: 'failed', detail: 'no vision worker runs' });
    // The second job waits for the replacement, which answers it.
    await expect(pool.analyseImage(new Uint8Array(5), DETECT)).resolves.toMatchObject({ widthPx: 5 });
    expect(pool.stats()).toMatchObject({ workers: 1, restarts: 1 });
    expect(pool.health().status).toBe('ok');
  });

  it('does not affect the other workers', async () => {
    const pool = await startPool(2, 'work');
    const dying = pool.embedCrops([new Uint8Array(1)]);
    const others = Array.from({ length: 6 }, (_, i) => pool.analyseImage(new Uint8Array(i + 1), DETECT));
    await expect(dying).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    expect((await Promise.all(others)).map(({ widthPx }) => widthPx)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(pool.health()).toMatchObject({ status: 'degraded', detail: 'vision workers being restarted: 1' });
  });

  it('fails the waiting jobs when it cannot be replaced and no other worker is left', async () => {
    const pool = await startPool(1, 'fail');
    const dying = pool.embedCrops([new Uint8Array(1)]);
    const waiting = pool.analyseImage(new Uint8Array(5), DETECT);
    await expect(dying).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    await expect(waiting).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    expect(pool.health().status).toBe('failed');
  });
});
