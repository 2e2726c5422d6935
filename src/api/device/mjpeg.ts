// One live view: JPEG frames as a multipart stream, with a description before each frame where that is wanted. The next frame is encoded only when the viewer has received the one before.
import { Readable } from 'node:stream';
import type { FrameJpeg } from '../../camera/camera-control.js';
import type { Clock, Timers } from '../../domain/time.js';

const BOUNDARY = 'lintel-frame';
/** Media type of the stream, without its boundary. */
export const MJPEG_MEDIUM = 'multipart/x-mixed-replace';
export const MJPEG_TYPE = `${MJPEG_MEDIUM}; boundary=${BOUNDARY}`;
/** Media type of a stream with descriptions, without its boundary. */
export const DESCRIBED_MEDIUM = 'multipart/mixed';
export const DESCRIBED_TYPE = `${DESCRIBED_MEDIUM}; boundary=${BOUNDARY}`;

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
  /** Returns a JSON text that is sent as a part of its own before each frame; without it, no such part is sent. */
  describe?: (() => string) | undefined;
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
    const { first, next, describe, isOver, intervalMs, lostMs = LOST_MS, clock } = this.#parts;
    const isFirst = this.#frameNumber === 0;
    if (!isFirst) await this.#pause(this.#sentAtMs + intervalMs - clock());
    while (!this.#ending && !isOver()) {
      const frame = isFirst ? first : await next(this.#frameNumber);
      // The reason to end the view may have come while the frame was encoded: then the frame is not shown.
      if (isOver()) return undefined;
      if (frame) {
        this.#frameNumber = frame.frameNumber;
        this.#newFrameAtMs = clock();
        // Viewers that share a frame ask for the next one at the same time, and share it as well.
        this.#sentAtMs = Math.min(clock(), frame.encodedAtMs ?? Infinity);
        return encodeParts(frame, describe?.(), isFirst);
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

/** Encodes a frame, and its description before it. The boundary follows each part: browsers show a picture at its end. */
function encodeParts({ jpeg, capturedAtMs }: FrameJpeg, description: string | undefined, isFirst: boolean): Buffer {
  const end = `\r\n--${BOUNDARY}\r\n`;
  const text = description === undefined ? '' : encodeText(description) + end;
  const head =
    `${isFirst ? `--${BOUNDARY}\r\n` : ''}${text}Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n` +
    `X-Captured-At: ${new Date(capturedAtMs).toISOString()}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), jpeg, Buffer.from(end)]);
}

function encodeText(json: string): string {
  return `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
}
