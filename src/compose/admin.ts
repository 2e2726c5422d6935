// The admin socket, through which the command line reaches the running service.
import { encodeAuditLines } from '../audit/audit-lines.js';
import { readAuditLog } from '../audit/audit-space.js';
import { auditFirst } from '../audit/audited.js';
import { AppError } from '../errors.js';
import type { Events } from '../events/events.js';
import { createSetAsideRoutes } from '../events/set-aside-requests.js';
import { createFleetRoutes } from '../fleet/fleet-requests.js';
import type { FleetAdmin } from '../fleet/fleet.types.js';
import { exportGallery } from '../gallery/backup-records.js';
import { readStoredGroups, reportRecords } from '../gallery/stored-groups.js';
import { createKeyRoutes } from '../keys/key-requests.js';
import { createTokenRoutes } from '../keys/sign-in-tokens.js';
import { AdminSocket, type AdminRoute } from '../platform/admin-socket.js';
import type { RecognisingCameras } from './recognition.js';
import { streamLivenessLines, makeLivenessPath } from '../recognition/liveness-lines.js';
import { pickLivenessThreshold } from '../recognition/liveness-mode.js';
import type { ServiceBase } from './base.js';
import type { ServiceModels } from './models.js';
import type { SignIn } from './sign-in.js';
import type { Storage } from './storage.js';

const EXPORTED = { action: 'gallery.exported', actor: 'cli' } as const;
const CLOCK_ACCEPTED = { action: 'clock.accepted', actor: 'cli', subject: {} } as const;

export interface AdminInputs {
  models: ServiceModels;
  storage: Storage;
  events: Events;
  cameras: RecognisingCameras;
  signIn: SignIn;
  /** Absent where the device stands alone. */
  fleet?: FleetAdmin | undefined;
}

export function createAdminSocket(base: ServiceBase, inputs: AdminInputs): AdminSocket {
  const { paths, clock, log } = base;
  const { store, audit, gallery, unknownFaces, clockGuard, masterKey, keys } = inputs.storage;
  return new AdminSocket({
    path: paths.adminSocket,
    routes: {
      'GET /gallery': () =>
        auditFirst(audit, { ...EXPORTED, subject: { ...gallery.stats() } }, () =>
          exportGallery(store, clock, () => keys.appKeys.encode()),
        ),
      'GET /records': () => encodeJson(() => reportRecords(store)),
      'GET /groups': () => encodeJson(() => readStoredGroups(store)),
      'GET /audit': () => encodeAuditLines(readAuditLog(store)),
      'GET /unknown-faces': () => encodeJson(async () => unknownFaces.stats()),
      'POST /clock': () => runOnly(() => audit.append(CLOCK_ACCEPTED).then(() => clockGuard.accept())),
      'POST /master-key': () => runOnly(() => masterKey.rotate()),
      ...createKeyRoutes(keys),
      ...createTokenRoutes(inputs.signIn.signInTokens),
      ...createSetAsideRoutes(inputs.events),
      ...createFleetRoutes(inputs.fleet),
      ...createLivenessRoutes(base, inputs),
    },
    log,
  });
}

/** Creates one route per camera, on which `lintel doctor --liveness` follows the scores. */
function createLivenessRoutes(
  { config, timers }: ServiceBase,
  { models, cameras }: AdminInputs,
): Record<string, AdminRoute> {
  const { set, livenessThresholds } = models;
  const routes = config.cameras.map((camera): [string, AdminRoute] => [
    `GET ${makeLivenessPath(camera.id)}`,
    () => {
      if (!set.liveness) throw new AppError('MODEL_MISSING', `the model set ${set.name} has no liveness model`);
      const threshold = pickLivenessThreshold(camera, livenessThresholds) ?? 0;
      return streamLivenessLines(cameras, camera, threshold, timers);
    },
  ]);
  return Object.fromEntries(routes);
}

async function* encodeJson(read: () => Promise<object>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(await read()));
}

/** Does the work, then answers without content. */
async function* runOnly(work: () => Promise<void>): AsyncGenerator<Uint8Array> {
  await work();
  yield new Uint8Array(0);
}
