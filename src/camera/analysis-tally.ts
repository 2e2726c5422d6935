// How the analysis of one camera's frames fares: counters, and what is to be declared of it.
import { AppError, describeError } from '../errors.js';
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import type { AnalysedFrame } from '../vision/vision.js';
import { RateMeter } from './rate-meter.js';

/** So many good analyses in a row end a declared failure. */
const RECOVERED_AFTER = 20;
/** So many refused analyses in a row are declared. */
const STARVED_AFTER = 10;
const RATE_WINDOW_MS = 10_000;

export interface AnalysisStats {
  analysed: number;
  /** Analyses per second, lately. */
  fps: number;
  /** Capture time of the last analysed frame. */
  lastFrameAtMs?: number;
  /** Analyses that the full queue refused. */
  refused: number;
  /** Analyses and listener calls that failed otherwise. */
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

  /** An overload is no failure: it is counted, and declared when it lasts. */
  wasRefused(): void {
    this.#refused++;
    this.#refusedInARow++;
  }

  /** Logged when it begins, and not again until it was over for a while. */
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

  /** What is wrong, for a person. */
  problem(): string | undefined {
    if (this.#failure !== undefined) return `frames cannot be analysed: ${this.#failure}`;
    return this.#refusedInARow >= STARVED_AFTER ? 'the vision queue is full' : undefined;
  }

  stats(): AnalysisStats {
    return {
      analysed: this.#analysed,
      fps: this.#rate.perSecond(this.#parts.clock()),
      lastFrameAtMs: this.#lastFrameAtMs,
      refused: this.#refused,
      errors: this.#errors,
    };
  }
}
