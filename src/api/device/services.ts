// Parts of the service that the routes of the device API use, as narrow interfaces.
import type { AuditLog } from '../../audit/audit-log.js';
import type { CameraControl } from '../../camera/camera-control.js';
import type { AuditEntry, AuditSink } from '../../domain/audit.js';
import type { Log } from '../../domain/log.js';
import type { Clock } from '../../domain/time.js';
import type { Enrolments } from '../../enrolment/enrolments.js';
import type { EnrolmentPolicy } from '../../domain/enrolment-policy.js';
import type { SimilarityScales } from '../../domain/similarity-scales.js';
import type { Gallery } from '../../gallery/gallery.types.js';
import type { GalleryPeople } from '../../gallery/gallery-people.js';
import type { EventReader } from '../../events/event.js';
import type { EventFeed } from '../../events/history.js';
import type { RegisteredKey } from '../../keys/key-registry.js';
import type { SigningKeyInfo } from '../../events/signing.js';
import type { HealthAnswer } from '../../ops/health.js';
import type { PrivacyChange } from '../../privacy/privacy-switch.js';
import type { UnknownFaces } from '../../privacy/unknown-faces.js';
import type { CaptureRates } from './capture-rates.js';
import type { Feeds } from './feeds.js';
import type { LiveViews } from './live-views.js';
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
export interface GroupsGallery extends Pick<Gallery, 'group' | 'listGroups' | 'listFaces'> {
  readonly people: Pick<GalleryPeople, 'count' | 'list' | 'summary' | 'closest' | 'delete' | 'rename' | 'move'>;
}

/** Figures of the whole service. Counts are since its start. */
export interface Figures {
  uptimeSeconds: number;
  /** Resident memory of the process. */
  memoryBytes: number;
  gallery: { groups: number; faces: number };
  /** `pending`: not published in the history yet. */
  events: { stored: number; pending: number; published: number; dropped: number };
  vision: { workers: number; busy: number; queued: number; completed: number };
}

export interface ListedKeys {
  app: readonly RegisteredKey[];
  admin: readonly RegisteredKey[];
}

export interface DeviceServices {
  cameras: CameraControl;
  rates: CaptureRates;
  views: LiveViews;
  feeds: Feeds;
  viewAudit: ViewAudit;
  enrolments: Enrolments;
  gallery: GroupsGallery;
  /** Returns the id of an appKey by its name; undefined when there is no valid one. */
  findOwner: (name: string) => string | undefined;
  /** Returns the scales of a model version; undefined where it is not installed. */
  findScales: (modelVersion: string) => SimilarityScales | undefined;
  /** Returns the enrolment policy of a group. */
  findPolicy: (groupId: string) => EnrolmentPolicy;
  events: EventReader & EventFeed;
  /** Reads the main figures of the service. */
  figures: () => Figures;
  /** Returns the configuration in force. */
  configuration: () => object;
  /** Lists the keys of both kinds, the revoked ones included. */
  listKeys: () => ListedKeys;
  privacy: PrivacyControl;
  unknownFaces: Pick<UnknownFaces, 'list' | 'get' | 'picture' | 'delete' | 'deleteAll'>;
  audit: AuditSink;
  auditLog: Pick<AuditLog, 'list'>;
  signingKey: () => SigningKeyInfo;
  health: () => HealthAnswer;
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
