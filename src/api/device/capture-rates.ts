// Frame rates of the camera sources, computed from the frame counters at two requests.
import type { Clock } from '../../domain/time.js';

/** Minimum interval between two measurements of a camera's rate. */
const MIN_INTERVAL_MS = 1_000;

interface Measurement {
  frames: number;
  atMs: number;
  perSecond?: number;
}

export class CaptureRates {
  readonly #clock: Clock;
  /** Last measurement by camera id. */
  readonly #measurements = new Map<string, Measurement>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Returns frames per second since the last measurement; undefined at the first one. Within MIN_INTERVAL_MS it repeats the last result.
   * @param cameraId id of a configured camera
   * @param frames frames that the camera has read so far
   */
  perSecond(cameraId: string, frames: number): number | undefined {
    const nowMs = this.#clock();
    const last = this.#measurements.get(cameraId);
    const elapsedMs = last === undefined ? 0 : nowMs - last.atMs;
    // After a smaller frame count or an earlier time the measurement starts over.
    if (last === undefined || elapsedMs < 0 || frames < last.frames) {
      this.#measurements.set(cameraId, { frames, atMs: nowMs });
      return undefined;
    }
    if (elapsedMs < MIN_INTERVAL_MS) return last.perSecond;
    const perSecond = ((frames - last.frames) * 1_000) / elapsedMs;
    this.#measurements.set(cameraId, { frames, atMs: nowMs, perSecond });
    return perSecond;
  }
}
