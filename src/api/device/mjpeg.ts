// One live view: JPEG frames as a multipart stream. The next frame is encoded only when the viewer has received the one before.
import { Readable } from 'node:stream';
import type { FrameJpeg } from '../../camera/camera-control.js';
import type { Clock, Timers } from '../../domain/time.js';

const BOUNDARY = 'lintel-frame';
/** Media type of the stream, without its boundary. */
export const MJPEG_MEDIUM = 'multipart/x-mixed-replace';
export const MJPEG_TYPE = `${MJPEG_MEDIUM}; boundary=${BOUNDARY}`;

/** Time without a new frame after which the view ends, where the camera may not take longer for one. */
export const LOST_MS = 10_000;
/** Time without data received by the viewer after which the view is closed, to make room for others. */
export const STALLED_MS = 30_000;
/** Interval between two requests for a new frame. */
const POLL_MS = 100;

export interface MjpegParts {
  first: FrameJpeg;
  /** Returns a frame with a higher number than `after`; undefined when there is none. */
  next: (after: number) => Promise<FrameJpeg | undefined>;
  /** Tells whether the view must end even if there are more frames. */
  isOver: () => boolean;
  /** Minimum interval between two frames. */
  intervalMs: number;
  /** Time without a new frame after which the view ends. Default: LOST_MS. */
  lostMs?: number | undefined;
  clock: Clock;
  timers: Timers;
}

/** Stream of one view. Frames that a slow viewer misses are not kept: the next frame that it receives is the newest one. */
export class MjpegStream extends Readable {
  readonly #parts: MjpegParts;
  #frameNumber = 0;
  /** Time at which the last frame was handed over. */
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** Time of the last new frame; before the first one, the time at which the view started. */
  #newFrameAtMs: number;
  #producing = false;
  #ending = false;
  #pauseTimer: unknown;
  #endPause: (() => void) | undefined;
  #stallTimer: unknown;

  constructor(parts: MjpegParts) {
    // highWaterMark 0: no frame is encoded in advance.
    super({ highWaterMark: 0 });
    this.#parts = parts;
    this.#newFrameAtMs = parts.clock();
  }

  override _read(): void {
    this.#parts.timers.clearTimeout(this.#stallTimer);
    if (this.#producing || this.#ending) return;
    this.#producing = true;
    this.#produce().then(
      (part) => {
        this.#producing = false;
        if (this.#ending) return;
        if (part === undefined) return this.finish();
        this.#stallTimer = this.#parts.timers.setTimeout(() => this.destroy(), STALLED_MS);
        this.push(part);
      },
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Ends the view after the frame that is being sent. */
  finish(): void {
    if (this.#ending || this.destroyed) return;
    this.#ending = true;
    this.#endPause?.();
    this.push(null);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { timers } = this.#parts;
    this.#ending = true;
    timers.clearTimeout(this.#stallTimer);
    this.#endPause?.();
    callback(error);
  }

  /** Waits for the next frame. @returns its part of the stream; undefined when the view is over */
  async #produce(): Promise<Buffer | undefined> {
    const { first, next, isOver, intervalMs, lostMs = LOST_MS, clock } = this.#parts;
    const isFirst = this.#frameNumber === 0;
    if (!isFirst) await this.#pause(this.#sentAtMs + intervalMs - clock());
    while (!this.#ending && !isOver()) {
      const frame = isFirst ? first : await next(this.#frameNumber);
      // The reason to end the view may have come while the frame was encoded: then the frame is not shown.
      if (isOver()) return undefined;
      if (frame) {
        this.#frameNumber = frame.frameNumber;
        this.#sentAtMs = this.#newFrameAtMs = clock();
        return encodePart(frame, isFirst);
      }
      if (clock() - this.#newFrameAtMs >= lostMs) return undefined;
      await this.#pause(POLL_MS);
    }
    return undefined;
  }

  #pause(delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#ending) return Promise.resolve();
    return new Promise((resolve) => {
      this.#endPause = () => {
        this.#parts.timers.clearTimeout(this.#pauseTimer);
        this.#endPause = undefined;
        resolve();
      };
      this.#pauseTimer = this.#parts.timers.setTimeout(() => this.#endPause?.(), delayMs);
    });
  }
}

/** Encodes one part. The boundary follows the picture, instead of preceding the next one: browsers show a picture at its end. */
function encodePart({ jpeg, capturedAtMs }: FrameJpeg, isFirst: boolean): Buffer {
  const head =
    `${isFirst ? `--${BOUNDARY}\r\n` : ''}Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n` +
    `X-Captured-At: ${new Date(capturedAtMs).toISOString()}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), jpeg, Buffer.from(`\r\n--${BOUNDARY}\r\n`)]);
}
