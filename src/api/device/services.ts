// Parts of the service that the routes of the device API use, as narrow interfaces.
import type { AuditLog } from '../../audit/audit-log.js';
import type { CameraControl } from '../../camera/camera-control.js';
import type { AuditEntry, AuditSink } from '../../domain/audit.js';
import type { DoctorReport } from '../../domain/doctor.js';
import type { Log } from '../../domain/log.js';
import type { Clock } from '../../domain/time.js';
import type { Enrolments } from '../../enrolment/enrolments.js';
import type { PictureEnrolments } from '../../enrolment/picture-enrolments.js';
import type { SuccessorEnrolment } from '../../enrolment/successor-enrolment.js';
import type { EnrolmentPolicy } from '../../domain/enrolment-policy.js';
import type { SimilarityScales } from '../../domain/similarity-scales.js';
import type { FleetAdmin } from '../../fleet/fleet.types.js';
import type { Gallery } from '../../gallery/gallery.types.js';
import type { SimilarityMeter } from '../../gallery/group-similarities.js';
import type { GalleryPeople } from '../../gallery/gallery-people.js';
import type { EventReader } from '../../events/event.js';
import type { EventFeed } from '../../events/history.js';
import type { KeyRegistry } from '../../keys/key-registry.js';
import type { Sessions } from '../../keys/sessions.js';
import type { SignInTokens } from '../../keys/sign-in-tokens.js';
import type { SigningKeyInfo } from '../../events/signing.js';
import type { HealthAnswer } from '../../ops/health.js';
import type { HistorySpan } from '../../ops/history.js';
import type { VitalHistory, VitalSigns } from '../../ops/vitals.js';
import type { PrivacyChange } from '../../privacy/privacy-switch.js';
import type { UnknownFaces } from '../../privacy/unknown-faces.js';
import type { Access } from './access.js';
import type { CaptureRates } from './capture-rates.js';
import type { Feeds } from './feeds.js';
import type { LiveViews } from './live-views.js';
import type { SignInAudit } from './sign-in-audit.js';
import type { ViewAudit } from './view-audit.js';

export interface PrivacyControl {
  readonly on: boolean;
  /** True when the state is stored, so that it survives a restart. */
  readonly stored: boolean;
  /** Resolves when all sources are closed, or may be opened again. @throws AppError STORE_UNAVAILABLE: privacy stays on */
  set(on: boolean, actor: string): Promise<PrivacyChange>;
}

export interface DeviceInfo {
  version: string;
  deviceId: string;
  /** Version of the loaded model set. */
  modelVersion: string;
}

/** The part of the gallery that the routes of groups and people use. */
export interface GroupsGallery extends Pick<
  Gallery,
  'group' | 'listGroups' | 'createGroup' | 'deleteGroup' | 'listFaces' | 'deleteFace'
> {
  readonly similarities: Pick<SimilarityMeter, 'measure'>;
  readonly people: Pick<GalleryPeople, 'count' | 'list' | 'summary' | 'closest' | 'delete' | 'rename' | 'move'>;
}

/** A group as a camera watches it. */
export interface WatchedGroupState {
  /** Name of the appKey. */
  appKey: string;
  groupId: string;
  scales: SimilarityScales;
  enrolledFaces: number;
}

/** The threshold that a camera applies to the people of a group, and the rule that it follows from. */
export interface ThresholdInForce {
  cameraId: string;
  /** 1..100 */
  threshold: number;
  /** Absent where the threshold is fixed. */
  targetFalseAcceptPerAttempt?: number;
  /** Number of shots that must agree, of `outOf`. */
  agree: number;
  outOf: number;
}

/** Figures of the whole service. Counts are since its start. */
export interface Figures extends VitalSigns {
  uptimeSeconds: number;
  /** Resident memory of the process. */
  memoryBytes: number;
  gallery: { groups: number; faces: number };
  /** `pending`: not published in the history yet. */
  events: { stored: number; pending: number; published: number; dropped: number };
  vision: { workers: number; busy: number; queued: number; completed: number };
  /** Loaded models, with the form and the execution provider that each runs in. */
  models: { task: string; precision: string; provider: string }[];
}

/** Limits of what is kept of the people before the cameras. */
export interface Retention {
  /** 0: no face of a stranger is kept. */
  unknownFacesHours: number;
  unknownFacesMax: number;
  eventsHours: number;
  eventsMax: number;
}

/** The registries of keys, by kind. */
export interface DeviceKeys {
  app: Pick<KeyRegistry, 'list' | 'find' | 'create' | 'revoke'>;
  admin: Pick<KeyRegistry, 'list' | 'find' | 'create' | 'revoke' | 'authenticate' | 'watch'>;
}

export interface DeviceServices {
  cameras: CameraControl;
  rates: CaptureRates;
  views: LiveViews;
  feeds: Feeds;
  viewAudit: ViewAudit;
  enrolments: Enrolments;
  pictureEnrolments: PictureEnrolments;
  gallery: GroupsGallery;
  /** Returns the id of an appKey by its name; undefined when there is no valid one. */
  findOwner: (name: string) => string | undefined;
  /** Enrols under the next models as well; without it no group has a successor. */
  successor?: SuccessorEnrolment | undefined;
  /** Returns the scales of a model version; undefined where it is not installed. */
  findScales: (modelVersion: string) => SimilarityScales | undefined;
  /** Lists the threshold of each camera that recognises people of a group. */
  listThresholds: (group: WatchedGroupState) => ThresholdInForce[];
  /** Returns the enrolment policy of a group. */
  findPolicy: (groupId: string) => EnrolmentPolicy;
  events: EventReader & EventFeed;
  /** Reads the main figures of the service. */
  figures: () => Figures;
  /** Makes the doctor's report, which takes some seconds. @throws AppError STOPPED, WORKER_FAILED */
  doctor: () => Promise<DoctorReport>;
  /** Reads one span of the history of rates and latency. */
  history: (span: HistorySpan) => VitalHistory;
  /** Returns the configuration in force. */
  configuration: () => object;
  retention: () => Retention;
  keys: DeviceKeys;
  sessions: Sessions;
  signInTokens: Pick<SignInTokens, 'redeem'>;
  access: Access;
  signInAudit: SignInAudit;
  privacy: PrivacyControl;
  unknownFaces: Pick<UnknownFaces, 'list' | 'get' | 'picture' | 'delete' | 'deleteAll'>;
  audit: AuditSink;
  auditLog: Pick<AuditLog, 'list' | 'find' | 'check'>;
  signingKey: () => SigningKeyInfo;
  health: () => HealthAnswer;
  /** Undefined: the device is in no fleet. */
  fleet?: FleetAdmin | undefined;
  /** Whether enrolments into a copy are handed to the authority of the fleet. */
  takesProposals: boolean;
  info: () => DeviceInfo;
  clock: Clock;
  log: Log;
}

/**
 * Records an action that is already done. When its entry cannot be written, the log reports that, and the action is not undone. An action
 * that shows or returns a picture is recorded before it happens, with `audit.append`.
 */
export async function recordDone(
  { audit, log }: Pick<DeviceServices, 'audit' | 'log'>,
  entry: AuditEntry,
): Promise<void> {
  try {
    await audit.append(entry);
  } catch (error) {
    log.error({ action: entry.action, err: error }, 'an action was done, but could not be written to the audit log');
  }
}
