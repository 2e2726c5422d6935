// The one file that constructs the parts of the service and connects them, once its models are chosen.
import type { ApiServer } from '../api/core/server.js';
import { createAdminSocket } from './admin.js';
import { createApi } from './api.js';
import type { ServiceBase } from './base.js';
import { createEvents } from './events.js';
import { createFleet, describeHealth } from './fleet.js';
import { findModel, type ServiceModels } from './models.js';
import {
  addHealthSources,
  createDoctor,
  createMemoryTrimmer,
  createServiceMetrics,
  createSupervision,
  createVitals,
} from './ops.js';
import { createCameras, createPrivacySwitch, type RecognisingCameras } from './recognition.js';
import { RunningService, type Service } from './running-service.js';
import type { Secrets } from './secrets.js';
import { STOP_BUDGET } from './stop-budget.js';
import { createSignIn } from './sign-in.js';
import { createStorage } from './storage.js';
import type { CopyTrust } from '../gallery/copy-trust.js';
import { HealthRegistry } from '../ops/health.js';
import { Lifecycle } from '../platform/lifecycle.js';
import type { WorkerPool } from '../vision/worker-pool.js';

export interface PartsInputs {
  secrets: Secrets;
  models: ServiceModels;
  vision: WorkerPool;
}

/** Constructs every part but the vision workers; starts none. @throws AppError MODEL_INVALID */
export async function connectParts(base: ServiceBase, { secrets, models, vision }: PartsInputs): Promise<Service> {
  const health = new HealthRegistry({ isStarted: () => lifecycle.state === 'running' });
  const storage = createStorage(base, { secrets, models });
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
