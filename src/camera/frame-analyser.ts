// Analyses the newest frames of a camera: one at a time, at the camera's pace, over all its captures.
import { findShortestIntervalMs, type CameraConfig } from '../config/camera-schema.js';
import type { Box } from '../domain/face.js';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { CaptureState } from '../native/addon.js';
import { MAX_ATTRIBUTED } from '../vision/attributed-faces.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import type { AnalysisTally } from './analysis-tally.js';
import type { CaptureAddon } from './capture-slot.js';
import type { FramePace } from './frame-pace.js';
import type { Gate } from './gate.js';
import { SearchTurns } from './search-turns.js';

/** Pause after an analysis that was refused or failed. */
const RETRY_MS = 100;
/**
 * Time between two frames for which the usual number of faces gets mask and liveness. Where `maxFps` leaves more time, more of them do,
 * because the others would wait long for their turn; a frame has at most this number of faces.
 */
const ATTRIBUTED_FRAME_MS = 250;
const MOST_FACES = 20;
/**
 * Identical pictures within this time count as one: a camera with a slow shutter gives each picture several times. After it, pictures of a
 * source that is alive count again, even where they are identical.
 */
const REPEATED_MS = 600;
/** An analysis that takes this long counts as hanging. */
const HANGS_AFTER_MS = 10_000;

/** Receives the analysed frames one after the other. While it works on a frame, the next one is analysed and then waits. */
export type FrameListener = (frame: AnalysedFrame) => Promise<void>;

export interface FrameAnalyserParts {
  config: CameraConfig;
  addon: Pick<CaptureAddon, 'captureFrame'>;
  vision: Pick<Vision, 'analyseFrame'>;
  /** Returns the boxes of faces that need no crop, mask or liveness; undefined when every face does. */
  settledBoxes: () => readonly Box[] | undefined;
  /** Returns the boxes of faces that will not be embedded; undefined where no embedding may be begun early. */
  restingBoxes: () => readonly Box[] | undefined;
  /** Returns the boxes of all faces in sight, where the next frame needs no search elsewhere, none where nobody is in sight; else undefined. */
  knownBoxes: () => readonly Box[] | undefined;
  /** Pace of the analysed frames. */
  pace: Pick<FramePace, 'intervalMs'>;
  onFrame: FrameListener;
  /** Called before the first frame after a change of the stream or of its size: earlier frames show other pictures. */
  onStreamChange: () => void;
  /** Gate of the capture loop: holds the pauses, and is woken when an analysis is over. */
  gate: Gate;
  tally: AnalysisTally;
  clock: Clock;
}

export class FrameAnalyser {
  readonly #parts: FrameAnalyserParts;
  readonly #pauseMs: number;
  readonly #mostAttributed: number;
  readonly #turns: SearchTurns;
  #handle: number | undefined;
  /** Capture and format of the last delivered frame; widths and heights in pixels. */
  #stream: { handle: number; streamChanges: number; widthPx: number; heightPx: number } | undefined;
  /** Number of the last frame of the capture that needs no analysis any more. */
  #after = 0;
  #job: Promise<void> | undefined;
  #listening: Promise<void> = Promise.resolve();
  /** Start time of the analysis under way. */
  #sinceMs: number | undefined;

