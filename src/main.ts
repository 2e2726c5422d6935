// The one file that constructs the parts of the service and connects them.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppKeys } from './api/app-keys.js';
import { ApiServer, type ExtraRoute } from './api/server.js';
import type { Environment } from './config/environment.js';
import { dataPaths, readVersion, type DataPaths } from './config/paths.js';
import { readNextMasterKey } from './config/master-key-rotation.js';
import type { Config } from './config/schema.js';
import { openMasterKey, readMqttPassword, readPasswordFile } from './config/secrets.js';
import type { Log } from './domain/log.js';
import type { Part } from './domain/part.js';
import { SimilarityScale } from './domain/similarity.js';
import { systemTimers } from './domain/time.js';
import { Events } from './events/events.js';
import { exportGallery } from './gallery/backup-records.js';
import { LevelGallery } from './gallery/leveldb-gallery.js';
import { loadManifest, modelSet, modelsDirOf } from './models/manifest.js';
import { loadAddon } from './native/addon.js';
import { AdminSocket } from './ops/admin-socket.js';
import { HealthRegistry, type HealthAnswer } from './ops/health.js';
import { Lifecycle } from './ops/lifecycle.js';
import { MasterKeyKeeper } from './ops/master-key.js';
import { createMetrics } from './ops/metrics.js';
import { SdNotifier } from './ops/sd-notify.js';
import { Cameras } from './recognition/cameras.js';
import { SealedStore } from './store/sealed-store.js';
import { WorkerPool } from './vision/worker-pool.js';

const STOP_TIMEOUT_MS = 5_000;
const DEFAULT_KEY_NAME = 'default';

export interface ServiceInputs {
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
}

/** Reads the secrets (a first start makes them), constructs every part and starts none. */
export async function createService({ config, environment, log }: ServiceInputs): Promise<Service> {
  const clock = Date.now;
  const paths = dataPaths(config);
  const modelsDir = modelsDirOf(config, environment);
  const set = modelSet(loadManifest(), config.models.set);
  const scale = new SimilarityScale(set.embedder.calibration.points);
  const addon = loadAddon();

  const { dataDir, keysDir } = config;
  const master = await openMasterKey({ environment, keysDir, dataDir: paths.databaseDir });
  if (master.created) log.info({ keysDir }, 'first start: a master key was made; keep a copy of it in a safe place');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const appKeys = new AppKeys({ path: paths.appKeysFile, clock, log });
  await ensureAppKey(appKeys, paths, log);
  const mqttPassword = await readMqttPassword(config.mqtt, environment);
  const cameraPasswords = await readCameraPasswords(config);

  const nextMasterKey = master.origin === 'file' ? await readNextMasterKey(keysDir) : undefined;
  const store = new SealedStore({
    directory: paths.databaseDir,
    masterKey: master.key,
    ...(nextMasterKey === undefined ? {} : { nextMasterKey }),
    log,
  });
  const masterKey = new MasterKeyKeeper({ store, keysDir, origin: master.origin, log });
  const gallery = new LevelGallery({ store, limits: config.gallery, clock, log });
  const vision = new WorkerPool({ set, modelsDir, ...config.vision, providers: config.models.providers, log });
  const events = new Events({
    config: config.mqtt,
    deviceId: config.deviceId,
    store,
    clock,
    log,
    ...(mqttPassword === undefined ? {} : { password: mqttPassword }),
  });
  const cameras = new Cameras({
    cameras: config.cameras,
    passwords: cameraPasswords,
    ownerOf: (name) => appKeys.ownerOf(name),
    addon,
    vision,
    gallery,
    events,
    scale,
    clock,
    timers: systemTimers,
    log,
  });

  const health = new HealthRegistry({ isStarted: () => lifecycle.state === 'running' });
  const metrics = createMetrics({
    build: { version: readVersion(), node: process.version, opencv: addon.info().opencv },
    models: () => ({ modelVersion: vision.modelVersion, models: vision.providers }),
    vision: () => vision.stats(),
    cameras: () =>
      cameras.reports().map(({ id, camera }) => ({
        id,
        status: camera.status,
        frames: camera.frames,
        dropped: camera.dropped,
        analysedFps: camera.fps,
      })),
    events: () => events.stats(),
    gallery: () => gallery.stats(),
  });
  const api = new ApiServer({
    config,
    vision,
    gallery,
    appKeys,
    scale,
    log,
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
  });

  const notifier = new SdNotifier({ socketPath: environment.notifySocket, addon, log });
  const admin = new AdminSocket({
    path: paths.adminSocket,
    routes: {
      'GET /gallery': () => exportGallery(store, clock),
      'POST /master-key': () => answerAfter(masterKey.rotate()),
    },
    log,
  });
  const parts: Part[] = [store, masterKey, gallery, vision, events, cameras, api, admin];
  const lifecycle: Lifecycle = new Lifecycle({
    parts,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    clock,
    timers: systemTimers,
    log,
    onStarting: (name) => notifier.status(`starting ${name}`),
  });
  health.add({ name: 'store', required: true, health: () => store.health() });
  health.add({ name: 'gallery', required: true, health: () => gallery.health() });
  health.add({ name: 'vision', required: true, health: () => vision.health() });
  health.add({ name: 'events', required: false, health: () => events.health() });
  health.add({ name: 'api', required: false, health: () => api.health() });
  config.cameras.forEach(({ id }, index) => {
    health.add({ name: `camera:${id}`, required: false, health: () => cameras.reports()[index].health });
  });

  return {
    async start() {
      await lifecycle.start();
      notifier.ready(`serving, ${config.cameras.length} cameras`);
    },
    async stop() {
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
  };
}

/**
 * A service without any appKey could not be used: the first start makes one and leaves it and its secretKey, readable by their
 * owner, beside the keys.
 */
async function ensureAppKey(
  appKeys: AppKeys,
  { firstAppKeyFile, firstSecretKeyFile }: DataPaths,
  log: Log,
): Promise<void> {
  appKeys.load();
  if (appKeys.list().length > 0) return;
  const { key, secretKey } = await appKeys.create(DEFAULT_KEY_NAME);
  await mkdir(dirname(firstAppKeyFile), { recursive: true, mode: 0o700 });
  await writeFile(firstAppKeyFile, `${key}\n`, { mode: 0o600 });
  await writeFile(firstSecretKeyFile, `${secretKey}\n`, { mode: 0o600 });
  log.info(
    { file: firstAppKeyFile, secretKeyFile: firstSecretKeyFile, name: DEFAULT_KEY_NAME },
    'first start: an appKey and its secretKey were made',
  );
}

/** An answer without content, when it is done. */
async function* answerAfter(work: Promise<void>): AsyncGenerator<Uint8Array> {
  await work;
  yield new Uint8Array(0);
}

async function readCameraPasswords(config: Config): Promise<Map<string, string>> {
  const passwords = new Map<string, string>();
  for (const [index, { id, source }] of config.cameras.entries()) {
    if (source.type !== 'url' || source.passwordFile === undefined) continue;
    passwords.set(id, await readPasswordFile(source.passwordFile, `cameras[${index}].source.passwordFile`));
  }
  return passwords;
}

function healthPage({ status, body }: HealthAnswer): Awaited<ReturnType<ExtraRoute['handler']>> {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body, null, 2)}\n` };
}
