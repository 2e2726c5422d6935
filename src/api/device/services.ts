// Parts of the service that the routes of the device API use, as narrow interfaces.
import type { AuditLog } from '../../audit/audit-log.js';
import type { CameraControl } from '../../camera/camera-control.js';
import type { AuditEntry, AuditSink } from '../../domain/audit.js';
import type { Log } from '../../domain/log.js';
import type { Clock } from '../../domain/time.js';
import type { Enrolments } from '../../enrolment/enrolments.js';
import type { EventReader } from '../../events/event.js';
import type { SigningKeyInfo } from '../../events/signing.js';
import type { HealthAnswer } from '../../ops/health.js';
import type { PrivacyChange } from '../../privacy/privacy-switch.js';
import type { UnknownFaces } from '../../privacy/unknown-faces.js';
import type { CaptureRates } from './capture-rates.js';
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

export interface DeviceServices {
  cameras: CameraControl;
  rates: CaptureRates;
  views: LiveViews;
  viewAudit: ViewAudit;
  enrolments: Enrolments;
  events: EventReader;
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
