// Audit of looks: requests of one actor for the same thing in quick succession are recorded as one view.
import type { AuditEntry, AuditSink } from '../../domain/audit.js';
import type { Clock } from '../../domain/time.js';
import type { GroupRef } from '../../gallery/gallery.types.js';

/** Time without a look after which the next one is a new view. */
export const VIEW_GAP_MS = 60_000;
const MAX_REMEMBERED = 1_000;

export class ViewAudit {
  readonly #parts: { audit: AuditSink; clock: Clock };
  /** Time of the last look by actor, action and subject, oldest first. */
  readonly #lastMs = new Map<string, number>();

  constructor(parts: { audit: AuditSink; clock: Clock }) {
    this.#parts = parts;
  }

  /** Records a picture that is about to be shown. @throws AppError STORE_UNAVAILABLE: it must not be shown */
  async recordPicture(cameraId: string, actor: string): Promise<void> {
    await this.#record({ action: 'camera.viewed', actor, subject: { cameraId, live: false } });
  }

  /** Records that the faces of a group are about to be compared. @throws AppError STORE_UNAVAILABLE: it must not be shown */
  async recordMeasurement({ owner, groupId }: GroupRef, actor: string): Promise<void> {
    await this.#record({ action: 'group.measured', actor, subject: { owner, groupId } });
  }

  async #record(entry: AuditEntry): Promise<void> {
    const view = JSON.stringify(entry);
    const nowMs = this.#parts.clock();
    const lastMs = this.#lastMs.get(view);
    if (lastMs === undefined || Math.abs(nowMs - lastMs) >= VIEW_GAP_MS) {
      await this.#parts.audit.append(entry);
    }
    this.#lastMs.delete(view);
    this.#lastMs.set(view, nowMs);
    if (this.#lastMs.size > MAX_REMEMBERED) this.#lastMs.delete(this.#lastMs.keys().next().value ?? view);
  }
}
