// How fast the sources deliver, from the frame counters between one look and the next.
import type { Clock } from '../../domain/time.js';

/** Looks that follow sooner get the rate of before. */
const SHORTEST_MS = 1_000;

interface Sample {
  frames: number;
  atMs: number;
  perSecond?: number;
}

export class CaptureRates {
  readonly #clock: Clock;
  /** By the camera's id. */
  readonly #samples = new Map<string, Sample>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param frames read so far, of a camera that exists @returns undefined at the first look */
  perSecond(cameraId: string, frames: number): number | undefined {
    const nowMs = this.#clock();
    const before = this.#samples.get(cameraId);
    const elapsedMs = before === undefined ? 0 : nowMs - before.atMs;
    // Fewer frames or an earlier time than before: begun anew.
    if (before === undefined || elapsedMs < 0 || frames < before.frames) {
      this.#samples.set(cameraId, { frames, atMs: nowMs });
      return undefined;
    }
    if (elapsedMs < SHORTEST_MS) return before.perSecond;
    const perSecond = ((frames - before.frames) * 1_000) / elapsedMs;
    this.#samples.set(cameraId, { frames, atMs: nowMs, perSecond });
    return perSecond;
  }
}
