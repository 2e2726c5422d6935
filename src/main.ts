// The one file that constructs the parts of the service and connects them.
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { AdminKeys, ensureAdminKey } from './keys/admin-keys.js';
import { AppKeys } from './keys/app-keys.js';
import { createDeviceApi } from './api/device/create.js';
import { ensureAppKey } from './keys/first-keys.js';
import { ApiServer, type ExtraRoute } from './api/core/server.js';
import { encodeAuditLines } from './audit/audit-lines.js';
import { AuditLog } from './audit/audit-log.js';
import { readAuditLog } from './audit/audit-space.js';
import { audited, auditedRotation } from './audit/audited.js';
import { ServiceEntries } from './audit/service-entries.js';
import { StoredTime } from './clock/stored-time.js';
import type { Environment } from './config/environment.js';
import { readNextMasterKey } from './keys/master-key-rotation.js';
import { dataPaths, packageFile, readVersion } from './config/paths.js';
import type { Config } from './config/schema.js';
import { openMasterKey, readCommandSecret, readMqttPassword, readPasswordFile } from './keys/secrets.js';
import { openSigningKey } from './keys/signing-key.js';
import { FalseAcceptCurve } from './domain/false-accept.js';
import type { Log } from './domain/log.js';
import type { ModelScales, OtherModels } from './domain/other-models.js';
import type { Part } from './domain/part.js';
import { SimilarityScale } from './domain/similarity.js';
import { systemTimers } from './domain/time.js';
import type { DeviceHealth } from './events/device-status.js';
import { AppError } from './errors.js';
import { Events } from './events/events.js';
import { exportGallery } from './gallery/backup-records.js';
import { LevelGallery } from './gallery/leveldb-gallery.js';
import { readStoredGroups } from './gallery/stored-groups.js';
import { setInUse } from './models/fallback.js';
import { loadManifest, modelsDirOf, type EmbedderModel, type Manifest } from './models/manifest.js';
import { otherSets } from './models/other-sets.js';
import { chooseSetPrecision, precisionText } from './models/set-precision.js';
import { loadAddon } from './native/addon.js';
import { AdminSocket } from './platform/admin-socket.js';
import { HealthRegistry, type HealthAnswer, type HealthReport } from './ops/health.js';
import { heartbeatsOf } from './ops/heartbeats.js';
import { Lifecycle } from './platform/lifecycle.js';
import { MasterKeyKeeper } from './keys/master-key-keeper.js';
import { createMetrics } from './ops/metrics.js';
import { SdNotifier } from './platform/sd-notify.js';
import { statusText } from './ops/status-line.js';
import { ClockGuard } from './clock/clock-guard.js';
import { Watchdog } from './ops/watchdog.js';
import { PrivacySwitch } from './privacy/privacy-switch.js';
import { UnknownFaces } from './privacy/unknown-faces.js';
import { Cameras } from './camera/cameras.js';
import { livenessLines, livenessPath } from './recognition/liveness-lines.js';
import { Recogniser, type RecogniserStats } from './recognition/recogniser.js';
import { SealedStore } from './store/sealed-store.js';
import { cropEncoder } from './vision/crop-jpeg.js';
import { WorkerPool } from './vision/worker-pool.js';

const STOP_TIMEOUT_MS = 5_000;
/** A camera that takes longer to open does not hold up the service. */
const FIRST_ATTEMPTS_MS = 15_000;
const DEFAULT_KEY_NAME = 'default';
/** Of the answer to a command over MQTT. */
const SNAPSHOT = { boxes: false, quality: 85, maxWidthPx: 1_280, after: 0 };

export interface ServiceInputs {
  /** Of the model sets; that of the installation where it is not given. */
  manifest?: Manifest;
  config: Config;
  environment: Environment;
  log: Log;
}

/** The running whole. */
export interface Service {
  /** @throws AppError of the part that could not start; those before it are stopped again */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Of the REST API, such as `http://127.0.0.1:8080`; known once it is started. */
  readonly url: string;
  /** Of the MQTT broker in use. */
  readonly brokerUrl: string | undefined;
  /** Where the first appKey was written, if this start made it or an earlier one did. */
  readonly firstAppKeyFile: string;
  /** Why the built-in models run in place of the configured ones, if they do. */
  readonly modelsFallback: string | undefined;
}

