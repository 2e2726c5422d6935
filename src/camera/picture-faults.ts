// Detects faults that show in a camera's pictures, and decides when each is declared and when it is over.
import type { PictureState } from '../native/addon.js';

/** Gravest first. The names are stable. */
export const PICTURE_FAULTS = ['frozen', 'covered', 'clock-drift', 'wrong-resolution', 'blurred'] as const;

export type PictureFault = (typeof PICTURE_FAULTS)[number];

/** Faults whose pictures do not show who stands before the camera now. */
const UNTRUSTED: ReadonlySet<PictureFault> = new Set(['frozen', 'covered', 'clock-drift']);

/**
 * The pictures of a sensor that froze behind an encoder differ a little. They count as frozen after this time, and a new connection is
 * tried at this interval only: it might be a quiet scene after all, from a camera that smooths all noise away.
 */
const STILL_MS = 8_000;
const STILL_REOPEN_MS = 60_000;
/** Limits of a flat picture of any grey, and of one that is nearly black; in grey levels. */
const FLAT_DEVIATION = 4;
const DARK_MEAN = 20;
const DARK_DEVIATION = 8;
/** A frame that is later than the earliest one by more than this comes from a queue that grows. */
const MAX_DELAY_MS = 1_500;
/** A decision may still rest on a late frame for this time after its arrival, and at a slow camera for longer: see `decisionMs`. */
const LATE_MS = 1_000;
/**
 * Window in which the earliest frame is looked for; two windows count. Two clocks whose rates differ by 100 ppm drift apart by
 * 60 ms in two windows, and by eight seconds in a day.
 */
const BASELINE_MS = 300_000;
/** Number of time stamps within one or two windows that do not increase, from which they count as a fault. */
const MIN_TIMESTAMP_FAULTS = 5;
const TIMESTAMP_WINDOW_MS = 4_000;
/** A window has this number of frames at least: a slow source has fewer in 4 s, and could not show enough faults. */
const TIMESTAMP_WINDOW_FRAMES = 5;
/** Time over which the time stamps of a living source go on by at least half as much. */
const ALIVE_WINDOW_MS = 1_000;
/** A declared fault is over when the measure is better than its limit by this factor, so that it does not begin and end again and again. */
const SLACK = 1.25;

/** Time that a fault must last before it is declared, and must be gone before it is over. */
const PATIENCE_MS: Record<PictureFault, { onset: number; clear: number }> = {
  // The onset is freezeMs itself. A stream that was opened again counts as live only when its pictures change.
  frozen: { onset: 0, clear: 2_000 },
  covered: { onset: 3_000, clear: 2_000 },
  'clock-drift': { onset: 1_000, clear: 5_000 },
  'wrong-resolution': { onset: 1_000, clear: 1_000 },
  blurred: { onset: 5_000, clear: 3_000 },
};

export interface PictureFaultOptions {
  /** The same picture for this time counts as frozen, and one that only an encoder changes for 8 s; 0: never. */
  freezeMs: number;
  /** Sharpness below which a picture is blurred; 0: never. */
  minSharpness: number;
  /** Expected size; 0: any. */
  expectWidthPx: number;
  expectHeightPx: number;
  /** Returns the time that the frames of one decision are spread over, at present. Default: 0. */
  decisionMs?: () => number;
}

export interface FaultChange {
  fault: PictureFault;
  begins: boolean;
}

/** Call `observe` for each new frame. The only clock is the arrival of the frames. */
export class PictureFaults {
  readonly #options: PictureFaultOptions;
  readonly #declared = new Set<PictureFault>();
  /** Time since which the pictures contradict what is declared, by fault. */
  readonly #differentSinceMs = new Map<PictureFault, number>();
  #picture: PictureState | undefined;
  /** Minimum of arrival minus time stamp, in this window and in the one before. */
  #leastLagMs: [number, number] = [Infinity, Infinity];
  #lagWindowMs = 0;
  #delayMs = 0;
  #lateUntilMs = 0;
  /** Number of faulty time stamps before this window, and before the previous one. */
  #faultsBefore: [number, number] = [0, 0];
  #faultWindowMs = 0;
  #faultWindowFrames = 0;
  /** Arrival and time stamp from which the progress of the time stamps is measured. */
  #anchor: { arrivedMs: number; timestampMs: number } | undefined;
  /** Arrival of the last picture at which the time stamps had gone on. */
  #aliveAtMs = -Infinity;

