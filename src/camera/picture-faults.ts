// Faults that show in a camera's pictures: what they are, when they are declared, and when they are over.
import type { PictureState } from '../native/addon.js';

/** Gravest first. The names are stable. */
export const PICTURE_FAULTS = ['frozen', 'covered', 'clock-drift', 'wrong-resolution', 'blurred'] as const;

export type PictureFault = (typeof PICTURE_FAULTS)[number];

/** Of these pictures nobody can be told to stand before the door now. */
const UNTRUSTED: ReadonlySet<PictureFault> = new Set(['frozen', 'covered', 'clock-drift']);

/**
 * A sensor that froze behind an encoder: its pictures differ a little, so they must do so for longer before they count as frozen, and a
 * new connection is tried once in so long only: it might be a quiet scene after all, as a camera shows it that smooths all noise away.
 */
const STILL_MS = 8_000;
const STILL_REOPEN_MS = 60_000;
/** A flat picture of any grey, or one that is nearly black; in grey levels. */
const FLAT_DEVIATION = 4;
const DARK_MEAN = 20;
const DARK_DEVIATION = 8;
/** Frames that come later than this, against the earliest, are from a queue that grows. */
const MOST_DELAY_MS = 1_500;
/** A decision may still be based on a late frame for so long. */
const LATE_MS = 1_000;
/**
 * The earliest is looked for within so long, twice over: crystals that differ by 100 millionths drift by 60 ms in it, and would by
 * eight seconds in a day.
 */
const BASELINE_MS = 300_000;
/** So many time stamps within one or two windows that do not move on are no accident. */
const MOST_TIMESTAMP_FAULTS = 5;
const TIMESTAMP_WINDOW_MS = 4_000;
/** What was declared must be better by so much to be over, so that nothing flaps at the limit. */
const SLACK = 1.25;

/** How long it must last until it is declared, and be gone until it is over. */
const PATIENCE_MS: Record<PictureFault, { onset: number; clear: number }> = {
  // The time until the onset is freezeMs itself. A stream that was opened again counts as live only once its pictures change.
  frozen: { onset: 0, clear: 2_000 },
  covered: { onset: 3_000, clear: 2_000 },
  'clock-drift': { onset: 1_000, clear: 5_000 },
  'wrong-resolution': { onset: 1_000, clear: 1_000 },
  blurred: { onset: 5_000, clear: 3_000 },
};

export interface PictureFaultOptions {
  /** The very same picture for so long is frozen, and one that an encoder alone changes for 8 s; 0: never. */
  freezeMs: number;
  /** 0: never blurred. */
  minSharpness: number;
  /** 0: any. */
  expectWidthPx: number;
  expectHeightPx: number;
  /** Whether the source's time stamps say when a picture was taken. */
  timestamps: boolean;
}

export interface FaultChange {
  fault: PictureFault;
  begins: boolean;
}

/** Its only clock is that of the frames' arrival. Call `observe` for the newest frame, as often as there is one. */
export class PictureFaults {
  readonly #options: PictureFaultOptions;
  readonly #declared = new Set<PictureFault>();
  /** Since when what is seen contradicts what is declared. */
  readonly #differentSinceMs = new Map<PictureFault, number>();
  #picture: PictureState | undefined;
  /** Arrival less time stamp, the least of this window and of the one before. */
  #leastLagMs: [number, number] = [Infinity, Infinity];
  #lagWindowMs = 0;
  #delayMs = 0;
  #lateUntilMs = 0;
  /** Time stamps at fault up to the beginning of this window, and of the one before. */
  #faultsBefore: [number, number] = [0, 0];
  #faultWindowMs = 0;

  constructor(options: PictureFaultOptions) {
    this.#options = options;
  }

