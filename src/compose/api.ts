// The REST APIs on one HTTP server: the NHN dialects, the device API, and the pages for health and metrics.
import { readConsoleFiles } from '../api/console/console-files.js';
import { createConsole } from '../api/console/create.js';
import { MAX_FETCHES } from '../api/core/fetch-image.js';
import { createRequestLimits, type RequestLimits } from '../api/core/request-limits.js';
import { ApiServer, type MountedApi, type ServicePage } from '../api/core/server.js';
import { createDeviceApi } from '../api/device/create.js';
import type { Figures } from '../api/device/services.js';
import { createNhnApi } from '../api/nhn/create.js';
import { getInstallationFile } from '../config/paths.js';
import { findPolicy } from '../domain/enrolment-policy.js';
import { SuccessorEnrolment } from '../enrolment/successor-enrolment.js';
import type { Events } from '../events/events.js';
import type { FleetAdmin } from '../fleet/fleet.types.js';
import type { CopyTrust } from '../gallery/copy-trust.js';
import type { DoctorProcess } from '../ops/doctor-process.js';
import type { HealthAnswer, HealthRegistry } from '../ops/health.js';
import type { Metrics } from '../ops/metrics.js';
import type { Vitals } from '../ops/vitals.js';
import type { PrivacySwitch } from '../privacy/privacy-switch.js';
import type { RecognisingCameras } from './recognition.js';
import type { WorkerPool } from '../vision/worker-pool.js';
import type { ServiceBase } from './base.js';
import type { ServiceModels } from './models.js';
import { API_GRACE_MS } from './stop-budget.js';
import type { SignIn } from './sign-in.js';
import type { Storage } from './storage.js';
import { listThresholds } from './thresholds.js';

export interface ApiInputs {
  models: ServiceModels;
  storage: Storage;
  vision: WorkerPool;
  events: Events;
  cameras: RecognisingCameras;
  privacy: PrivacySwitch;
  health: HealthRegistry;
  metrics: Metrics;
  vitals: Vitals;
  signIn: SignIn;
  doctor: DoctorProcess;
  /** Undefined: the service is in no fleet. */
  fleet?: FleetAdmin | undefined;
  /** Tells which groups are copies that are too old to grant anybody. */
  copyTrust: CopyTrust;
}

export async function createApi(base: ServiceBase, inputs: ApiInputs): Promise<ApiServer> {
  const { config, log } = base;
  const { health, metrics } = inputs;
  const limits = createRequestLimits(config);
  const page = createConsole({ config, files: await readConsoleFiles(getInstallationFile('dist', 'console')) });
  return new ApiServer({
    config,
    apis: [page, createDevice(base, inputs, limits), createNhn(base, inputs, limits)],
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

function createSuccessorEnrolment({ log }: ServiceBase, { models, storage, vision }: ApiInputs): SuccessorEnrolment {
  return new SuccessorEnrolment({
    successors: storage.gallery.successors,
    vision,
    otherModels: models.otherModels,
    log,
  });
}

function createNhn(base: ServiceBase, inputs: ApiInputs, requestLimits: RequestLimits): MountedApi {
  const { config, log } = base;
  const { models, storage, vision, metrics } = inputs;
  const { set, scales, otherModels } = models;
  return createNhnApi({
    config,
    vision,
    gallery: storage.gallery,
    copyTrust: inputs.copyTrust,
    appKeys: storage.keys.appKeys,
    scales,
    otherModels,
    successor: createSuccessorEnrolment(base, inputs),
    livenessThresholds: set.liveness?.thresholds,
    observer: metrics,
    requestLimits,
    log,
  });
}

function createDevice(base: ServiceBase, inputs: ApiInputs, requestLimits: RequestLimits): MountedApi {
  const { config, clock, timers, log } = base;
  const { models, storage, vision, events, cameras, privacy, health, metrics, vitals, signIn, doctor } = inputs;
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
    history: (span) => vitals.history(span),
    doctor: () => doctor.report(),
    configuration: () => config,
    retention: () => ({
      unknownFacesHours: config.privacy.unknownFacesHours,
      unknownFacesMax: config.privacy.unknownFacesMax,
      eventsHours: config.events.maxAgeHours,
      eventsMax: config.events.maxEvents,
    }),
    keys: { app: keys.appKeys, admin: keys.adminKeys },
    ...signIn,
    gallery,
    vision,
    fleet: inputs.fleet,
    successor: createSuccessorEnrolment(base, inputs),
    findOwner: (name) => keys.appKeys.findId(name),
    findPolicy: (groupId) => findPolicy(config.gallery, groupId),
    listThresholds: (group) => listThresholds(config.cameras, group),
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

function readFigures({ monotonic }: ServiceBase, { storage, vision, events, vitals }: ApiInputs): Figures {
  const { groups, faces } = storage.gallery.stats();
  const { stored, pending, published, dropped } = events.stats();
  const { workers, busy, queued, completed } = vision.stats();
  return {
    uptimeSeconds: Math.round(monotonic() / 1_000),
    memoryBytes: process.memoryUsage.rss(),
    ...vitals.signs(),
    gallery: { groups, faces },
    events: { stored, pending, published, dropped },
    vision: { workers, busy, queued, completed },
    models: vision.providers.map(({ task, precision, provider }) => ({ task, precision, provider })),
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
