// Counts the analyses of one camera's frames, and declares when they fail or do not keep up.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { AnalysedFrame } from '../vision/vision.js';
import { RateMeter } from './rate-meter.js';

/** A declared failure is over after this number of successful analyses in a row. */
const RECOVERED_AFTER = 20;
/** A full queue is declared after this number of refused analyses in a row. */
const STARVED_AFTER = 10;
const RATE_WINDOW_MS = 10_000;

export interface AnalysisStats {
  analysed: number;
  /** Analyses per second over the last ten seconds. */
  fps: number;
  /** Capture time of the last analysed frame, epoch in ms. */
  lastFrameAtMs?: number;
  /** Analyses that the full queue refused. */
  refused: number;
  /** Analyses and listener calls that failed for another reason. */
  errors: number;
}

export class AnalysisTally {
  readonly #parts: { cameraId: string; clock: Clock; log: Log };
  readonly #rate = new RateMeter(RATE_WINDOW_MS);
  #analysed = 0;
  #lastFrameAtMs: number | undefined;
  #refused = 0;
  #refusedInARow = 0;
  #errors = 0;
  /** Code of the declared failure. */
  #failure: string | undefined;
  #goodInARow = 0;

  constructor(parts: { cameraId: string; clock: Clock; log: Log }) {
    this.#parts = parts;
  }

  succeeded(frame: AnalysedFrame): void {
    this.#analysed++;
    this.#refusedInARow = 0;
    this.#rate.add(this.#parts.clock());
    this.#lastFrameAtMs = frame.capturedAtMs;
    if (this.#failure !== undefined && ++this.#goodInARow >= RECOVERED_AFTER) {
      this.#failure = undefined;
      this.#parts.log.info({ cameraId: this.#parts.cameraId }, 'frames are analysed again');
    }
  }

  /** Counts a refusal by the full queue. A refusal is not a failure, and is declared only when it lasts. */
  wasRefused(): void {
    this.#refused++;
    this.#refusedInARow++;
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
    return this.#refusedInARow >= STARVED_AFTER ? 'the vision queue is full' : undefined;
  }

  stats(): AnalysisStats {
    return {
      analysed: this.#analysed,
      fps: this.#rate.perSecond(this.#parts.clock()),
      ...(this.#lastFrameAtMs === undefined ? {} : { lastFrameAtMs: this.#lastFrameAtMs }),
      refused: this.#refused,
      errors: this.#errors,
    };
  }
}
