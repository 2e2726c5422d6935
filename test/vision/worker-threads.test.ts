// The threads of the vision workers that are begun before the models are known.
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import { WorkerThreads } from '../../src/vision/worker-threads.js';
import { bestModels } from '../support/model-sets.js';
import { WORKER_FILE } from '../support/service.js';

function makePool(threads: WorkerThreads, modelsDir: string, workers: number): WorkerPool {
  const { models: set } = bestModels;
  const pool = new WorkerPool({ set, modelsDir, providers: ['cpu'], workers, queueLength: 4, log: silentLog, threads });
  onTestFinished(() => pool.stop());
  return pool;
}

const { signal } = new AbortController();

describe('threads that are begun early', () => {
  it('become the workers of a pool, which starts the ones that are missing', async () => {
    const threads = new WorkerThreads(WORKER_FILE);
    threads.begin(1);
    expect(threads.waiting).toBe(1);
    const pool = makePool(threads, bestModels.modelsDir, 2);
    await pool.start(signal);
    expect(threads.waiting).toBe(0);
    expect(pool.stats()).toMatchObject({ workers: 2, restarts: 0 });
  });

  it('report that a model is missing, as any worker does', async () => {
    const threads = new WorkerThreads(WORKER_FILE);
    threads.begin(1);
    await expect(makePool(threads, '/nonexistent', 1).start(signal)).rejects.toMatchObject({ code: 'MODEL_MISSING' });
  });

  it('can be stopped while they load their models', async () => {
    const threads = new WorkerThreads(WORKER_FILE);
    threads.begin(2);
    const pool = makePool(threads, bestModels.modelsDir, 2);
    const started = pool.start(signal).catch((error: unknown) => error);
    await pool.stop();
    await started;
    expect(pool.stats().workers).toBe(0);
  });

  it('end where nobody takes them', async () => {
    const threads = new WorkerThreads(WORKER_FILE);
    threads.begin(2);
    await threads.end();
    expect(threads.waiting).toBe(0);
  });
});