  /** The gravest. */
  get current(): PictureFault | undefined {
    return PICTURE_FAULTS.find((fault) => this.#declared.has(fault));
  }

  /** Whether the gravest is one for which no decision may be trusted. */
  get isGrave(): boolean {
    const { current } = this;
    return current !== undefined && UNTRUSTED.has(current);
  }

  /** For which no decision may be trusted now. A single late frame is no fault, and yet shows who stood there some time ago. */
  get untrusted(): PictureFault | undefined {
    if (this.isGrave) return this.current;
    return (this.#picture?.arrivedMs ?? Infinity) < this.#lateUntilMs ? 'clock-drift' : undefined;
  }

  /** Cameras hang in such a way that only a new connection helps; one that was just made gets the time to show itself. */
  get needsReopening(): boolean {
    const picture = this.#picture;
    if (picture === undefined) return false;
    if (this.#declared.has('frozen')) {
      return picture.unchangedMs >= this.#options.freezeMs || picture.stillMs >= STILL_REOPEN_MS;
    }
    return this.#declared.has('clock-drift') && this.#shows('clock-drift', picture);
  }

  /** How much later than the earliest ones of the last minutes the frames arrive, by their time stamps. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** @returns what begins or ends with this frame */
  observe(picture: PictureState): FaultChange[] {
    const previous = this.#picture;
    if (previous?.arrivedMs === picture.arrivedMs) return [];
    this.#watchTimestamps(picture, previous);
    this.#picture = picture;
    return PICTURE_FAULTS.flatMap((fault) => this.#judge(fault, this.#shows(fault, picture), picture.arrivedMs));
  }

  /** Another capture follows: its time stamps begin anew. What is declared stays so until its frames show otherwise. */
  reopened(): void {
    this.#picture = undefined;
    this.#differentSinceMs.clear();
    this.#delayMs = 0;
  }

  /** Nothing is known any more. @returns what ends with it */
  clear(): FaultChange[] {
    this.reopened();
    const ended = [...this.#declared].map((fault) => ({ fault, begins: false }));
    this.#declared.clear();
    return ended;
  }

  /** For a person. */
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
    const { freezeMs, minSharpness, expectWidthPx, expectHeightPx, timestamps } = this.#options;
    const { mean, deviation, sharpness, unchangedMs, stillMs, rawWidthPx, rawHeightPx } = picture;
    const isDeclared = this.#declared.has(fault);
    const slack = isDeclared ? SLACK : 1;
    switch (fault) {
      case 'frozen': {
        if (freezeMs === 0) return false;
        const sameMs = isDeclared ? Math.min(1_000, freezeMs / 2) : freezeMs;
        // Of a covered lens nothing more is said.
        const isStill =
          stillMs >= (isDeclared ? sameMs : Math.max(STILL_MS, freezeMs)) && !this.#shows('covered', picture);
        return unchangedMs >= sameMs || isStill;
      }
      case 'covered':
        return deviation < FLAT_DEVIATION * slack || (mean < DARK_MEAN * slack && deviation < DARK_DEVIATION * slack);
      case 'clock-drift':
        return timestamps && (this.#delayMs * slack > MOST_DELAY_MS || this.#timestampsStumble(picture));
      case 'wrong-resolution':
        return (
          (expectWidthPx > 0 && rawWidthPx !== expectWidthPx) || (expectHeightPx > 0 && rawHeightPx !== expectHeightPx)
        );
      case 'blurred':
        // Of a covered lens nothing more is said.
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
    } else if (arrivedMs - this.#faultWindowMs >= TIMESTAMP_WINDOW_MS) {
      this.#faultsBefore = [previous.timestampFaults, this.#faultsBefore[0]];
      this.#faultWindowMs = arrivedMs;
    }
    if (timestampMs === undefined) return;
    const lagMs = arrivedMs - timestampMs;
    // Time stamps that were set back count from somewhere else now.
    if (previous?.timestampMs === undefined || timestampFaults > previous.timestampFaults) {
      this.#leastLagMs = [lagMs, Infinity];
      this.#lagWindowMs = arrivedMs;
    } else if (arrivedMs - this.#lagWindowMs >= BASELINE_MS) {
      this.#leastLagMs = [lagMs, this.#leastLagMs[0]];
      this.#lagWindowMs = arrivedMs;
    }
    this.#leastLagMs[0] = Math.min(this.#leastLagMs[0], lagMs);
    this.#delayMs = lagMs - Math.min(...this.#leastLagMs);
    if (this.#options.timestamps && this.#delayMs > MOST_DELAY_MS) this.#lateUntilMs = arrivedMs + LATE_MS;
  }

  #timestampsStumble({ timestampFaults }: PictureState): boolean {
    return timestampFaults - this.#faultsBefore[1] >= MOST_TIMESTAMP_FAULTS;
  }
}
