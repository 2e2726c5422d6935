// Assembly of the device API from the parts of the service: everything below /device/v1.
import { readVersion } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { Timers } from '../../domain/time.js';
import { Enrolments, type EnrolmentsParts } from '../../enrolment/enrolments.js';
import { PictureEnrolments, type PictureEnrolmentsParts } from '../../enrolment/picture-enrolments.js';
import { AttemptLimit } from '../core/attempt-limit.js';
import { HttpApi, type Endpoint, type RequestObserver } from '../core/http-api.js';
import { OpenStreams } from '../core/open-streams.js';
import type { RequestLimits } from '../core/request-limits.js';
import type { MountedApi } from '../core/server.js';
import { Access, type Caller } from './access.js';
import { CaptureRates } from './capture-rates.js';
import { Feeds } from './feeds.js';
import { LiveViews } from './live-views.js';
import { createDeviceDocument, DOCUMENT_PATH } from './openapi.js';
import { DEVICE_BASE, type DeviceReply, type DeviceRoute } from './route.js';
import { DEVICE_ROUTES } from './routes.js';
import { recordDone, type DeviceServices, type GroupsGallery } from './services.js';
import { createStatusEncoder } from './status-encoder.js';
import { SignInAudit } from './sign-in-audit.js';
import { ViewAudit } from './view-audit.js';

/** Longest body of a request that is no picture. */
const MAX_BODY_BYTES = 16_384;

/** Services that the API makes itself. */
type MadeHere =
  | 'rates'
  | 'views'
  | 'feeds'
  | 'viewAudit'
  | 'signInAudit'
  | 'access'
  | 'enrolments'
  | 'pictureEnrolments'
  | 'info'
  | 'takesProposals'
  | 'findScales';

export interface DeviceParts
  extends
    Omit<DeviceServices, MadeHere | 'gallery'>,
    Pick<EnrolmentsParts, 'scales' | 'otherModels' | 'livenessThresholds'> {
  gallery: GroupsGallery & EnrolmentsParts['gallery'];
  config: Pick<Config, 'deviceId' | 'cameras' | 'console' | 'fleet'> & { http: Pick<Config['http'], 'maxImageBytes'> };
  vision: EnrolmentsParts['vision'] & PictureEnrolmentsParts['vision'];
  requestLimits: RequestLimits;
  timers: Timers;
  observer?: RequestObserver | undefined;
}

export interface DeviceApi extends MountedApi {
  /** Parts of the service that the routes use. */
  readonly services: DeviceServices;
}

export function createDeviceApi(parts: DeviceParts): DeviceApi {
  const { config, cameras, vision, clock, timers, audit, keys, sessions, requestLimits, log, observer } = parts;
  const services: DeviceServices = {
    ...parts,
    rates: new CaptureRates(clock),
    views: new LiveViews({ cameras, config: config.cameras, clock, timers }),
    feeds: new Feeds(timers),
    viewAudit: new ViewAudit({ audit, clock }),
    signInAudit: new SignInAudit({ record: (entry) => recordDone({ audit, log }, entry), timers }),
    access: new Access({
      adminKeys: keys.admin,
      sessions,
      attempts: new AttemptLimit(clock),
      console: config.console,
    }),
    enrolments: new Enrolments({ ...parts, config: config.cameras }),
    pictureEnrolments: new PictureEnrolments({ ...parts, config: config.cameras }),
    findScales: (modelVersion) =>
      modelVersion === vision.modelVersion ? parts.scales : parts.otherModels?.get(modelVersion)?.scales,
    takesProposals: config.fleet?.proposals ?? false,
    info: () => ({ version: readVersion(), deviceId: config.deviceId, modelVersion: vision.modelVersion }),
  };
  const streams = new OpenStreams(timers);
  const api = new HttpApi({
    endpoints: listEndpoints(DEVICE_ROUTES, services),
    encoder: createStatusEncoder(streams),
    input: { isStrict: true, maxFieldsBytes: MAX_BODY_BYTES, maxImageBytes: config.http.maxImageBytes },
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
  // A revoked key ends its sessions, and with a key or a session its streams and views end, however long they have nothing to send.
  const endings = [
    keys.admin.watch(() => {
      sessions.sweep();
      endRefused(services);
    }),
    sessions.watch(() => endRefused(services)),
  ];
  return {
    services,
    middleware: () => api.middleware(),
    close: () => {
      for (const end of endings) end();
      services.signInAudit.close();
      services.views.close();
      services.feeds.close();
      services.enrolments.close();
      streams.close();
    },
    // A request that is served while the service stops is not refused for a session that has ended.
    end: () => sessions.close(),
  };
}

const NOBODY: Caller = { actor: 'nobody', isAllowed: () => true };

function listEndpoints(routes: readonly DeviceRoute[], services: DeviceServices): Endpoint<DeviceReply>[] {
  return routes.map((route) => ({
    pattern: DEVICE_BASE + route.path,
    route,
    authenticate: (credentials) => {
      route.check?.(services, credentials);
      const caller = route.role === 'none' ? NOBODY : services.access.require(credentials, route.role);
      const id = credentials.headers['last-event-id'];
      const lastEventId = Array.isArray(id) ? id.join() : id;
      return (request) => route.handle(services, { ...request, ...caller, lastEventId, credentials });
    },
  }));
}

/** Ends the streams and views whose key or session is not valid any more. */
function endRefused({ feeds, views }: Pick<DeviceServices, 'feeds' | 'views'>): void {
  feeds.endRefused();
  views.endRefused();
}
