// The pace of one camera: the time from one analysed frame to the next, from the configuration and from the frames so far.
import { findShortestIntervalMs, type CameraConfig } from '../config/camera-schema.js';

/** Number of intervals that are remembered: a camera that becomes slower is known after two frames, one that becomes faster after seven. */
const REMEMBERED = 8;
/** With fewer intervals than this the longest one counts as well: it may be the pace. */
const ENOUGH = 3;
/**
 * Longest interval that is followed, where `readTimeoutMs` is not longer: that of the smallest `maxFps`, and as much again. A longer one is
 * an interruption, and no pace.
 */
const LONGEST_INTERVAL_MS = 20_000;

/** Call `observe` once for each analysed frame. Whatever waits for a number of frames takes its time from here. */
export class FramePace {
  readonly #shortestMs: number;
  readonly #longestMs: number;
  /** Newest last. */
  #intervalsMs: number[] = [];

  constructor(config: Pick<CameraConfig, 'maxFps' | 'source' | 'readTimeoutMs'>) {
    this.#shortestMs = findShortestIntervalMs(config);
    this.#longestMs = Math.max(LONGEST_INTERVAL_MS, config.readTimeoutMs);
  }

  /** Takes a frame. @param elapsedMs time since the frame before it; 0 (the first frame, or a clock that was set back) is not counted */
  observe(elapsedMs: number): void {
    if (!(elapsedMs > 0)) return;
    this.#intervalsMs.push(Math.min(elapsedMs, this.#longestMs));
    if (this.#intervalsMs.length > REMEMBERED) this.#intervalsMs.shift();
  }

  /** True when two frames have shown how fast they come. */
  get isKnown(): boolean {
    return this.#intervalsMs.length > 0;
  }

  /**
   * Time in which the next frame is expected: the longest interval of the last frames but one, so that jitter is covered and a single
   * interruption is not. Never shorter than the configuration allows.
   */
  get intervalMs(): number {
    const sorted = this.#intervalsMs.toSorted((a, b) => b - a);
    return Math.max(this.#shortestMs, sorted[sorted.length < ENOUGH ? 0 : 1] ?? 0);
  }

  /** Frames per second over the last frames, without the longest interval; undefined before there were enough of them. */
  get perSecond(): number | undefined {
    if (this.#intervalsMs.length < REMEMBERED) return undefined;
    const totalMs = this.#intervalsMs.reduce((sum, one) => sum + one, 0) - Math.max(...this.#intervalsMs);
    return ((REMEMBERED - 1) * 1_000) / totalMs;
  }

  /** Returns the time that a number of frames takes, and at least another time. */
  spanMs(frames: number, leastMs: number): number {
    return Math.max(leastMs, frames * this.intervalMs);
  }
}
