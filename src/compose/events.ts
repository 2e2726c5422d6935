// The events of the service: log, broker, webhook, and the commands that come in over MQTT.
import type { CameraControl } from '../camera/camera-control.js';
import type { CommandTarget } from '../events/commander.js';
import type { DeviceHealth } from '../events/device-status.js';
import { Events } from '../events/events.js';
import type { HealthRegistry, HealthReport } from '../ops/health.js';
import type { ServiceBase } from './base.js';
import type { Secrets } from './secrets.js';
import type { Storage } from './storage.js';

/** Picture that answers the command `snapshot`. */
const SNAPSHOT = { boxes: false, quality: 85, maxWidthPx: 1_280, after: 0 };

type ControlledCameras = Pick<CameraControl, 'pause' | 'resume' | 'frame'>;

export interface EventsInputs {
  secrets: Secrets;
  storage: Pick<Storage, 'store' | 'audit' | 'clockGuard'>;
  health: HealthRegistry;
  /** The cameras, for commands; called only while the service runs, because they are constructed after the events. */
  cameras: () => ControlledCameras;
}

export function createEvents(base: ServiceBase, { secrets, storage, health, cameras }: EventsInputs): Events {
  const { config, version, clock, monotonic, timers, log } = base;
  return new Events({
    config,
    store: storage.store,
    signingKey: secrets.signingKey,
    ...secrets.events,
    cameras: config.cameras.map(({ id }) => id),
    softwareVersion: version,
    fleet: config.fleet !== undefined && config.fleet.events !== 'none',
    commands: createCommandTarget(cameras),
    audit: storage.audit,
    deviceHealth: () => withoutDetails(health.report()),
    trust: storage.clockGuard,
    clock,
    monotonic,
    timers,
    log,
  });
}

function createCommandTarget(cameras: () => ControlledCameras): CommandTarget {
  return {
    pause: (id) => cameras().pause(id),
    resume: (id) => cameras().resume(id),
    snapshot: async (id) => (await cameras().frame(id, SNAPSHOT))?.jpeg,
  };
}

/** Keeps the status of each part and the stale copies, and leaves out the details: those are only for readers of /healthz. */
function withoutDetails({ status, parts }: HealthReport): DeviceHealth {
  const statuses = Object.entries(parts).map(([name, part]) => [name, part.status] as const);
  const stale = parts.fleet?.facts?.staleGroups;
  return {
    status,
    parts: Object.fromEntries(statuses),
    ...(Array.isArray(stale) && { staleGroups: stale as readonly string[] }),
  };
}
