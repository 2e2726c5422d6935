// The turns of a camera's frames: which are searched as a whole, and which around the faces in sight alone.
import type { Box } from '../domain/face.js';
import type { AnalysedFrame, FrameSearch } from '../vision/vision.js';
import type { FramePace } from './frame-pace.js';

/** Whoever enters is found within this time, and within so many frames at most: more would save nothing. */
const FOUND_WITHIN_MS = 1_000 / 3;
const MOST_TURNS = 8;
/**
 * Whole searches that follow one that had to be made because a face was missed: a face that is missed again and again must not cost both
 * searches in every frame.
 */
const WHOLE_AFTER_MISS = 8;

export interface SearchTurnsParts {
  /** Pace of the analysed frames. */
  pace: Pick<FramePace, 'intervalMs'>;
}

/** Call `next` before each analysis, and `note` after it where it gave a frame. */
export class SearchTurns {
  readonly #pace: Pick<FramePace, 'intervalMs'>;
  /** The newest frame, and the time and the frames since the whole picture was searched. */
  #last: Pick<AnalysedFrame, 'widthPx' | 'heightPx' | 'streamChanges'> | undefined;
  #wholeAtMs = 0;
  #sinceWhole = 0;
  #wholeLeft = 0;

  constructor({ pace }: SearchTurnsParts) {
    this.#pace = pace;
  }

  /**
   * Returns the limits of the next frame's search.
   * @param known boxes of all faces in sight, where nothing but these places needs a search; else undefined
   * @returns undefined where the whole picture is searched
   */
  next(known: readonly Box[] | undefined, nowMs: number): FrameSearch | undefined {
    if (!known || known.length === 0 || !this.#last || this.#wholeLeft > 0) return undefined;
    if (this.#sinceWhole + 1 >= this.#turns) return undefined;
    // A frame that is late, or a clock that was set: nothing is known of the time since.
    const elapsedMs = nowMs - this.#wholeAtMs;
    if (!(elapsedMs >= 0 && elapsedMs < FOUND_WITHIN_MS)) return undefined;
    return { around: known, ...this.#last };
  }

  /**
   * Returns whether a glance is enough for the next frame, if it finds somebody: nobody was in sight, and another frame follows in time. That one
   * is searched as a whole, because there is a face in sight then.
   * @param known as for `next`
   */
  mayGlance(known: readonly Box[] | undefined): boolean {
    return known?.length === 0 && this.#turns > 1;
  }

  /** Takes an analysed frame. */
  note({ widthPx, heightPx, streamChanges, capturedAtMs, searched }: AnalysedFrame): void {
    this.#last = { widthPx, heightPx, streamChanges };
    if (searched === 'around') {
      this.#sinceWhole++;
      return;
    }
    this.#sinceWhole = 0;
    this.#wholeAtMs = capturedAtMs;
    this.#wholeLeft = searched === 'again' ? WHOLE_AFTER_MISS : Math.max(0, this.#wholeLeft - 1);
  }

  /** Number of frames in which one must be searched as a whole. */
  get #turns(): number {
    // A third of a second holds 5 frames at 15 per second, however the times are rounded.
    return Math.min(MOST_TURNS, Math.floor(FOUND_WITHIN_MS / this.#pace.intervalMs + 0.01));
  }

  /** Forgets the frames so far: the next one is of another capture. */
  reset(): void {
    this.#last = undefined;
  }
}
