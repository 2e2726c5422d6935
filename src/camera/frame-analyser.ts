// Drives the analysis of a camera's newest frames: one at a time, at the camera's pace, whichever capture they come from.
import { AppError } from '../errors.js';
import type { CameraConfig } from '../config/schema.js';
import type { Box } from '../domain/face.js';
import type { Clock } from '../domain/time.js';
import type { CaptureState } from '../native/addon.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import type { AnalysisTally } from './analysis-tally.js';
import type { CaptureAddon } from './capture-slot.js';
import type { Gate } from './gate.js';

/** After an analysis that was refused or failed: a full queue is not hammered. */
const RETRY_MS = 100;
/** An analysis that takes so long hangs. */
const HANGS_AFTER_MS = 10_000;

/** Called for one frame after the other; while it works, the next frame is analysed and then waits for it. */
export type FrameListener = (frame: AnalysedFrame) => Promise<void>;

export interface FrameAnalyserParts {
  config: CameraConfig;
  addon: Pick<CaptureAddon, 'captureFrame'>;
  vision: Pick<Vision, 'analyseFrame'>;
  /** Faces that need no closer look; undefined where all do. */
  settledBoxes: () => readonly Box[] | undefined;
  onFrame: FrameListener;
  /** Holds the pauses, and is woken when an analysis is done. */
  gate: Gate;
  tally: AnalysisTally;
  clock: Clock;
}

export class FrameAnalyser {
  readonly #parts: FrameAnalyserParts;
  readonly #pauseMs: number;
  #handle: number | undefined;
  /** Up to this number the frames of the capture are done with. */
  #after = 0;
  #job: Promise<void> | undefined;
  #listening: Promise<void> = Promise.resolve();
  #sinceMs: number | undefined;

  constructor(parts: FrameAnalyserParts) {
    const { source, maxFps } = parts.config;
    this.#parts = parts;
    this.#pauseMs = source.type === 'file' && !source.realTime ? 0 : 1_000 / maxFps;
  }

  /** Frames of this capture follow; of the one before nothing is delivered any more. */
  attach(handle: number): void {
    this.#handle = handle;
    this.#after = 0;
  }

  detach(): void {
    this.#handle = undefined;
  }

  /** While an analysis is under way, or its frame waits for the listener. A hung one of a capture that is closed counts. */
  get isBusy(): boolean {
    return this.#job !== undefined;
  }

  /** Whether this is a picture that was not analysed yet. */
  isFresh({ frameNumber, picture }: CaptureState): boolean {
    if (frameNumber <= this.#after) return false;
    const { source, freezeMs } = this.#parts.config;
    if (source.type === 'file' || freezeMs === 0 || this.#after === 0) return true;
    // The very same picture again says nothing more about who stands there, and must not count as another one that agrees.
    const isRepeated = picture !== undefined && frameNumber - picture.unchangedFrames <= this.#after;
    if (isRepeated) this.#after = frameNumber;
    return !isRepeated;
  }

  /**
   * Begins with the newest frame; the gate is woken when the next one may be begun.
   * @param endedAt the number of the last frame, where none will follow
   */
  begin(handle: number, endedAt?: number): void {
    const { gate } = this.#parts;
    if (this.#pauseMs > 0) gate.closeFor(this.#pauseMs);
    this.#job = this.#run(handle, endedAt).finally(() => {
      this.#job = undefined;
      gate.wake();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#job;
    await this.#listening;
  }

  /** What is wrong, for a person. */
  problem(): string | undefined {
    const hangs = this.#sinceMs !== undefined && this.#parts.clock() - this.#sinceMs >= HANGS_AFTER_MS;
    return hangs ? 'the analysis of a frame hangs' : this.#parts.tally.problem();
  }

  async #run(handle: number, endedAt: number | undefined): Promise<void> {
    const frame = await this.#analyse(handle, endedAt);
    if (!frame) return;
    await this.#listening;
    if (this.#handle === handle) this.#listening = this.#deliver(frame);
  }

  async #analyse(handle: number, endedAt: number | undefined): Promise<AnalysedFrame | undefined> {
    const { vision, config, settledBoxes, gate, tally, clock } = this.#parts;
    const { mask, minFacePx } = config;
    const liveness = config.liveness !== 'off';
    const settled = settledBoxes();
    const options = { after: this.#after, mask, liveness, minFacePx, ...(settled === undefined ? {} : { settled }) };
    this.#sinceMs = clock();
    try {
      const frame = await vision.analyseFrame(handle, options);
      if (this.#handle !== handle) return undefined;
      if (!frame) {
        gate.closeFor(RETRY_MS);
        // The last frame of a file may be gone: nothing newer will come to wait for.
        if (endedAt !== undefined) this.#after = endedAt;
        return undefined;
      }
      this.#after = frame.frameNumber;
      tally.succeeded(frame);
      return frame;
    } catch (error) {
      if (this.#handle === handle) this.#failed(handle, error);
      return undefined;
    } finally {
      this.#sinceMs = undefined;
    }
  }

  #failed(handle: number, error: unknown): void {
    const { addon, gate, tally } = this.#parts;
    gate.closeFor(Math.max(this.#pauseMs, RETRY_MS));
    if (error instanceof AppError && error.code === 'SERVER_BUSY') return tally.wasRefused();
    tally.failed(error);
    // A frame that breaks the analysis is not tried twice; taking it lets a file go on to its next one.
    const skipped = addon.captureFrame(handle, this.#after);
    if (!skipped) return;
    skipped.release();
    this.#after = skipped.frameNumber;
  }

  async #deliver(frame: AnalysedFrame): Promise<void> {
    try {
      await this.#parts.onFrame(frame);
    } catch (error) {
      this.#parts.tally.failed(error);
    }
  }
}
