// Assembly of the device API from the parts of the service: everything below /device/v1.
import { readVersion } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { Timers } from '../../domain/time.js';
import { Enrolments, type EnrolmentsParts } from '../../enrolment/enrolments.js';
import type { KeyAuthority } from '../../keys/key-registry.js';
import type { Vision } from '../../vision/vision.js';
import { AttemptLimit } from '../core/attempt-limit.js';
import { HttpApi, type Endpoint, type RequestObserver } from '../core/http-api.js';
import { OpenStreams } from '../core/open-streams.js';
import type { RequestLimits } from '../core/request-limits.js';
import type { MountedApi } from '../core/server.js';
import { authenticateAdmin, isStillAdmin } from './admin-auth.js';
import { CaptureRates } from './capture-rates.js';
import { Feeds } from './feeds.js';
import { LiveViews } from './live-views.js';
import { createDeviceDocument, DOCUMENT_PATH } from './openapi.js';
import { DEVICE_BASE, type DeviceReply, type DeviceRoute } from './route.js';
import { DEVICE_ROUTES } from './routes.js';
import type { DeviceServices, GroupsGallery } from './services.js';
import { createStatusEncoder } from './status-encoder.js';
import { ViewAudit } from './view-audit.js';

/** Longest body of a request. */
const MAX_BODY_BYTES = 16_384;

export interface DeviceParts
  extends
    Omit<DeviceServices, 'rates' | 'views' | 'feeds' | 'viewAudit' | 'enrolments' | 'info' | 'gallery' | 'findScales'>,
    Pick<EnrolmentsParts, 'scales' | 'otherModels' | 'livenessThresholds'> {
  gallery: GroupsGallery & EnrolmentsParts['gallery'];
  config: Pick<Config, 'deviceId' | 'cameras'>;
  vision: Pick<Vision, 'modelVersion' | 'embedCrops'>;
  adminKeys: KeyAuthority;
  requestLimits: RequestLimits;
  timers: Timers;
  observer?: RequestObserver | undefined;
}

export interface DeviceApi extends MountedApi {
  /** Parts of the service that the routes use. */
  readonly services: DeviceServices;
}

export function createDeviceApi(parts: DeviceParts): DeviceApi {
  const { config, cameras, vision, clock, timers, audit, adminKeys, requestLimits, log, observer } = parts;
  const services: DeviceServices = {
    ...parts,
    rates: new CaptureRates(clock),
    views: new LiveViews({ cameras, config: config.cameras, clock, timers }),
    feeds: new Feeds(timers),
    viewAudit: new ViewAudit({ audit, clock }),
    enrolments: new Enrolments({ ...parts, config: config.cameras }),
    findScales: (modelVersion) =>
      modelVersion === vision.modelVersion ? parts.scales : parts.otherModels?.get(modelVersion)?.scales,
    info: () => ({ version: readVersion(), deviceId: config.deviceId, modelVersion: vision.modelVersion }),
  };
  const streams = new OpenStreams(timers);
  const api = new HttpApi({
    endpoints: listEndpoints(DEVICE_ROUTES, services, adminKeys),
    encoder: createStatusEncoder(streams),
    input: { isStrict: true, maxFieldsBytes: MAX_BODY_BYTES, maxImageBytes: 0 },
    ownedPath: DEVICE_BASE,
    document: {
      pattern: DEVICE_BASE + DOCUMENT_PATH,
      make: () => createDeviceDocument(DEVICE_ROUTES, readVersion()),
    },
    maxDiscardedBytes: MAX_BODY_BYTES,
    limits: requestLimits,
    log,
    observer,
  });
  return {
    services,
    middleware: () => api.middleware(),
    close: () => {
      services.views.close();
      services.feeds.close();
      services.enrolments.close();
      streams.close();
    },
  };
}

function listEndpoints(
  routes: readonly DeviceRoute[],
  services: DeviceServices,
  adminKeys: KeyAuthority,
): Endpoint<DeviceReply>[] {
  const attempts = new AttemptLimit(services.clock);
  return routes.map((route) => ({
    pattern: DEVICE_BASE + route.path,
    route,
    authenticate: (credentials) => {
      const actor = route.open ? 'nobody' : `admin:${authenticateAdmin(credentials, adminKeys, attempts)}`;
      const isAllowed = (): boolean => isStillAdmin(credentials.headers, adminKeys);
      const lastEventId = credentials.headers['last-event-id'];
      const caller = { actor, isAllowed, lastEventId: Array.isArray(lastEventId) ? lastEventId.join() : lastEventId };
      return (request) => route.handle(services, { ...request, ...caller });
    },
  }));
}
