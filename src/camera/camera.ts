// One camera: opens its source, opens it again when it is lost or its pictures cannot be trusted, and reports its health.
import type { CameraConfig } from '../config/camera-schema.js';
import type { Box } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import { describeError } from '../errors.js';
import type { CaptureState, StreamFormat } from '../native/addon.js';
import { createDeferred } from '../platform/waiting.js';
import type { EncodedFrame, EncodeOptions, Vision } from '../vision/vision.js';
import { AnalysisTally, type AnalysisStats } from './analysis-tally.js';
import { CameraState, type CameraStatus } from './camera-state.js';
import { CaptureSlot, type CaptureAddon } from './capture-slot.js';
import { makeCaptureOptions } from './capture-source.js';
import { FrameAnalyser, type FrameListener } from './frame-analyser.js';
import { FramePace } from './frame-pace.js';
import { Gate } from './gate.js';
import { PictureFaults, type FaultChange, type PictureFault } from './picture-faults.js';
import { StreamChanges } from './stream-changes.js';

/** Waits between attempts; the last one repeats. Two of them and one opening fit into the 10 s of a recovery. */
export const BACK_OFF_MS = [500, 1_000, 2_000, 3_000] as const;
/** After a source ran well for this time, the waits begin from the first one again. */
const STEADY_MS = 10_000;

export interface CameraParts {
  config: CameraConfig;
  /** Password of the source's user, where it has one. */
  password?: string | undefined;
  /** State of the privacy switch at construction; off by default. */
  isPrivate?: boolean;
  addon: CaptureAddon;
  vision: Pick<Vision, 'analyseFrame' | 'encodeFrame'>;
  /** Returns the boxes of faces that need no crop, mask or liveness; undefined when every face does. */
  settledBoxes?: () => readonly Box[] | undefined;
  /** Returns the boxes of all faces in sight, where the next frame needs no search elsewhere; else undefined, the default. */
  restingBoxes?: () => readonly Box[] | undefined;
  knownBoxes?: () => readonly Box[] | undefined;
  onFrame: FrameListener;
  /** Called before the first frame after the stream changed: tracks must not go on over it. */
  onStreamChange?: () => void;
  /** Called after the status or the fault of the picture has changed. */
  onStateChange?: () => void;
  clock: Clock;
  timers: Timers;
  log: Log;
}

/** Counters since the service started. */
export interface CameraStats extends AnalysisStats {
  status: CameraStatus;
  /** The gravest fault of the picture, while the camera runs. */
  fault?: PictureFault;
  /** Frames read from the source. */
  frames: number;
  /** Frames that newer ones overwrote before they were taken. */
  dropped: number;
  /** Pictures that were skipped because they are damaged, or rest on one that is missing. */
  damaged: number;
  /** Number of times that the stream changed in the middle: its size, codec, pixel format, range or rotation. */
  streamChanges: number;
  /** Format of the newest picture; absent before the first. */
  format?: StreamFormat;
  /** Number of times that the source was lost or could not be opened. */
  losses: number;
  /** Number of times that it was closed and opened again because its picture froze or its clock drifted. */
  reopenings: number;
  /** Measures of the newest picture, in grey levels; absent when there is none. */
  picture?: { mean: number; deviation: number; sharpness: number };
  /** Delay of the frames against their time stamps; 0 without time stamps. */
  delayMs: number;
}

/** How a capture ended. `untrusted`: it was given up because its picture cannot be trusted. */
type CaptureEnd = { status: 'ended' } | { status: 'lost'; reason: string } | { status: 'untrusted' };

export class Camera implements Part {
  readonly name: string;
  /** Pace of the analysed frames. */
  readonly pace: FramePace;
  readonly #parts: CameraParts;
  readonly #slot: CaptureSlot;
  readonly #gate: Gate;
  readonly #tally: AnalysisTally;
  readonly #analyser: FrameAnalyser;
  readonly #faults: PictureFaults;
  readonly #state: CameraState;
  readonly #changes: StreamChanges;
  readonly #firstAttempt = createDeferred();
  #isStarted = false;
  #isPaused = false;
  #isPrivate: boolean;
  /** Increases when a run begins and when it ends; work of an older generation stops at its next check. */
  #generation = 0;
  /** Generation of the current run. When it is not the newest, the run is about to end. */
  #runGeneration: number | undefined;
  #run: Promise<void> = Promise.resolve();

