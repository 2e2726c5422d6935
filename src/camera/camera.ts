// One camera: opens its source, opens it again when it is lost, and drives the analysis of its newest frames.
import { AppError, messageOf } from '../errors.js';
import type { CameraConfig } from '../config/schema.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { Addon, CaptureOptions, CaptureState } from '../native/addon.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import { AnalysisTally, type AnalysisStats } from './analysis-tally.js';
import { captureOptions, withoutSecrets } from './capture-source.js';
import { Gate } from './gate.js';

/** `lost` waits for its next attempt; `ended` is a file that was played to its end. */
export type CameraStatus = 'stopped' | 'opening' | 'running' | 'lost' | 'ended';

/** Waits between attempts; the last one repeats. */
export const BACK_OFF_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
/** A source that ran for so long begins the waits anew when it is lost. */
const STEADY_MS = 10_000;
/** After an analysis that was refused or failed: a full queue is not hammered. */
const RETRY_MS = 100;

/** The part of the addon that a camera uses. */
export type CaptureAddon = Pick<Addon, 'openCapture' | 'captureState' | 'captureFrame' | 'closeCapture'>;

/** Called for one frame after the other; while it works, the next frame is analysed and then waits for it. */
export type FrameListener = (frame: AnalysedFrame) => Promise<void>;

export interface CameraParts {
  config: CameraConfig;
  /** Of the source's user, where it has one. */
  password?: string;
  addon: CaptureAddon;
  vision: Pick<Vision, 'analyseFrame'>;
  onFrame: FrameListener;
  clock: Clock;
  timers: Timers;
  log: Log;
}

/** Counters since the service started. */
export interface CameraStats extends AnalysisStats {
  status: CameraStatus;
  /** Read from the source. */
  frames: number;
  /** Read, but overwritten by newer ones before anyone took them. */
  dropped: number;
  /** How often the source was lost or could not be opened. */
  losses: number;
}

type Outcome = { status: 'ended' } | { status: 'lost'; reason: string };

export class Camera implements Part {
  readonly name: string;
  readonly #parts: CameraParts;
  readonly #options: CaptureOptions;
  readonly #gate: Gate;
  readonly #tally: AnalysisTally;
  #wanted = false;
  /** Grows with every start and stop; work of an older generation ends where it next looks. */
  #generation = 0;
  #life: Promise<void> = Promise.resolve();
  #status: CameraStatus = 'stopped';
  #lossReason: string | undefined;
  #runningSinceMs: number | undefined;
  #handle: number | undefined;
  /** Of the captures that are closed. */
  #closedFrames = 0;
  #closedDropped = 0;
  #losses = 0;

  constructor(parts: CameraParts) {
    this.name = `camera ${parts.config.id}`;
    this.#parts = parts;
    this.#options = captureOptions(parts.config, parts.password);
    this.#gate = new Gate(parts.timers);
    this.#tally = new AnalysisTally({ cameraId: parts.config.id, clock: parts.clock, log: parts.log });
  }

  get status(): CameraStatus {
    return this.#status;
  }

