// One live view: JPEG frames as a multipart stream that makes its next frame only when the viewer has taken the one before.
import { Readable } from 'node:stream';
import type { FrameJpeg } from '../../camera/camera-control.js';
import type { Clock, Timers } from '../../domain/time.js';

const BOUNDARY = 'lintel-frame';
export const MJPEG_TYPE = `multipart/x-mixed-replace; boundary=${BOUNDARY}`;

/** Without a new frame for so long the view ends. */
export const LOST_MS = 10_000;
/** A viewer who takes nothing for so long gives their place up. */
export const STALLED_MS = 30_000;
/** Between two looks for a frame. */
const POLL_MS = 100;

export interface MjpegParts {
  first: FrameJpeg;
  /** @returns undefined where there is no frame that is newer */
  next: (after: number) => Promise<FrameJpeg | undefined>;
  /** Whether the view is to end whatever frames there are. */
  isOver: () => boolean;
  /** Between two frames, at least. */
  intervalMs: number;
  clock: Clock;
  timers: Timers;
}

/** Of whatever a slow viewer misses nothing is kept: the next frame is the newest one at the time it is wanted. */
export class MjpegStream extends Readable {
  readonly #parts: MjpegParts;
  #frameNumber = 0;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #seenAtMs: number;
  #producing = false;
  #ending = false;
  #waiting: unknown;
  #wake: (() => void) | undefined;
  #stall: unknown;

  constructor(parts: MjpegParts) {
    // 0: nothing is made in advance.
    super({ highWaterMark: 0 });
    this.#parts = parts;
    this.#seenAtMs = parts.clock();
  }

  override _read(): void {
    this.#parts.timers.clearTimeout(this.#stall);
    if (this.#producing || this.#ending) return;
    this.#producing = true;
    this.#produce().then(
      (part) => {
        this.#producing = false;
        if (this.#ending) return;
        if (part === undefined) return this.finish();
        this.#stall = this.#parts.timers.setTimeout(() => this.destroy(), STALLED_MS);
        this.push(part);
      },
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Ends behind the frame that is on its way. */
  finish(): void {
    if (this.#ending || this.destroyed) return;
    this.#ending = true;
    this.#wake?.();
    this.push(null);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { timers } = this.#parts;
    this.#ending = true;
    timers.clearTimeout(this.#stall);
    this.#wake?.();
    callback(error);
  }

  /** @returns undefined when the view is over */
  async #produce(): Promise<Buffer | undefined> {
    const { first, next, isOver, intervalMs, clock } = this.#parts;
    const isFirst = this.#frameNumber === 0;
    if (!isFirst) await this.#pause(this.#sentAtMs + intervalMs - clock());
    while (!this.#ending && !isOver()) {
      const frame = isFirst ? first : await next(this.#frameNumber);
      // What was asked of the camera before it was to look away is not shown after.
      if (isOver()) return undefined;
      if (frame) {
        this.#frameNumber = frame.frameNumber;
        this.#sentAtMs = this.#seenAtMs = clock();
        return partOf(frame, isFirst);
      }
      if (clock() - this.#seenAtMs >= LOST_MS) return undefined;
      await this.#pause(POLL_MS);
    }
    return undefined;
  }

  #pause(delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#ending) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#parts.timers.clearTimeout(this.#waiting);
        this.#wake = undefined;
        resolve();
      };
      this.#waiting = this.#parts.timers.setTimeout(() => this.#wake?.(), delayMs);
    });
  }
}

/** The boundary behind a picture, not before the next one: browsers show a picture when they see its end. */
function partOf({ jpeg, capturedAtMs }: FrameJpeg, isFirst: boolean): Buffer {
  const head =
    `${isFirst ? `--${BOUNDARY}\r\n` : ''}Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n` +
    `X-Captured-At: ${new Date(capturedAtMs).toISOString()}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), jpeg, Buffer.from(`\r\n--${BOUNDARY}\r\n`)]);
}