  constructor(parts: FrameAnalyserParts) {
    this.#parts = parts;
    this.#pauseMs = findShortestIntervalMs(parts.config);
    this.#turns = new SearchTurns(parts);
    const shares = Math.max(1, this.#pauseMs / ATTRIBUTED_FRAME_MS);
    this.#mostAttributed = Math.min(MOST_FACES, Math.floor(MAX_ATTRIBUTED * shares));
  }

  /** Switches to a new capture: frames of the one before are not delivered any more. */
  attach(handle: number): void {
    this.#handle = handle;
    this.#after = 0;
    this.#turns.reset();
  }

  detach(): void {
    this.#handle = undefined;
  }

  /** True while an analysis is under way or its frame waits for the listener; also for one that hangs in a closed capture. */
  get isBusy(): boolean {
    return this.#job !== undefined;
  }

  /** Returns whether the newest picture of the capture was not analysed yet. @param isAlive true while the source's time stamps go on */
  isFresh({ frameNumber, picture }: CaptureState, isAlive: boolean): boolean {
    if (frameNumber <= this.#after) return false;
    const { source, freezeMs } = this.#parts.config;
    if (source.type === 'file' || freezeMs === 0 || this.#after === 0) return true;
    if (isAlive && picture !== undefined && picture.unchangedMs >= REPEATED_MS) return true;
    // A repetition of the same picture is no further evidence of who stands there, and must not count as another shot that agrees.
    const isRepeated = picture !== undefined && frameNumber - picture.unchangedFrames <= this.#after;
    if (isRepeated) this.#after = frameNumber;
    return !isRepeated;
  }

  /**
   * Begins the analysis of the newest frame. The gate is woken when the next one may be begun.
   * @param lastFrame number of the last frame of the capture, when no further one will come
   */
  begin(handle: number, lastFrame?: number): void {
    const { gate, tally } = this.#parts;
    if (this.#pauseMs > 0) gate.closeFor(this.#pauseMs);
    this.#job = this.#run(handle, lastFrame)
      .catch((error: unknown) => tally.failed(error))
      .finally(() => {
        this.#job = undefined;
        gate.wake();
      });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#job;
    await this.#listening;
  }

  /** Returns what is wrong, in words for the operator; undefined when all is well. */
  problem(): string | undefined {
    const hangs = this.#sinceMs !== undefined && this.#parts.clock() - this.#sinceMs >= HANGS_AFTER_MS;
    return hangs ? 'the analysis of a frame hangs' : this.#parts.tally.problem();
  }

  async #run(handle: number, lastFrame: number | undefined): Promise<void> {
    const frame = await this.#analyse(handle, lastFrame);
    if (!frame) return;
    await this.#listening;
    if (this.#handle !== handle) return;
    this.#noteStream(handle, frame);
    this.#listening = this.#deliver(frame);
  }

  #noteStream(handle: number, { streamChanges, widthPx, heightPx }: AnalysedFrame): void {
    const last = this.#stream;
    this.#stream = { handle, streamChanges, widthPx, heightPx };
    if (last === undefined) return;
    const isSameSize = widthPx === last.widthPx && heightPx === last.heightPx;
    // Another capture counts its changes from 0.
    if (!isSameSize || (handle === last.handle && streamChanges !== last.streamChanges)) this.#parts.onStreamChange();
  }

  async #analyse(handle: number, lastFrame: number | undefined): Promise<AnalysedFrame | undefined> {
    const { vision, config, settledBoxes, restingBoxes, knownBoxes, gate, tally, clock } = this.#parts;
    const { minFacePx } = config;
    const mask = config.mask !== false;
    const liveness = config.liveness !== 'off';
    const settled = settledBoxes();
    const resting = restingBoxes();
    const known = knownBoxes();
    const search = this.#turns.next(known, clock());
    const options = {
      after: this.#after,
      mask,
      liveness,
      minFacePx,
      ...(this.#mostAttributed > MAX_ATTRIBUTED ? { mostAttributed: this.#mostAttributed } : {}),
      ...(settled === undefined ? {} : { settled }),
      ...(resting === undefined ? {} : { resting }),
      ...(this.#turns.mayGlance(known) && { mayGlance: true }),
      ...(search === undefined ? {} : { search }),
    };
    this.#sinceMs = clock();
    try {
      const frame = await vision.analyseFrame(handle, options);
      if (this.#handle !== handle) return undefined;
      if (!frame) {
        gate.closeFor(RETRY_MS);
        // The last frame of a file may be gone, and no newer one will come.
        if (lastFrame !== undefined) this.#after = lastFrame;
        return undefined;
      }
      this.#after = frame.frameNumber;
      this.#turns.note(frame);
      tally.succeeded(frame);
      return frame;
    } catch (error) {
      if (this.#handle === handle) this.#fail(handle, error);
      return undefined;
    } finally {
      this.#sinceMs = undefined;
    }
  }

  #fail(handle: number, error: unknown): void {
    const { addon, gate, tally } = this.#parts;
    gate.closeFor(Math.max(this.#pauseMs, RETRY_MS));
    if (error instanceof AppError && error.code === 'SERVER_BUSY') return tally.wasRefused();
    tally.failed(error);
    // A frame that breaks the analysis is not tried again. Taking it lets a file go on to its next frame.
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