  /** Resolves when the first attempt to open the source has begun. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#wanted) return;
    signal.throwIfAborted();
    this.#wanted = true;
    await this.#life;
    if (!this.#wanted) return;
    this.#life = this.#live(++this.#generation);
  }

  /** Resolves when the source is closed and nothing of this camera is under way. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#generation++;
    this.#gate.open();
    await this.#life;
    if (!this.#wanted) this.#enter('stopped');
  }

  stats(): CameraStats {
    const state = this.#captureState();
    return {
      status: this.#status,
      frames: this.#closedFrames + (state?.frameNumber ?? 0),
      dropped: this.#closedDropped + (state?.dropped ?? 0),
      losses: this.#losses,
      ...this.#tally.stats(),
    };
  }

  /** The one place where what is wrong with a camera is declared; faults seen in the picture itself belong here too. */
  health(): Health {
    if (this.#status === 'stopped') return { status: 'failed', detail: 'the camera is stopped' };
    if (this.#lossReason !== undefined) return { status: 'failed', detail: `the camera is lost: ${this.#lossReason}` };
    if (this.#status === 'ended') return { status: 'degraded', detail: 'the file was played to its end' };
    if (this.#status === 'opening') return { status: 'degraded', detail: 'the camera is being opened' };
    const problem = this.#tally.problem();
    if (problem !== undefined) return { status: 'degraded', detail: problem };
    return { status: 'ok' };
  }

  async #live(generation: number): Promise<void> {
    for (let failures = 0; this.#isCurrent(generation); failures++) {
      const outcome = await this.#capture(generation);
      if (!this.#isCurrent(generation) || outcome.status === 'ended') return;
      if (this.#runningSinceMs !== undefined && this.#parts.clock() - this.#runningSinceMs >= STEADY_MS) failures = 0;
      this.#gate.closeFor(BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)]);
      while (this.#isCurrent(generation) && !this.#gate.isOpen) await this.#gate.wait();
    }
  }

  /** From the opening of the source to its closing. */
  async #capture(generation: number): Promise<Outcome> {
    this.#enter('opening');
    this.#runningSinceMs = undefined;
    this.#gate.open();
    let outcome: Outcome;
    try {
      this.#handle = this.#parts.addon.openCapture(this.#options, () => this.#gate.wake());
      outcome = await this.#watch(this.#handle, generation);
    } catch (error) {
      outcome = { status: 'lost', reason: messageOf(error) };
    }
    // Declared before the source is closed: closing one that hangs takes a while.
    if (this.#isCurrent(generation)) {
      if (outcome.status === 'lost') this.#enterLost(outcome.reason);
      else this.#enter('ended');
    }
    await this.#close();
    return outcome;
  }

  /** At most one analysis under way, and at most one call of the listener. */
  async #watch(handle: number, generation: number): Promise<Outcome> {
    const { addon, config } = this.#parts;
    const source = config.source;
    const pauseMs = source.type === 'file' && !source.realTime ? 0 : 1_000 / config.maxFps;
    let after = 0;
    let listening: Promise<void> = Promise.resolve();
    try {
      for (;;) {
        const state = addon.captureState(handle);
        if (!this.#isCurrent(generation)) return { status: 'lost', reason: 'the camera is stopped' };
        if (state.status === 'running') this.#enterRunning(state);
        if (state.status === 'failed' || state.status === 'closed') {
          return { status: 'lost', reason: state.error || 'the source was lost' };
        }
        const isFresh = state.frameNumber > after;
        if (!isFresh && state.status === 'ended') return this.#endOf(state);
        if (!isFresh || !this.#gate.isOpen) {
          await this.#gate.wait();
          continue;
        }
        if (pauseMs > 0) this.#gate.closeFor(pauseMs);
        const { frame, seen } = await this.#analyse(handle, after, Math.max(pauseMs, RETRY_MS));
        // The last frame of a file may be gone: nothing newer will come to wait for.
        after = !frame && seen === after && state.status === 'ended' ? state.frameNumber : seen;
        if (!frame || !this.#isCurrent(generation)) continue;
        await listening;
        if (this.#isCurrent(generation)) listening = this.#deliver(frame);
      }
    } finally {
      await listening;
    }
  }

  /** @returns the frame, if there was one, and the number up to which frames are done with */
  async #analyse(handle: number, after: number, retryMs: number): Promise<{ frame?: AnalysedFrame; seen: number }> {
    const { addon, vision, config } = this.#parts;
    const { mask, minFacePx } = config;
    try {
      const frame = await vision.analyseFrame(handle, { after, mask, liveness: false, minFacePx });
      if (!frame) {
        this.#gate.closeFor(RETRY_MS);
        return { seen: after };
      }
      this.#tally.succeeded(frame);
      return { frame, seen: frame.frameNumber };
    } catch (error) {
      this.#gate.closeFor(retryMs);
      if (error instanceof AppError && error.code === 'SERVER_BUSY') {
        this.#tally.wasRefused();
        return { seen: after };
      }
      this.#tally.failed(error);
      // A frame that breaks the analysis is not tried twice; taking it lets a file go on to its next one.
      const skipped = addon.captureFrame(handle, after);
      skipped?.release();
      return { seen: skipped?.frameNumber ?? after };
    }
  }

  async #deliver(frame: AnalysedFrame): Promise<void> {
    try {
      await this.#parts.onFrame(frame);
    } catch (error) {
      this.#tally.failed(error);
    }
  }

  /** A stream has no end, and a file without a single frame is a broken one. */
  #endOf(state: CaptureState): Outcome {
    if (this.#parts.config.source.type !== 'file') return { status: 'lost', reason: state.error || 'the stream ended' };
    if (state.frameNumber === 0) return { status: 'lost', reason: state.error || 'the file has no frame to read' };
    return { status: 'ended' };
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) return;
    const state = this.#captureState();
    this.#handle = undefined;
    this.#closedFrames += state?.frameNumber ?? 0;
    this.#closedDropped += state?.dropped ?? 0;
    try {
      await this.#parts.addon.closeCapture(handle);
    } catch (error) {
      this.#parts.log.warn({ cameraId: this.#parts.config.id, reason: this.#clean(error) }, 'a capture did not close');
    }
  }

  #captureState(): CaptureState | undefined {
    try {
      return this.#handle === undefined ? undefined : this.#parts.addon.captureState(this.#handle);
    } catch {
      return undefined;
    }
  }

  #isCurrent(generation: number): boolean {
    return this.#generation === generation;
  }

  #enter(status: CameraStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    if (status === 'stopped' || status === 'ended') this.#lossReason = undefined;
    if (status === 'ended') this.#parts.log.info({ cameraId: this.#parts.config.id }, 'the file was played to its end');
  }

  #enterRunning({ widthPx, heightPx, fps }: CaptureState): void {
    if (this.#status === 'running') return;
    this.#enter('running');
    this.#lossReason = undefined;
    this.#runningSinceMs = this.#parts.clock();
    this.#parts.log.info({ cameraId: this.#parts.config.id, widthPx, heightPx, fps }, 'the camera is running');
  }

  #enterLost(words: string): void {
    const isNew = this.#lossReason === undefined;
    this.#losses++;
    this.#lossReason = withoutSecrets(words, this.#parts.password);
    this.#enter('lost');
    if (isNew) {
      this.#parts.log.warn({ cameraId: this.#parts.config.id, reason: this.#lossReason }, 'the camera is lost');
    }
  }

  #clean(error: unknown): string {
    return withoutSecrets(messageOf(error), this.#parts.password);
  }
}
