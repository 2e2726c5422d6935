// The operation of the service: health, metrics, and the notices to systemd.
import type { ApiServer } from '../api/core/server.js';
import type { Events } from '../events/events.js';
import { describeFleetHealth } from '../fleet/fleet-health.js';
import type { FleetAdmin } from '../fleet/fleet.types.js';
import type { HealthRegistry } from '../ops/health.js';
import { DoctorProcess } from '../ops/doctor-process.js';
import { createHeartbeats } from '../ops/heartbeats.js';
import { MemoryTrimmer } from '../ops/memory-trimmer.js';
import { createMetrics, type AnsweredRequest, type Metrics } from '../ops/metrics.js';
import { RequestTally } from '../ops/request-tally.js';
import { formatStatus } from '../ops/status-line.js';
import { Vitals } from '../ops/vitals.js';
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
  /** Undefined: the service is in no fleet. */
  fleet?: Pick<FleetAdmin, 'status'> | undefined;
}

/** The API is made after the metrics, which it serves. */
export type MetricsInputs = Pick<HealthInputs, 'storage' | 'vision' | 'events' | 'cameras' | 'fleet'> & {
  api: () => ApiServer;
  vitals: Vitals;
  requests: RequestTally;
};

export interface Supervision {
  notifier: SdNotifier;
  watchdog: Watchdog;
  /** Reads the line that `systemctl status` shows. */
  status: () => string;
}

export function createServiceMetrics(
  { version, addon, droppedLogLines, clock }: ServiceBase,
  { storage, vision, events, cameras, fleet, api, vitals, requests }: MetricsInputs,
): Metrics {
  const metrics = createMetrics({
    build: { version, node: process.version, opencv: addon.info().opencv },
    models: () => ({ modelVersion: vision.modelVersion, models: vision.providers }),
    vision: () => vision.stats(),
    cameras: () => cameras.reports(),
    events: () => events.stats(),
    gallery: () => storage.gallery.stats(),
    http: () => api().stats(),
    fleet: () => fleet && { ...fleet.status(), atMs: clock() },
    vitals: () => vitals.signs(),
    droppedLogLines,
  });
  return {
    ...metrics,
    observeRequest: (request: AnsweredRequest) => {
      requests.add(request.seconds);
      metrics.observeRequest(request);
    },
  };
}

/** Makes the part that returns freed memory to the kernel. */
export function createMemoryTrimmer({ addon, timers }: ServiceBase, workers: WorkerPool): MemoryTrimmer {
  return new MemoryTrimmer({ addon, workers, readResident: () => process.memoryUsage.rss(), timers });
}

/** Makes the vital signs, and the tally of requests whose history they keep. */
export function createVitals(
  { config, monotonic, timers }: ServiceBase,
  cameras: RecognisingCameras,
): { vitals: Vitals; requests: RequestTally } {
  const requests = new RequestTally();
  const vitals = new Vitals({
    dataDir: config.dataDir,
    requests: {
      requestsPerSecond: { kind: 'rate', read: () => requests.count },
      requestMs: { kind: 'ratio', read: () => requests.totalMs, per: () => requests.count },
    },
    cameras: config.cameras.map(({ id }) => {
      const read = (): ReturnType<RecognisingCameras['report']> => cameras.report(id);
      return {
        id,
        measures: {
          analysedFps: { kind: 'rate', read: () => read().camera.analysed },
          delayMs: { kind: 'max', read: () => read().camera.delayMs },
          analysisMs: { kind: 'ratio', read: () => read().camera.analysisMs, per: () => read().camera.analysed },
          matchMs: { kind: 'ratio', read: () => read().recognition.matchMs, per: () => read().recognition.matches },
        },
      };
    }),
    clock: monotonic,
    timers,
  });
  return { vitals, requests };
}

/** Makes the doctor, which examines the service from a process of its own. */
export function createDoctor(
  { config, configFile, environment, version, clock, monotonic, timers, log }: ServiceBase,
  api: () => ApiServer,
): DoctorProcess {
  const { masterKey, mqttPassword, credentialsDir, modelsDir } = environment;
  return new DoctorProcess({
    file: new URL('../cli/doctor/service-main.js', import.meta.url),
    order: () => ({
      config,
      ...(configFile !== undefined && { configFile }),
      port: api().address.port,
      environment: {
        ...(masterKey !== undefined && { masterKey }),
        ...(mqttPassword !== undefined && { mqttPassword }),
        ...(credentialsDir !== undefined && { credentialsDir }),
        ...(modelsDir !== undefined && { modelsDir }),
      },
    }),
    ...{ version, clock, monotonic, timers, log },
  });
}

/** Registers every part whose health is reported. A required part is one that the service cannot work without. */
export function addHealthSources(health: HealthRegistry, { config }: ServiceBase, inputs: HealthInputs): void {
  const { storage, vision, events, cameras, privacy, api, fleet } = inputs;
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
  if (fleet) health.add({ name: 'fleet', required: false, health: () => describeFleetHealth(fleet.status()) });
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
