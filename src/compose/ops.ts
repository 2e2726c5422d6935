// The operation of the service: health, metrics, and the notices to systemd.
import type { ApiServer } from '../api/core/server.js';
import type { Events } from '../events/events.js';
import type { HealthRegistry } from '../ops/health.js';
import { createHeartbeats } from '../ops/heartbeats.js';
import { createMetrics, type Metrics } from '../ops/metrics.js';
import { formatStatus } from '../ops/status-line.js';
import { Watchdog } from '../ops/watchdog.js';
import { SdNotifier } from '../platform/sd-notify.js';
import type { PrivacySwitch } from '../privacy/privacy-switch.js';
import type { RecognisingCameras } from './recognition.js';
import type { WorkerPool } from '../vision/worker-pool.js';
import type { ServiceBase } from './base.js';
import type { Storage } from './storage.js';

export interface HealthInputs {
  storage: Storage;
  vision: WorkerPool;
  events: Events;
  cameras: RecognisingCameras;
  privacy: PrivacySwitch;
  api: ApiServer;
}

/** The API is made after the metrics, which it serves. */
export type MetricsInputs = Pick<HealthInputs, 'storage' | 'vision' | 'events' | 'cameras'> & { api: () => ApiServer };

export interface Supervision {
  notifier: SdNotifier;
  watchdog: Watchdog;
  /** Reads the line that `systemctl status` shows. */
  status: () => string;
}

export function createServiceMetrics(
  { version, addon, droppedLogLines }: ServiceBase,
  { storage, vision, events, cameras, api }: MetricsInputs,
): Metrics {
  return createMetrics({
    build: { version, node: process.version, opencv: addon.info().opencv },
    models: () => ({ modelVersion: vision.modelVersion, models: vision.providers }),
    vision: () => vision.stats(),
    cameras: () => cameras.reports(),
    events: () => events.stats(),
    gallery: () => storage.gallery.stats(),
    http: () => api().stats(),
    droppedLogLines,
  });
}

/** Registers every part whose health is reported. A required part is one that the service cannot work without. */
export function addHealthSources(health: HealthRegistry, { config }: ServiceBase, inputs: HealthInputs): void {
  const { storage, vision, events, cameras, privacy, api } = inputs;
  const { store, gallery, audit, keys, check, clockGuard, unknownFaces } = storage;
  health.add({ name: 'store', required: true, health: () => store.health() });
  health.add({ name: 'gallery', required: true, health: () => gallery.health() });
  health.add({ name: 'vision', required: true, health: () => vision.health() });
  health.add({ name: 'audit', required: false, health: () => audit.health() });
  health.add({ name: 'store-check', required: false, health: () => check.health() });
  health.add({ name: 'keys', required: false, health: () => keys.health() });
  health.add({ name: 'clock', required: false, health: () => clockGuard.health() });
  health.add({ name: 'events', required: false, health: () => events.health() });
  health.add({ name: 'privacy', required: false, health: () => privacy.health() });
  health.add({ name: 'unknown-faces', required: false, health: () => unknownFaces.health() });
  health.add({ name: 'api', required: false, health: () => api.health() });
  for (const { id } of config.cameras) {
    health.add({ name: `camera:${id}`, required: false, health: () => cameras.report(id).health });
  }
}

/** Builds the notices to systemd and the watchdog, which is fed while workers, disk and cameras make progress. */
export function createSupervision(
  base: ServiceBase,
  {
    storage,
    vision,
    cameras,
    health,
  }: Pick<HealthInputs, 'storage' | 'vision' | 'cameras'> & { health: HealthRegistry },
): Supervision {
  const { config, environment, addon, monotonic, timers, log } = base;
  const notifier = new SdNotifier({ socketPath: environment.notifySocket, addon, log });
  const status = (): string => {
    const reports = cameras.reports();
    return formatStatus({
      cameras: reports.length,
      camerasRunning: reports.filter(({ camera }) => camera.status === 'running').length,
      recognitions: reports.reduce((sum, { recognition }) => sum + recognition.matches, 0),
      health: health.report(),
    });
  };
  const heartbeats = createHeartbeats({
    vision: () => vision.listWorkers(),
    store: () => storage.store.stats(),
    cameras: config.cameras.map(({ id, maxFps, freezeMs }) => ({
      id,
      pauseMs: freezeMs + 1_000 / maxFps,
      stats: () => {
        const { status: state, fault, frames, analysed, refused, errors } = cameras.report(id).camera;
        return { isAnalysing: state === 'running' && fault === undefined, frames, done: analysed + refused + errors };
      },
    })),
    clock: monotonic,
  });
  const { watchdogUsec } = environment;
  const watchdog = new Watchdog({ notifier, watchdogUsec, heartbeats, status, clock: monotonic, timers, log });
  return { notifier, watchdog, status };
}
