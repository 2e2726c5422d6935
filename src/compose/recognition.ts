// The cameras, with the privacy switch that closes them.
import { randomInt } from 'node:crypto';
import { Cameras } from '../camera/cameras.js';
import type { Events } from '../events/events.js';
import type { CopyTrust } from '../gallery/copy-trust.js';
import { PrivacySwitch } from '../privacy/privacy-switch.js';
import type { RecogniserStats } from '../recognition/recogniser-stats.js';
import { Recogniser, type RecogniserParts } from '../recognition/recogniser.js';
import { createCropEncoder } from '../vision/crop-jpeg.js';
import type { WorkerPool } from '../vision/worker-pool.js';
import type { ServiceBase } from './base.js';
import type { ServiceModels } from './models.js';
import type { Secrets } from './secrets.js';
import type { Storage } from './storage.js';

export interface CamerasInputs {
  secrets: Secrets;
  models: ServiceModels;
  storage: Pick<Storage, 'clockGuard' | 'gallery' | 'keys' | 'unknownFaces'>;
  vision: WorkerPool;
  events: Events;
  /** Tells which groups are copies that are too old to grant anybody. */
  copyTrust: CopyTrust;
}

/** The cameras, each with a recogniser that turns its frames into events. */
export type RecognisingCameras = Cameras<RecogniserStats>;

export function createCameras(base: ServiceBase, inputs: CamerasInputs): RecognisingCameras {
  const { config, addon, clock, timers, log } = base;
  const { secrets, vision } = inputs;
  return new Cameras({
    cameras: config.cameras,
    passwords: secrets.cameraPasswords,
    addon,
    vision,
    createConsumer: (camera, cameraProblem) => createRecogniser(base, inputs, { config: camera, cameraProblem }),
    clock,
    timers,
    log,
  });
}

function createRecogniser(
  { config, addon, clock, monotonic, timers, log }: ServiceBase,
  { models, storage, vision, events, copyTrust }: CamerasInputs,
  camera: Pick<RecogniserParts, 'config' | 'cameraProblem'>,
): Recogniser {
  const { clockGuard, gallery, keys, unknownFaces } = storage;
  return new Recogniser({
    ...camera,
    findOwner: (name) => keys.appKeys.findId(name),
    vision: vision.forCamera(camera.config.id),
    gallery,
    successors: gallery.successors,
    copyTrust,
    events,
    challenges: events,
    chooseSide: () => (randomInt(2) === 0 ? 'left' : 'right'),
    scales: models.scales,
    otherModels: models.otherModels,
    livenessThresholds: models.livenessThresholds,
    trust: clockGuard,
    unknownFaces: config.privacy.unknownFacesHours > 0 ? unknownFaces : undefined,
    encodeCrop: createCropEncoder(addon),
    clock,
    monotonic,
    timers,
    log,
  });
}

export function createPrivacySwitch(
  { log }: ServiceBase,
  cameras: RecognisingCameras,
  storage: Storage,
): PrivacySwitch {
  const { store, audit } = storage;
  return new PrivacySwitch({ store, cameras, audit, log });
}