  constructor(options: PictureFaultOptions) {
    this.#options = options;
  }

  /** The gravest declared fault. */
  get current(): PictureFault | undefined {
    return PICTURE_FAULTS.find((fault) => this.#declared.has(fault));
  }

  /** True when no decision may rest on pictures with the gravest fault. */
  get isGrave(): boolean {
    const { current } = this;
    return current !== undefined && UNTRUSTED.has(current);
  }

  /** The fault for which no decision may rest on the pictures now. One late frame is not a fault, but it shows who stood there some time ago. */
  get untrusted(): PictureFault | undefined {
    if (this.isGrave) return this.current;
    return (this.#picture?.arrivedMs ?? Infinity) < this.#lateUntilMs ? 'clock-drift' : undefined;
  }

  /**
   * True while the source's own time stamps go on: it delivers new pictures, even where they show the same. A camera before a quiet scene,
   * without noise, gives identical pictures for minutes.
   */
  get isAlive(): boolean {
    return (this.#picture?.arrivedMs ?? Infinity) - this.#aliveAtMs < Math.max(this.#options.freezeMs, ALIVE_WINDOW_MS);
  }

  /** True when only a new connection may help; a new connection gets time to show its pictures first. */
  get needsReopening(): boolean {
    const picture = this.#picture;
    if (picture === undefined) return false;
    if (this.#declared.has('frozen')) {
      return picture.unchangedMs >= this.#options.freezeMs || picture.stillMs >= STILL_REOPEN_MS;
    }
    return this.#declared.has('clock-drift') && this.#shows('clock-drift', picture);
  }

  /** Delay of the frames against the earliest ones of the last minutes, by their time stamps. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** Takes the measures of a new frame. @returns the faults that begin or end with it */
  observe(picture: PictureState): FaultChange[] {
    const previous = this.#picture;
    if (previous?.arrivedMs === picture.arrivedMs) return [];
    this.#picture = picture;
    this.#watchTimestamps(picture, previous);
    return PICTURE_FAULTS.flatMap((fault) => this.#judge(fault, this.#shows(fault, picture), picture.arrivedMs));
  }

  /** Call it when another capture follows, whose time stamps start again. Declared faults stay until its frames show otherwise. */
  reopened(): void {
    this.#picture = undefined;
    this.#anchor = undefined;
    this.#aliveAtMs = -Infinity;
    this.#differentSinceMs.clear();
    this.#delayMs = 0;
  }

  /** Forgets everything. @returns the faults that end with it */
  clear(): FaultChange[] {
    this.reopened();
    const ended = [...this.#declared].map((fault) => ({ fault, begins: false }));
    this.#declared.clear();
    return ended;
  }

  /** Describes a fault in words for the operator. */
  describe(fault: PictureFault): string {
    const { expectWidthPx, expectHeightPx } = this.#options;
    switch (fault) {
      case 'frozen':
        return 'the picture is frozen';
      case 'covered':
        return 'the lens is covered, or the picture is black or blank';
      case 'clock-drift':
        return 'the frames arrive ever later than their time stamps say, or the time stamps do not move on';
      case 'wrong-resolution': {
        const { rawWidthPx = 0, rawHeightPx = 0 } = this.#picture ?? {};
        const expected = `${expectWidthPx || 'any'} x ${expectHeightPx || 'any'}`;
        return `the picture has ${rawWidthPx} x ${rawHeightPx} pixels, and ${expected} are expected`;
      }
      case 'blurred':
        return 'the picture is blurred: the lens is dirty or out of focus';
    }
  }

  #shows(fault: PictureFault, picture: PictureState): boolean {
    const { freezeMs, minSharpness, expectWidthPx, expectHeightPx } = this.#options;
    const { mean, deviation, sharpness, unchangedMs, stillMs, rawWidthPx, rawHeightPx, clock } = picture;
    const isDeclared = this.#declared.has(fault);
    const slack = isDeclared ? SLACK : 1;
    switch (fault) {
      case 'frozen': {
        if (freezeMs === 0 || this.isAlive) return false;
        const sameMs = isDeclared ? Math.min(1_000, freezeMs / 2) : freezeMs;
        // A covered lens is not declared as frozen as well.
        const isStill =
          stillMs >= (isDeclared ? sameMs : Math.max(STILL_MS, freezeMs)) && !this.#shows('covered', picture);
        return unchangedMs >= sameMs || isStill;
      }
      case 'covered':
        return deviation < FLAT_DEVIATION * slack || (mean < DARK_MEAN * slack && deviation < DARK_DEVIATION * slack);
      case 'clock-drift':
        return clock === 'live' && (this.#delayMs * slack > MAX_DELAY_MS || this.#hasTimestampFaults(picture));
      case 'wrong-resolution':
        return (
          (expectWidthPx > 0 && rawWidthPx !== expectWidthPx) || (expectHeightPx > 0 && rawHeightPx !== expectHeightPx)
        );
      case 'blurred':
        // A covered lens is not declared as blurred as well.
        return sharpness < minSharpness * slack && deviation >= FLAT_DEVIATION;
    }
  }

  #judge(fault: PictureFault, shows: boolean, nowMs: number): FaultChange[] {
    if (shows === this.#declared.has(fault)) {
      this.#differentSinceMs.delete(fault);
      return [];
    }
    const sinceMs = this.#differentSinceMs.get(fault) ?? nowMs;
    this.#differentSinceMs.set(fault, sinceMs);
    if (nowMs - sinceMs < PATIENCE_MS[fault][shows ? 'onset' : 'clear']) return [];
    this.#differentSinceMs.delete(fault);
    if (shows) this.#declared.add(fault);
    else this.#declared.delete(fault);
    return [{ fault, begins: shows }];
  }

  #watchTimestamps(picture: PictureState, previous: PictureState | undefined): void {
    const { arrivedMs, timestampMs, timestampFaults } = picture;
    if (previous === undefined) {
      this.#faultsBefore = [timestampFaults, timestampFaults];
      this.#faultWindowMs = arrivedMs;
      this.#faultWindowFrames = 0;
    } else if (
      ++this.#faultWindowFrames >= TIMESTAMP_WINDOW_FRAMES &&
      arrivedMs - this.#faultWindowMs >= TIMESTAMP_WINDOW_MS
    ) {
      this.#faultsBefore = [previous.timestampFaults, this.#faultsBefore[0]];
      this.#faultWindowMs = arrivedMs;
      this.#faultWindowFrames = 0;
    }
    if (timestampMs === undefined) return;
    this.#watchProgress(picture, timestampMs);
    const lagMs = arrivedMs - timestampMs;
    // Time stamps that were set back have another origin now.
    if (previous?.timestampMs === undefined || timestampFaults > previous.timestampFaults) {
      this.#leastLagMs = [lagMs, Infinity];
      this.#lagWindowMs = arrivedMs;
    } else if (arrivedMs - this.#lagWindowMs >= BASELINE_MS) {
      this.#leastLagMs = [lagMs, this.#leastLagMs[0]];
      this.#lagWindowMs = arrivedMs;
    }
    this.#leastLagMs[0] = Math.min(this.#leastLagMs[0], lagMs);
    this.#delayMs = lagMs - Math.min(...this.#leastLagMs);
    if (picture.clock === 'live' && this.#delayMs > MAX_DELAY_MS)
      this.#lateUntilMs = arrivedMs + Math.max(LATE_MS, this.#options.decisionMs?.() ?? 0);
  }

  #watchProgress({ clock, arrivedMs }: PictureState, timestampMs: number): void {
    if (clock === 'none') return;
    this.#anchor ??= { arrivedMs, timestampMs };
    const elapsedMs = arrivedMs - this.#anchor.arrivedMs;
    const progressMs = timestampMs - this.#anchor.timestampMs;
    if (progressMs >= elapsedMs / 2 && progressMs > 0) this.#aliveAtMs = arrivedMs;
    if (elapsedMs >= ALIVE_WINDOW_MS || progressMs < 0) this.#anchor = { arrivedMs, timestampMs };
  }

  #hasTimestampFaults({ timestampFaults }: PictureState): boolean {
    return timestampFaults - this.#faultsBefore[1] >= MIN_TIMESTAMP_FAULTS;
  }
}
