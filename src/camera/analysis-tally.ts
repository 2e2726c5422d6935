// Counts the analyses of one camera's frames, and declares when they fail or do not keep up.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { FramePace } from './frame-pace.js';
import { RateMeter } from './rate-meter.js';

/** A declared failure is over after this number of successful analyses in a row, or at a slow camera after several that took this time. */
const RECOVERED_AFTER = 20;
const RECOVERED_MS = 10_000;
const RECOVERED_LEAST = 3;
/** A full queue is declared after this number of refused analyses in a row, or at a slow camera after several that took this time. */
const STARVED_AFTER = 10;
const STARVED_MS = 10_000;
/** Window of the rate; at a slow camera it is as long as this number of frames takes. */
const RATE_WINDOW_MS = 10_000;
const RATE_FRAMES = 4;

export interface AnalysisStats {
  analysed: number;
  /** Analyses per second over the last ten seconds, or at a slow camera over the last four frames. */
  fps: number;
  /** Time from the capture of each frame to the end of its analysis, summed over all analysed frames. */
  analysisMs: number;
  /** Capture time of the last analysed frame, epoch in ms. */
  lastFrameAtMs?: number;
  /** Analyses that the full queue refused. */
  refused: number;
  /** Analyses and listener calls that failed for another reason. */
  errors: number;
}

export interface AnalysisTallyParts {
  cameraId: string;
  /** Takes the frames that were analysed. */
  pace: FramePace;
  clock: Clock;
  log: Log;
}

export class AnalysisTally {
  readonly #parts: AnalysisTallyParts;
  readonly #rate = new RateMeter();
  #analysed = 0;
  #analysisMs = 0;
  #lastFrameAtMs: number | undefined;
  #refused = 0;
  #refusedInARow = 0;
  /** Time of the first of the refusals in a row, and of the good analyses in a row; and how long the refusals have lasted. */
  #refusedSinceMs = 0;
  #goodSinceMs = 0;
  #refusedForMs = 0;
  #errors = 0;
  /** Code of the declared failure. */
  #failure: string | undefined;
  #goodInARow = 0;

  constructor(parts: AnalysisTallyParts) {
    this.#parts = parts;
  }

  succeeded(frame: AnalysedFrame): void {
    this.#analysed++;
    this.#refusedInARow = 0;
    const { pace, clock } = this.#parts;
    const nowMs = clock();
    this.#rate.add(nowMs);
    // The clock may have been set back since the capture.
    this.#analysisMs += Math.max(0, nowMs - frame.capturedAtMs);
    if (this.#lastFrameAtMs !== undefined) pace.observe(frame.capturedAtMs - this.#lastFrameAtMs);
    this.#lastFrameAtMs = frame.capturedAtMs;
    if (this.#failure === undefined) return;
    if (this.#goodInARow++ === 0) this.#goodSinceMs = nowMs;
    const isLong = this.#goodInARow >= RECOVERED_LEAST && nowMs - this.#goodSinceMs >= RECOVERED_MS;
    if (this.#goodInARow >= RECOVERED_AFTER || isLong) {
      this.#failure = undefined;
      this.#parts.log.info({ cameraId: this.#parts.cameraId }, 'frames are analysed again');
    }
  }

  /** Counts a refusal by the full queue. A refusal is not a failure, and is declared only when it lasts. */
  wasRefused(): void {
    this.#refused++;
    const nowMs = this.#parts.clock();
    if (this.#refusedInARow++ === 0) this.#refusedSinceMs = nowMs;
    this.#refusedForMs = nowMs - this.#refusedSinceMs;
  }

  /** Counts a failure. A run of failures is logged once, at its beginning. */
  failed(error: unknown): void {
    this.#errors++;
    this.#goodInARow = 0;
    const isNew = this.#failure === undefined;
    this.#failure = error instanceof AppError ? error.code : 'INTERNAL';
    if (isNew) {
      const fields = { cameraId: this.#parts.cameraId, code: this.#failure, reason: describeError(error) };
      this.#parts.log.warn(fields, 'a frame could not be analysed');
    }
  }

  /** Returns what is wrong, in words for the operator; undefined when all is well. */
  problem(): string | undefined {
    if (this.#failure !== undefined) return `frames cannot be analysed: ${this.#failure}`;
    const isLong = this.#refusedInARow > 1 && this.#refusedForMs >= STARVED_MS;
    return this.#refusedInARow >= STARVED_AFTER || isLong ? 'the vision queue is full' : undefined;
  }

  stats(): AnalysisStats {
    const { pace, clock } = this.#parts;
    return {
      analysed: this.#analysed,
      analysisMs: Math.round(this.#analysisMs),
      fps: this.#rate.perSecond(clock(), pace.spanMs(RATE_FRAMES, RATE_WINDOW_MS)),
      ...(this.#lastFrameAtMs === undefined ? {} : { lastFrameAtMs: this.#lastFrameAtMs }),
      refused: this.#refused,
      errors: this.#errors,
    };
  }
}
