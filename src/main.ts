// The construction of the service: first what its models and workers need, then, while the workers load, everything else.
import { mkdir } from 'node:fs/promises';
import { createBase, type BaseInputs } from './compose/base.js';
import { chooseModels } from './compose/models.js';
import type { Service } from './compose/running-service.js';
import { readSecrets } from './compose/secrets.js';
import { createVision } from './compose/vision.js';
import { requireTrustedFolders } from './keys/trusted-folders.js';
import { loadManifest, type Manifest } from './models/manifest.js';
import type { WorkerThreads } from './vision/worker-threads.js';

export type { Service } from './compose/running-service.js';

export interface ServiceInputs extends BaseInputs {
  /** Manifest of the model sets; default: the one of this installation. */
  manifest?: Manifest;
  /** Threads of the vision workers that have been begun already. */
  workerThreads?: WorkerThreads;
}

/**
 * Checks the folders, reads the secrets (a first start creates them) and constructs every part; starts none.
 * @throws AppError STORE_UNAVAILABLE, SECRET_INVALID: others can change a folder; the errors of readSecrets and of the models
 */
export async function createService({
  manifest = loadManifest(),
  workerThreads,
  ...inputs
}: ServiceInputs): Promise<Service> {
  const base = createBase(inputs);
  await requireTrustedFolders(base.config);
  const secrets = await readSecrets(base);
  await mkdir(base.config.dataDir, { recursive: true, mode: 0o700 });
  const models = await chooseModels(base, manifest);
  const vision = createVision(base, models, workerThreads);
  // Threads that wait can load their models now. Without them the workers begin with the start of the service.
  if (workerThreads) vision.prepare();
  try {
    const { connectParts } = await import('./compose/parts.js');
    return await connectParts(base, { secrets, models, vision });
  } catch (error) {
    await vision.stop();
    throw error;
  }
}
