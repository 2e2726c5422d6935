// The one file that constructs the parts of the service and connects them.
import { mkdir } from 'node:fs/promises';
import type { ApiServer } from './api/core/server.js';
import { createAdminSocket } from './compose/admin.js';
import { createApi } from './compose/api.js';
import { createBase, type BaseInputs } from './compose/base.js';
import { createEvents } from './compose/events.js';
import { createFleet, describeHealth } from './compose/fleet.js';
import { chooseModels, findModel } from './compose/models.js';
import {
  addHealthSources,
  createDoctor,
  createMemoryTrimmer,
  createServiceMetrics,
  createSupervision,
  createVitals,
} from './compose/ops.js';
import { createCameras, createPrivacySwitch, createVision, type RecognisingCameras } from './compose/recognition.js';
import { RunningService, type Service } from './compose/running-service.js';
import { readSecrets } from './compose/secrets.js';
import { STOP_BUDGET } from './compose/stop-budget.js';
import { createSignIn } from './compose/sign-in.js';
import { createStorage } from './compose/storage.js';
import type { CopyTrust } from './gallery/copy-trust.js';
import { requireTrustedFolders } from './keys/trusted-folders.js';
import { loadManifest, type Manifest } from './models/manifest.js';
import { HealthRegistry } from './ops/health.js';
import { Lifecycle } from './platform/lifecycle.js';
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

  const health = new HealthRegistry({ isStarted: () => lifecycle.state === 'running' });
  const storage = createStorage(base, { secrets, models });
  const vision = createVision(base, models, workerThreads);
  const events = createEvents(base, { secrets, storage, health, cameras: () => cameras });
  const fleet = createFleet(base, {
    storage,
    modelVersions: [models.set.modelVersion, ...models.otherModels.keys()],
    findScales: (modelVersion) => findModel(models, modelVersion)?.scales,
    events,
    describeHealth: () => describeHealth(health.report()),
  });
  const copyTrust: CopyTrust = (ref) => (fleet?.isStale(ref) ? 'stale' : undefined);
  const cameras: RecognisingCameras = createCameras(base, {
    secrets,
    models,
    storage,
    vision,
    events,
    copyTrust,
  });
  const privacy = createPrivacySwitch(base, cameras, storage);
  const { vitals, requests } = createVitals(base, cameras);
  const memory = createMemoryTrimmer(base, vision);
  const doctor = createDoctor(base, () => api);
  const metrics = createServiceMetrics(base, {
    ...{ storage, vision, events, cameras, vitals, requests },
    fleet: fleet?.admin,
    api: () => api,
  });
  const signIn = createSignIn(base, storage);
  const api: ApiServer = await createApi(base, {
    models,
    storage,
    vision,
    events,
    cameras,
    privacy,
    health,
    metrics,
    vitals,
    signIn,
    doctor,
    fleet: fleet?.admin,
    copyTrust,
  });
  const admin = createAdminSocket(base, { models, storage, cameras, events, signIn, fleet: fleet?.admin });
  const supervision = createSupervision(base, { storage, vision, cameras, health });
  addHealthSources(health, base, { storage, vision, events, cameras, privacy, api, fleet: fleet?.admin });

  const { store, audit, masterKey, serviceEntries, keys, clockGuard, gallery, unknownFaces, check } = storage;
  const { monotonic, timers, log, paths } = base;
  // The order of the start; the stop goes the other way.
  const lifecycle: Lifecycle = new Lifecycle({
    parts: [
      ...[store, audit, masterKey, serviceEntries, keys, clockGuard, gallery, unknownFaces, check],
      ...[vision, events, ...(fleet ? [fleet.part] : []), privacy, cameras, vitals, memory, doctor, api, admin],
    ],
    stopBudget: STOP_BUDGET,
    monotonic,
    timers,
    log,
    onStarting: (name) => supervision.notifier.status(`starting ${name}`),
  });
  const { firstAppKeyFile } = paths;
  return new RunningService({ lifecycle, supervision, api, events, cameras, keys, store, firstAppKeyFile, models });
}
