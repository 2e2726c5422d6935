// Audit of single pictures: requests of one actor in quick succession are recorded as one view.
import type { AuditSink } from '../../domain/audit.js';
import type { Clock } from '../../domain/time.js';

/** Time without a picture after which the next one is a new view. */
export const VIEW_GAP_MS = 60_000;
const MAX_REMEMBERED = 1_000;

export class ViewAudit {
  readonly #parts: { audit: AuditSink; clock: Clock };
  /** Time of the last picture by camera and actor, oldest first. */
  readonly #lastMs = new Map<string, number>();

  constructor(parts: { audit: AuditSink; clock: Clock }) {
    this.#parts = parts;
  }

  /** Records a picture that is about to be shown. @throws AppError STORE_UNAVAILABLE: it must not be shown */
  async recordPicture(cameraId: string, actor: string): Promise<void> {
    const view = `${cameraId} ${actor}`;
    const nowMs = this.#parts.clock();
    const lastMs = this.#lastMs.get(view);
    if (lastMs === undefined || Math.abs(nowMs - lastMs) >= VIEW_GAP_MS) {
      await this.#parts.audit.append({ action: 'camera.viewed', actor, subject: { cameraId, live: false } });
    }
    this.#lastMs.delete(view);
    this.#lastMs.set(view, nowMs);
    if (this.#lastMs.size > MAX_REMEMBERED) this.#lastMs.delete(this.#lastMs.keys().next().value ?? view);
  }
}
