// The REST APIs on one HTTP server: the NHN dialects, the device API, and the pages for health and metrics.
import { MAX_FETCHES } from '../api/core/fetch-image.js';
import { createRequestLimits, type RequestLimits } from '../api/core/request-limits.js';
import { ApiServer, type MountedApi, type ServicePage } from '../api/core/server.js';
import { createDeviceApi } from '../api/device/create.js';
import type { Figures } from '../api/device/services.js';
import { createNhnApi } from '../api/nhn/create.js';
import { findPolicy } from '../domain/enrolment-policy.js';
import type { Events } from '../events/events.js';
import type { HealthAnswer, HealthRegistry } from '../ops/health.js';
import type { Metrics } from '../ops/metrics.js';
import type { PrivacySwitch } from '../privacy/privacy-switch.js';
import type { RecognisingCameras } from './recognition.js';
import type { WorkerPool } from '../vision/worker-pool.js';
import type { ServiceBase } from './base.js';
import type { ServiceModels } from './models.js';
import { API_GRACE_MS } from './stop-budget.js';
import type { Storage } from './storage.js';

export interface ApiInputs {
  models: ServiceModels;
  storage: Storage;
  vision: WorkerPool;
  events: Events;
  cameras: RecognisingCameras;
  privacy: PrivacySwitch;
  health: HealthRegistry;
  metrics: Metrics;
}

export function createApi(base: ServiceBase, inputs: ApiInputs): ApiServer {
  const { config, log } = base;
  const { health, metrics } = inputs;
  const limits = createRequestLimits(config);
  return new ApiServer({
    config,
    apis: [createDevice(base, inputs, limits), createNhn(base, inputs, limits)],
    pages: createPages(health, metrics),
    limits,
    reservedFiles: countReservedFiles(base),
    stopTimeoutMs: API_GRACE_MS,
    log,
  });
}

/**
 * Counts the descriptors that the other parts may need beyond those they have when the API starts, so that no client can take them: the
 * store (its log, its tables, a backup), each camera with its pipeline, the broker, fetched pictures, and the rest. The numbers are
 * generous allowances.
 */
function countReservedFiles({ config }: ServiceBase): number {
  const broker = config.mqtt.url === undefined ? BROKER_FILES : 8;
  return STORE_FILES + config.cameras.length * FILES_PER_CAMERA + broker + MAX_FETCHES + OTHER_FILES;
}

const STORE_FILES = 64;
const FILES_PER_CAMERA = 24;
/** Connections of the embedded broker, and its own. */
const BROKER_FILES = 110;
/** The admin socket, webhook, name resolution, configuration and keys. */
const OTHER_FILES = 32;

function createNhn({ config, log }: ServiceBase, inputs: ApiInputs, requestLimits: RequestLimits): MountedApi {
  const { models, storage, vision, metrics } = inputs;
  const { set, scales, otherModels } = models;
  return createNhnApi({
    config,
    vision,
    gallery: storage.gallery,
    appKeys: storage.keys.appKeys,
    scales,
    otherModels,
    livenessThresholds: set.liveness?.thresholds,
    observer: metrics,
    requestLimits,
    log,
  });
}

function createDevice(base: ServiceBase, inputs: ApiInputs, requestLimits: RequestLimits): MountedApi {
  const { config, clock, timers, log } = base;
  const { models, storage, vision, events, cameras, privacy, health, metrics } = inputs;
  const { audit, gallery, keys, unknownFaces } = storage;
  const { scales, otherModels, livenessThresholds } = models;
  return createDeviceApi({
    config,
    cameras,
    events,
    privacy,
    unknownFaces,
    audit,
    auditLog: audit,
    signingKey: () => events.publicKey,
    health: () => health.liveness(),
    figures: () => readFigures(base, inputs),
    configuration: () => config,
    listKeys: () => ({ app: keys.appKeys.list(), admin: keys.adminKeys.list() }),
    adminKeys: keys.adminKeys,
    gallery,
    vision,
    findOwner: (name) => keys.appKeys.findId(name),
    findPolicy: (groupId) => findPolicy(config.gallery, groupId),
    scales,
    otherModels,
    ...(livenessThresholds === undefined ? {} : { livenessThresholds }),
    observer: metrics,
    requestLimits,
    clock,
    timers,
    log,
  });
}

function readFigures({ monotonic }: ServiceBase, { storage, vision, events }: ApiInputs): Figures {
  const { groups, faces } = storage.gallery.stats();
  const { stored, pending, published, dropped } = events.stats();
  const { workers, busy, queued, completed } = vision.stats();
  return {
    uptimeSeconds: Math.round(monotonic() / 1_000),
    memoryBytes: process.memoryUsage.rss(),
    gallery: { groups, faces },
    events: { stored, pending, published, dropped },
    vision: { workers, busy, queued, completed },
  };
}

function createPages(health: HealthRegistry, metrics: Metrics): ServicePage[] {
  return [
    { path: '/healthz', handler: async () => encodeHealth(health.liveness()) },
    { path: '/readyz', handler: async () => encodeHealth(health.readiness()) },
    {
      path: '/metrics',
      handler: async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.text() }),
    },
  ];
}

function encodeHealth({ status, body }: HealthAnswer): Awaited<ReturnType<ServicePage['handler']>> {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body, null, 2)}\n` };
}
