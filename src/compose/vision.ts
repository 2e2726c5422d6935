// The vision workers of the service.
import { WorkerPool } from '../vision/worker-pool.js';
import type { WorkerThreads } from '../vision/worker-threads.js';
import type { ServiceBase } from './base.js';
import type { ServiceModels } from './models.js';

export function createVision(
  { config, log }: ServiceBase,
  models: ServiceModels,
  threads: WorkerThreads | undefined,
): WorkerPool {
  const { set, others, fallback, precisions, modelsDir } = models;
  const { providers } = config.models;
  return new WorkerPool({
    ...{ set, others, fallback, precisions, modelsDir, providers },
    ...config.vision,
    cameras: config.cameras.length,
    ...(threads && { threads }),
    log,
  });
}
