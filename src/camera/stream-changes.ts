// Notices that the stream of a camera changed in the middle: counts it, and says it in plain words.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import type { CaptureState, StreamFormat } from '../native/addon.js';

/** A stream that changes again and again is logged at most once in this time. */
const LOG_INTERVAL_MS = 60_000;

export class StreamChanges {
  readonly #parts: { cameraId: string; clock: Clock; log: Log };
  /** Format of the newest picture, over all captures. */
  #format: StreamFormat | undefined;
  /** Changes of the captures that are closed, and changes from one capture to the next. */
  #before = 0;
  /** Changes of the open capture that were noticed. */
  #seen = 0;
  #loggedAtMs: number | undefined;
  /** Changes since the last log line. */
  #unlogged = 0;

  constructor(parts: { cameraId: string; clock: Clock; log: Log }) {
    this.#parts = parts;
  }

  /** Number of changes since the start. */
  get count(): number {
    return this.#before + this.#seen;
  }

  get format(): StreamFormat | undefined {
    return this.#format;
  }

  /** Takes the state of the open capture after each change of it. */
  observe({ format, streamChanges }: CaptureState): void {
    if (format === undefined) return;
    const previous = this.#format;
    this.#format = format;
    const changes = Math.max(0, streamChanges - this.#seen);
    // A camera may come back with other settings.
    const isOther = changes === 0 && previous !== undefined && describeChange(previous, format) !== undefined;
    this.#seen = streamChanges;
    if (isOther) this.#before++;
    if (previous !== undefined && (changes > 0 || isOther)) this.#tell(previous, format, Math.max(1, changes));
  }

  /** Must be called when the capture is closed: the next one counts from 0. */
  closed(): void {
    this.#before += this.#seen;
    this.#seen = 0;
  }

  #tell(previous: StreamFormat, format: StreamFormat, changes: number): void {
    const { cameraId, clock, log } = this.#parts;
    this.#unlogged += changes;
    const nowMs = clock();
    if (this.#loggedAtMs !== undefined && nowMs - this.#loggedAtMs < LOG_INTERVAL_MS) return;
    this.#loggedAtMs = nowMs;
    const change = describeChange(previous, format) ?? 'and changed back';
    log.warn({ cameraId, changes: this.#unlogged }, `the stream changed ${change}`);
    this.#unlogged = 0;
  }
}

/** Describes how one format differs from another, such as "from 1280 x 720 to 640 x 360"; undefined where it does not. */
export function describeChange(from: StreamFormat, to: StreamFormat): string | undefined {
  const differences = (['size', 'codec', 'pixelFormat', 'range', 'rotation'] as const).flatMap((aspect) => {
    const [before, after] = [describe(from, aspect), describe(to, aspect)];
    return before === after ? [] : [`from ${before} to ${after}`];
  });
  return differences.length === 0 ? undefined : differences.join(', ');
}

function describe(
  { widthPx, heightPx, codec, pixelFormat, isFullRange, rotate, isMirrored }: StreamFormat,
  aspect: 'size' | 'codec' | 'pixelFormat' | 'range' | 'rotation',
): string {
  switch (aspect) {
    case 'size':
      return `${widthPx} x ${heightPx}`;
    case 'codec':
      return codec || 'an unknown codec';
    case 'pixelFormat':
      return pixelFormat || 'an unknown pixel format';
    case 'range':
      return isFullRange ? 'full range' : 'limited range';
    case 'rotation':
      return `a rotation of ${rotate} degrees${isMirrored ? ', mirrored' : ''}`;
  }
}