/** Reads the secrets (a first start makes them), constructs every part and starts none. */
export async function createService(inputs: ServiceInputs): Promise<Service> {
  const { config, environment, log, manifest = loadManifest() } = inputs;
  const clock = Date.now;
  const monotonic = (): number => performance.now();
  const timers = systemTimers;
  const version = readVersion();
  const paths = dataPaths(config);
  const modelsDir = modelsDirOf(config, environment);
  const addon = loadAddon();
  const encodeCrop = cropEncoder(addon);

  const secrets = await readSecrets(config, environment, log);
  const { master, signing } = secrets;
  const { keysDir } = config;
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const { providers, precision } = config.models;
  const configured = await setInUse(manifest, config.models, modelsDir);
  if (configured.fallback) log.warn({ set: configured.set.name }, configured.fallback);
  const { set, precisions } = await chooseSetPrecision({
    set: configured.set,
    modelsDir,
    providers,
    choice: precision,
    memory: { file: paths.precisionFile, version },
  });
  log.info({ set: set.name, forms: precisions.map(precisionText) }, 'the forms of the models are chosen');
  const { scale, falseAccepts } = scalesOf(set.embedder);
  const others = await otherSets(manifest, set, modelsDir);
  const otherModels: OtherModels = new Map(
    others.map(({ modelVersion, embedder }) => [modelVersion, scalesOf(embedder)]),
  );
  const livenessThreshold = set.liveness?.thresholds.balanced;
  const appKeys = new AppKeys({ path: paths.appKeysFile, clock, log });
  await ensureAppKey(appKeys, { ...paths, name: DEFAULT_KEY_NAME, log });
  const adminKeys = new AdminKeys({ path: paths.adminKeysFile, clock, log });
  await ensureAdminKey(adminKeys, { file: paths.firstAdminKeyFile, name: DEFAULT_KEY_NAME, log });

  const store = new SealedStore({
    directory: paths.databaseDir,
    masterKey: master.key,
    ...(secrets.nextMasterKey === undefined ? {} : { nextMasterKey: secrets.nextMasterKey }),
    log,
  });
  const audit = new AuditLog({ store, clock, log });
  const masterKey = new MasterKeyKeeper({ store: auditedRotation(store, audit), keysDir, origin: master.origin, log });
  const serviceEntries = new ServiceEntries({
    audit,
    store,
    config,
    version,
    keys: () => [...appKeys.list(), ...adminKeys.list().map((key) => ({ ...key, kind: 'admin' as const }))],
    timers,
    log,
  });
  const buildMs = statSync(packageFile()).mtimeMs;
  const clockGuard = new ClockGuard({ clock, monotonic, timers, lastTime: new StoredTime(store), buildMs, log });
  const unknownFaces = new UnknownFaces({
    store,
    retentionHours: config.privacy.unknownFacesHours,
    maxFaces: config.privacy.unknownFacesMax,
    encodeJpeg: encodeCrop,
    trust: clockGuard,
    clock,
    timers,
    log,
  });
  const gallery = new LevelGallery({ store, audit, limits: config.gallery, clock, log });
  const vision = new WorkerPool({
    set,
    others,
    fallback: configured.fallback,
    precisions,
    modelsDir,
    ...config.vision,
    providers,
    log,
  });
  const health = new HealthRegistry({ isStarted: () => lifecycle.state === 'running' });
  const events = new Events({
    config,
    store,
    signingKey: signing.privateKey,
    cameras: config.cameras.map(({ id }) => id),
    softwareVersion: version,
    password: secrets.mqttPassword,
    webhookSecret: secrets.webhookSecret,
    commandSecret: secrets.commandSecret,
    commands: {
      pause: (id) => cameras.pause(id),
      resume: (id) => cameras.resume(id),
      snapshot: async (id) => (await cameras.frame(id, SNAPSHOT))?.jpeg,
    },
    audit,
    deviceHealth: () => statusesOf(health.report()),
    trust: clockGuard,
    clock,
    monotonic,
    timers,
    log,
  });
  const cameras: Cameras<RecogniserStats> = new Cameras({
    cameras: config.cameras,
    passwords: secrets.cameraPasswords,
    addon,
    vision,
    createConsumer: (camera, cameraProblem) =>
      new Recogniser({
        config: camera,
        cameraProblem,
        ownerOf: (name) => appKeys.ownerOf(name),
        vision,
        gallery,
        events,
        scale,
        otherModels,
        falseAccepts,
        defaultLivenessThreshold: livenessThreshold,
        trust: clockGuard,
        strangers: config.privacy.unknownFacesHours > 0 ? unknownFaces : undefined,
        encodeCrop,
        clock,
        timers,
        log,
      }),
    clock,
    timers,
    log,
  });
  const privacy = new PrivacySwitch({ store, cameras, audit, log });

  const metrics = createMetrics({
    build: { version, node: process.version, opencv: addon.info().opencv },
    models: () => ({ modelVersion: vision.modelVersion, models: vision.providers }),
    vision: () => vision.stats(),
    cameras: () => cameras.reports(),
    events: () => events.stats(),
    gallery: () => gallery.stats(),
  });
  const device = createDeviceApi({
    config,
    cameras,
    events,
    privacy,
    unknownFaces,
    audit,
    auditLog: audit,
    signingKey: () => events.publicKey,
    health: () => health.liveness(),
    adminKeys,
    gallery,
    vision,
    ownerOf: (name) => appKeys.ownerOf(name),
    scale,
    otherModels,
    ...(livenessThreshold === undefined ? {} : { livenessThreshold }),
    observer: metrics,
    clock,
    timers,
    log,
  });
  const api = new ApiServer({
    config,
    vision,
    gallery,
    appKeys,
    scale,
    otherModels,
    device,
    ...(set.liveness === undefined ? {} : { livenessThresholds: set.liveness.thresholds }),
    extraRoutes: [
      { path: '/healthz', handler: async () => healthPage(health.liveness()) },
      { path: '/readyz', handler: async () => healthPage(health.readiness()) },
      {
        path: '/metrics',
        handler: async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.text() }),
      },
    ],
    observer: metrics,
    log,
  });
  const exported = { action: 'gallery.exported', actor: 'cli' } as const;
  const accepted = { action: 'clock.accepted', actor: 'cli', subject: {} } as const;
  const admin = new AdminSocket({
    path: paths.adminSocket,
    routes: {
      'GET /gallery': () =>
        audited(audit, { ...exported, subject: { ...gallery.stats() } }, () => exportGallery(store, clock)),
      'GET /groups': () => answerLater(readStoredGroups(store)),
      'GET /audit': () => encodeAuditLines(readAuditLog(store)),
      'GET /unknown-faces': () => answerWith(unknownFaces.stats()),
      'POST /clock': () => answerAfter(audit.append(accepted).then(() => clockGuard.accept())),
      'POST /master-key': () => answerAfter(masterKey.rotate()),
      ...Object.fromEntries(
        config.cameras.map(({ id, livenessThreshold: own }) => [
          `GET ${livenessPath(id)}`,
          () => {
            if (!set.liveness) throw new AppError('MODEL_MISSING', `the model set ${set.name} has no liveness model`);
            return livenessLines(cameras, id, own ?? livenessThreshold ?? 0, timers);
          },
        ]),
      ),
    },
    log,
  });

  const notifier = new SdNotifier({ socketPath: environment.notifySocket, addon, log });
  const status = (): string => {
    const reports = cameras.reports();
    return statusText({
      cameras: reports.length,
      camerasRunning: reports.filter(({ camera }) => camera.status === 'running').length,
      recognitions: reports.reduce((sum, { recognition }) => sum + recognition.matches, 0),
      health: health.report(),
    });
  };
  const watchdog = new Watchdog({
    notifier,
    watchdogUsec: environment.watchdogUsec,
    heartbeats: heartbeatsOf({
      vision: () => vision.lanes(),
      store: () => store.stats(),
      cameras: config.cameras.map(({ id, maxFps, freezeMs }, index) => ({
        id,
        pauseMs: freezeMs + 1_000 / maxFps,
        stats: () => {
          const { status: state, fault, frames, analysed, refused, errors } = cameras.reports()[index].camera;
          return { isAnalysing: state === 'running' && fault === undefined, frames, done: analysed + refused + errors };
        },
      })),
      clock: monotonic,
    }),
    status,
    clock: monotonic,
    timers,
    log,
  });
  const parts: Part[] = [
    ...[store, audit, masterKey, serviceEntries, clockGuard, gallery, unknownFaces],
    ...[vision, events, privacy, cameras, api, admin],
  ];
  const lifecycle: Lifecycle = new Lifecycle({
    parts,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    clock,
    timers,
    log,
    onStarting: (name) => notifier.status(`starting ${name}`),
  });
  health.add({ name: 'store', required: true, health: () => store.health() });
  health.add({ name: 'gallery', required: true, health: () => gallery.health() });
  health.add({ name: 'vision', required: true, health: () => vision.health() });
  health.add({ name: 'audit', required: false, health: () => audit.health() });
  health.add({ name: 'clock', required: false, health: () => clockGuard.health() });
  health.add({ name: 'events', required: false, health: () => events.health() });
  health.add({ name: 'privacy', required: false, health: () => privacy.health() });
  health.add({ name: 'unknown-faces', required: false, health: () => unknownFaces.health() });
  health.add({ name: 'api', required: false, health: () => api.health() });
  config.cameras.forEach(({ id }, index) => {
    health.add({ name: `camera:${id}`, required: false, health: () => cameras.reports()[index].health });
  });

  return {
    async start() {
      watchdog.starting();
      try {
        await lifecycle.start();
        await cameras.firstAttempts(FIRST_ATTEMPTS_MS);
      } catch (error) {
        watchdog.stop();
        throw error;
      }
      if (lifecycle.state !== 'running') return;
      notifier.ready(status());
      watchdog.running();
    },
    async stop() {
      watchdog.stop();
      notifier.stopping();
      await lifecycle.stop();
    },
    get url() {
      const { address, family, port } = api.address;
      return `${api.scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    },
    get brokerUrl() {
      return events.brokerUrl;
    },
    firstAppKeyFile: paths.firstAppKeyFile,
    modelsFallback: configured.fallback,
  };
}

function scalesOf({ calibration: { points } }: EmbedderModel): ModelScales {
  return { scale: new SimilarityScale(points), falseAccepts: new FalseAcceptCurve(points) };
}

interface Secrets {
  master: Awaited<ReturnType<typeof openMasterKey>>;
  /** Of a rotation whose end nobody saw. */
  nextMasterKey: Buffer | undefined;
  signing: Awaited<ReturnType<typeof openSigningKey>>;
  mqttPassword: string | undefined;
  webhookSecret: string | undefined;
  commandSecret: string | undefined;
  /** By the camera's id. */
  cameraPasswords: Map<string, string>;
}

/** A first start makes the master key and the signing key. */
async function readSecrets(config: Config, environment: Environment, log: Log): Promise<Secrets> {
  const { keysDir, mqtt, webhook } = config;
  const master = await openMasterKey({ environment, keysDir, dataDir: dataPaths(config).databaseDir });
  if (master.created) log.info({ keysDir }, 'first start: a master key was made; keep a copy of it in a safe place');
  const signing = await openSigningKey({ environment, keysDir });
  if (signing.created) log.info({ keysDir }, 'first start: a key was made that signs the events');
  return {
    master,
    nextMasterKey: master.origin === 'file' ? await readNextMasterKey(keysDir) : undefined,
    signing,
    mqttPassword: await readMqttPassword(mqtt, environment),
    webhookSecret: webhook?.secretFile && (await readPasswordFile(webhook.secretFile, 'webhook.secretFile')),
    commandSecret: mqtt.commands && (await readCommandSecret(mqtt.commands.secretFile)),
    cameraPasswords: await readCameraPasswords(config),
  };
}

/** An answer without content, when it is done. */
async function* answerAfter(work: Promise<void>): AsyncGenerator<Uint8Array> {
  await work;
  yield new Uint8Array(0);
}

async function* answerLater(value: Promise<object>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(await value));
}

async function* answerWith(value: object): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(value));
}

async function readCameraPasswords(config: Config): Promise<Map<string, string>> {
  const passwords = new Map<string, string>();
  for (const [index, { id, source }] of config.cameras.entries()) {
    if (source.type !== 'url' || source.passwordFile === undefined) continue;
    passwords.set(id, await readPasswordFile(source.passwordFile, `cameras[${index}].source.passwordFile`));
  }
  return passwords;
}

/** The status of each part, without the words: they are for those who may ask /healthz. */
function statusesOf({ status, parts }: HealthReport): DeviceHealth {
  const statuses = Object.entries(parts).map(([name, part]) => [name, part.status] as const);
  return { status, parts: Object.fromEntries(statuses) };
}

function healthPage({ status, body }: HealthAnswer): Awaited<ReturnType<ExtraRoute['handler']>> {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body, null, 2)}\n` };
}