  constructor(parts: CameraParts) {
    const {
      config,
      password,
      addon,
      clock,
      timers,
      log,
      settledBoxes = () => undefined,
      restingBoxes = () => undefined,
      knownBoxes = () => undefined,
      onStreamChange = () => undefined,
    } = parts;
    const cameraId = config.id;
    this.name = `camera ${cameraId}`;
    this.#parts = parts;
    this.#isPrivate = parts.isPrivate ?? false;
    const options = makeCaptureOptions(config, password);
    this.#slot = new CaptureSlot({ cameraId, addon, options, password, log });
    this.#gate = new Gate(timers);
    this.pace = new FramePace(config);
    this.#tally = new AnalysisTally({ cameraId, pace: this.pace, clock, log });
    this.#analyser = new FrameAnalyser({
      ...parts,
      settledBoxes,
      restingBoxes,
      knownBoxes,
      pace: this.pace,
      onStreamChange,
      gate: this.#gate,
      tally: this.#tally,
    });
    // A file may show the same picture for any time, and be read at any speed.
    const freezeMs = config.source.type === 'file' ? 0 : config.freezeMs;
    this.#faults = new PictureFaults({ ...config, freezeMs, decisionMs: () => this.pace.spanMs(config.outOf, 0) });
    this.#state = new CameraState({ cameraId, password, clock, log, onChange: parts.onStateChange });
    this.#changes = new StreamChanges({ cameraId, clock, log });
  }

  get status(): CameraStatus {
    return this.#state.status;
  }

  /** Resolves when the first attempt is over: the camera runs, has failed, or is not to be opened at all. */
  get firstAttempt(): Promise<void> {
    return this.#firstAttempt.promise;
  }

  /** Resolves when the first attempt to open the source has begun, where it may be opened. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#isStarted) return;
    signal.throwIfAborted();
    this.#isStarted = true;
    await this.#follow();
  }

  /** Resolves when the source is closed and no work of this camera is under way. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    await this.#follow();
    await this.#analyser.idle();
  }

  /** Closes the source until `resume`. No frame is delivered from now on. Resolves when the source is closed. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#follow();
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.#follow();
  }

  /** Closes or opens the source like `pause` and `resume`, for the privacy switch. The camera opens only when neither holds it. */
  async setPrivate(isPrivate: boolean): Promise<void> {
    this.#isPrivate = isPrivate;
    await this.#follow();
  }

  /** Returns the newest frame as JPEG; undefined when there is none, or none newer. Frame numbers continue over all captures. */
  async encode(options: EncodeOptions): Promise<EncodedFrame | undefined> {
    const { handle, framesBefore } = this.#slot;
    if (handle === undefined || this.status !== 'running') return undefined;
    const after = Math.max(0, options.after - framesBefore);
    const frame = await this.#parts.vision.encodeFrame(handle, { ...options, after });
    // The source may have been closed meanwhile, perhaps on request.
    if (!frame || this.#slot.handle !== handle || this.#findHold() !== undefined) return undefined;
    return { ...frame, frameNumber: framesBefore + frame.frameNumber };
  }

  stats(): CameraStats {
    const fault = this.#faults.current;
    const picture = this.#slot.state()?.picture;
    return {
      status: this.status,
      ...(fault === undefined ? {} : { fault }),
      ...this.#slot.counts(),
      streamChanges: this.#changes.count,
      ...(this.#changes.format === undefined ? {} : { format: this.#changes.format }),
      losses: this.#state.losses,
      reopenings: this.#state.reopenings,
      ...(picture === undefined ? {} : { picture: roundMeasures(picture) }),
      delayMs: this.#faults.delayMs,
      ...this.#tally.stats(),
    };
  }

  /** Returns why no match may rest on the current pictures, in words; undefined while they can be trusted. */
  problem(): string | undefined {
    const { untrusted } = this.#faults;
    return untrusted && this.#faults.describe(untrusted);
  }

  health(): Health {
    const { status, lossReason } = this.#state;
    if (status === 'stopped') return { status: 'failed', detail: 'the camera is stopped' };
    if (status === 'paused' || status === 'private') return { status: 'degraded', detail: status };
    if (lossReason !== undefined) return { status: 'failed', detail: `the camera is lost: ${lossReason}` };
    const fault = this.#faults.current;
    const faultText = fault && this.#faults.describe(fault);
    if (faultText !== undefined && this.#faults.isGrave) return { status: 'failed', detail: faultText };
    if (status === 'ended') return { status: 'degraded', detail: 'the file was played to its end' };
    if (status === 'opening') return { status: 'degraded', detail: 'the camera is being opened' };
    const problem = faultText ?? this.#analyser.problem();
    if (problem !== undefined) return { status: 'degraded', detail: problem };
    return { status: 'ok' };
  }

  /** Returns why the source must be closed; undefined when it may be open. */
  #findHold(): 'stopped' | 'private' | 'paused' | undefined {
    if (!this.#isStarted) return 'stopped';
    if (this.#isPrivate) return 'private';
    return this.#isPaused ? 'paused' : undefined;
  }

  /** Ends the current run when the source must be closed. When it may be open, begins a new run after the old one has ended. */
  async #follow(): Promise<void> {
    if (this.#findHold() !== undefined) {
      this.#generation++;
      this.#analyser.detach();
      this.#gate.open();
    }
    if (this.#runGeneration === this.#generation) return;
    await this.#run;
    const hold = this.#findHold();
    if (hold !== undefined) {
      this.#logFaults(this.#faults.clear());
      this.#state.enter(hold);
      // A camera that was not started yet has made no attempt.
      if (hold !== 'stopped') this.#firstAttempt.resolve();
    } else if (this.#runGeneration === undefined) {
      this.#runGeneration = ++this.#generation;
      this.#run = this.#runUntilHeld(this.#generation).finally(() => (this.#runGeneration = undefined));
    }
  }

  async #runUntilHeld(generation: number): Promise<void> {
    for (let failures = 0; this.#isCurrent(generation); failures++) {
      const beganMs = this.#parts.clock();
      const end = await this.#capture(generation);
      this.#firstAttempt.resolve();
      if (!this.#isCurrent(generation) || end.status === 'ended') return;
      const { runningSinceMs } = this.#state;
      const ranMs = runningSinceMs === undefined ? 0 : this.#parts.clock() - runningSinceMs;
      const faultMs = end.status === 'untrusted' ? this.#parts.config.freezeMs : 0;
      if (ranMs - faultMs >= STEADY_MS) failures = 0;
      const waitMs = BACK_OFF_MS[failures] ?? Math.max(...BACK_OFF_MS);
      // The time of an attempt that failed slowly counts as part of the wait.
      const openingMs = runningSinceMs === undefined ? Math.max(0, this.#parts.clock() - beganMs) : 0;
      this.#gate.closeFor(Math.max(BACK_OFF_MS[0], waitMs - openingMs));
      while (this.#isCurrent(generation) && !this.#gate.isOpen) await this.#gate.wait();
    }
  }

  /** Runs one capture, from the opening of the source to its closing. */
  async #capture(generation: number): Promise<CaptureEnd> {
    this.#state.enterOpening();
    this.#gate.open();
    let end: CaptureEnd;
    try {
      const handle = this.#slot.open(() => this.#gate.wake());
      this.#analyser.attach(handle);
      end = await this.#watch(handle, generation);
    } catch (error) {
      end = { status: 'lost', reason: describeError(error) };
    }
    this.#analyser.detach();
    // The state changes before the source is closed: closing one that hangs takes a while.
    if (this.#isCurrent(generation)) {
      if (end.status === 'lost') this.#state.enterLost(end.reason);
      else if (end.status === 'ended') this.#state.enter('ended');
      else this.#state.enterUntrusted();
    }
    this.#faults.reopened();
    this.#changes.closed();
    await this.#slot.close();
    return end;
  }

  async #watch(handle: number, generation: number): Promise<CaptureEnd> {
    const { addon } = this.#parts;
    for (;;) {
      const state = addon.captureState(handle);
      if (!this.#isCurrent(generation)) return { status: 'lost', reason: 'the camera is stopped' };
      if (state.status === 'running' && this.#state.enterRunning(state)) this.#firstAttempt.resolve();
      this.#changes.observe(state);
      if (state.picture) this.#logFaults(this.#faults.observe(state.picture));
      if (state.status === 'failed' || state.status === 'closed') {
        return { status: 'lost', reason: state.error || 'the source was lost' };
      }
      if (this.#faults.needsReopening) return { status: 'untrusted' };
      const isEnded = state.status === 'ended';
      const isFresh = this.#analyser.isFresh(state, this.#faults.isAlive);
      if (!isFresh && isEnded && !this.#analyser.isBusy) {
        await this.#analyser.idle();
        return this.#judgeEnd(state);
      }
      if (isFresh && this.#gate.isOpen && !this.#analyser.isBusy) {
        this.#analyser.begin(handle, isEnded ? state.frameNumber : undefined);
      } else {
        await this.#gate.wait();
      }
    }
  }

  /** A stream that ends is lost, and so is a file without a single frame. */
  #judgeEnd(state: CaptureState): CaptureEnd {
    if (this.#parts.config.source.type !== 'file') return { status: 'lost', reason: state.error || 'the stream ended' };
    if (state.frameNumber === 0) return { status: 'lost', reason: state.error || 'the file has no frame to read' };
    return { status: 'ended' };
  }

  #isCurrent(generation: number): boolean {
    return this.#generation === generation;
  }

  #logFaults(changes: readonly FaultChange[]): void {
    const { log, config, onStateChange } = this.#parts;
    if (changes.length > 0) onStateChange?.();
    for (const { fault, begins } of changes) {
      if (!begins) {
        log.info({ cameraId: config.id, fault }, 'the fault of the picture is over');
        continue;
      }
      const picture = this.#slot.state()?.picture;
      const reason = this.#faults.describe(fault);
      const fields = { cameraId: config.id, fault, reason, ...(picture && roundMeasures(picture)) };
      log.warn(fields, 'the picture of the camera has a fault');
    }
  }
}

/** Rounds to two decimals, for a log line and the statistics. */
function roundMeasures({ mean, deviation, sharpness }: { mean: number; deviation: number; sharpness: number }) {
  const round = (level: number): number => Math.round(level * 100) / 100;
  return { mean: round(mean), deviation: round(deviation), sharpness: round(sharpness) };
}
