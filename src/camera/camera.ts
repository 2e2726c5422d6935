// One camera: opens its source, opens it again when it is lost or its pictures cannot be trusted, and says how it is.
import { describeError } from '../errors.js';
import type { CameraConfig } from '../config/schema.js';
import type { Box } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { CaptureState } from '../native/addon.js';
import type { EncodedFrame, EncodeOptions, Vision } from '../vision/vision.js';
import { AnalysisTally, type AnalysisStats } from './analysis-tally.js';
import { CaptureSlot, type CaptureAddon } from './capture-slot.js';
import { captureOptions, hasTimestamps, withoutSecrets } from './capture-source.js';
import { FrameAnalyser, type FrameListener } from './frame-analyser.js';
import { Gate } from './gate.js';
import { PictureFaults, type FaultChange, type PictureFault } from './picture-faults.js';

/**
 * `lost` waits for its next attempt; `ended` is a file that was played to its end; `paused` and `private` are closed on somebody's
 * wish, for this camera or by the privacy switch.
 */
export type CameraStatus = 'stopped' | 'opening' | 'running' | 'lost' | 'ended' | 'paused' | 'private';

/** From one attempt to the next; the last one repeats. Two of those and an opening stay within the 10 s of a recovery. */
export const BACK_OFF_MS = [500, 1_000, 2_000, 3_000] as const;
/** A source that ran well for so long begins the waits anew when it is lost. */
const STEADY_MS = 10_000;

export interface CameraParts {
  config: CameraConfig;
  /** Of the source's user, where it has one. */
  password?: string;
  /** Whether the privacy switch is on from the beginning. */
  isPrivate?: boolean;
  addon: CaptureAddon;
  vision: Pick<Vision, 'analyseFrame' | 'encodeFrame'>;
  /** Boxes of faces that need no closer look; undefined where every face does. */
  settledBoxes?: () => readonly Box[] | undefined;
  onFrame: FrameListener;
  clock: Clock;
  timers: Timers;
  log: Log;
}

/** Counters since the service started. */
export interface CameraStats extends AnalysisStats {
  status: CameraStatus;
  /** What is wrong with the picture, while the camera runs. */
  fault?: PictureFault;
  /** Read from the source. */
  frames: number;
  /** Read, but overwritten by newer ones before anyone took them. */
  dropped: number;
  /** How often the source was lost or could not be opened. */
  losses: number;
  /** How often it was closed and opened again because its picture froze or its clock drifted. */
  reopenings: number;
  /** Of the newest picture, in grey levels; absent while there is none. */
  picture?: { mean: number; deviation: number; sharpness: number };
  /** How much later the frames arrive than their time stamps say; 0 where there are none. */
  delayMs: number;
}

type Outcome = { status: 'ended' } | { status: 'lost'; reason: string } | { status: 'untrusted' };

export class Camera implements Part {
  readonly name: string;
  readonly #parts: CameraParts;
  readonly #slot: CaptureSlot;
  readonly #gate: Gate;
  readonly #tally: AnalysisTally;
  readonly #analyser: FrameAnalyser;
  readonly #faults: PictureFaults;
  #isStarted = false;
  #isPaused = false;
  #isPrivate: boolean;
  /** Grows with every life and its end; work of an older generation ends where it next looks. */
  #generation = 0;
  /** Of the life under way; it is to end where it is not the newest. */
  #lifeGeneration: number | undefined;
  #life: Promise<void> = Promise.resolve();
  #attempted: Promise<void>;
  #attemptDone: () => void = () => undefined;
  #status: CameraStatus = 'stopped';
  #lossReason: string | undefined;
  #runningSinceMs: number | undefined;
  #losses = 0;
  #reopenings = 0;

  constructor(parts: CameraParts) {
    const { config, password, addon, clock, timers, log, settledBoxes = () => undefined } = parts;
    const isFile = config.source.type === 'file';
    this.name = `camera ${config.id}`;
    this.#parts = parts;
    this.#isPrivate = parts.isPrivate ?? false;
    const options = captureOptions(config, password);
    this.#slot = new CaptureSlot({ cameraId: config.id, addon, options, password, log });
    this.#gate = new Gate(timers);
    this.#tally = new AnalysisTally({ cameraId: config.id, clock, log });
    this.#analyser = new FrameAnalyser({ ...parts, settledBoxes, gate: this.#gate, tally: this.#tally });
    // A file may show the same picture for as long as it likes, and is read as fast as one likes.
    const freezeMs = isFile ? 0 : config.freezeMs;
    this.#faults = new PictureFaults({ ...config, freezeMs, timestamps: hasTimestamps(config.source) });
    this.#attempted = new Promise((resolve) => (this.#attemptDone = resolve));
  }

  get status(): CameraStatus {
    return this.#status;
  }

  /** Resolves when the first attempt is over: it runs, failed, or is not to be opened at all. */
  get firstAttempt(): Promise<void> {
    return this.#attempted;
  }

  /** Resolves when the first attempt to open the source has begun, where it may be opened. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#isStarted) return;
    signal.throwIfAborted();
    this.#isStarted = true;
    await this.#follow();
  }

  /** Resolves when the source is closed and nothing of this camera is under way. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    await this.#follow();
    await this.#analyser.idle();
  }

  /** Closes the source until it is resumed. Resolves when it is closed; from now on no frame of it goes anywhere. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#follow();
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.#follow();
  }

  /** As pause and resume, by the privacy switch; each holds by itself. */
  async setPrivate(isPrivate: boolean): Promise<void> {
    this.#isPrivate = isPrivate;
    await this.#follow();
  }

  /** The newest frame as JPEG; frame numbers go on over all captures. @returns undefined where there is none, or none newer */
  async encode(options: EncodeOptions): Promise<EncodedFrame | undefined> {
    const { handle, framesBefore: base } = this.#slot;
    if (handle === undefined || this.#status !== 'running') return undefined;
    const after = Math.max(0, options.after - base);
    const frame = await this.#parts.vision.encodeFrame(handle, { ...options, after });
    // Closed meanwhile, perhaps on somebody's wish.
    if (!frame || this.#slot.handle !== handle || this.#resting() !== undefined) return undefined;
    return { ...frame, frameNumber: base + frame.frameNumber };
  }

  stats(): CameraStats {
    const fault = this.#faults.current;
    const picture = this.#slot.state()?.picture;
    return {
      status: this.#status,
      ...(fault === undefined ? {} : { fault }),
      ...this.#slot.counts(),
      losses: this.#losses,
      reopenings: this.#reopenings,
      ...(picture === undefined ? {} : { picture: looksOf(picture) }),
      delayMs: this.#faults.delayMs,
      ...this.#tally.stats(),
    };
  }

  /** Why nobody may be let in on account of these pictures; undefined where they can be trusted. */
  problem(): string | undefined {
    const { untrusted } = this.#faults;
    return untrusted && this.#faults.describe(untrusted);
  }

  /** The one place where what is wrong with a camera is declared. */
  health(): Health {
    if (this.#status === 'stopped') return { status: 'failed', detail: 'the camera is stopped' };
    if (this.#status === 'paused' || this.#status === 'private') return { status: 'degraded', detail: this.#status };
    if (this.#lossReason !== undefined) return { status: 'failed', detail: `the camera is lost: ${this.#lossReason}` };
    const fault = this.#faults.current;
    const words = fault && this.#faults.describe(fault);
    if (words !== undefined && this.#faults.isGrave) return { status: 'failed', detail: words };
    if (this.#status === 'ended') return { status: 'degraded', detail: 'the file was played to its end' };
    if (this.#status === 'opening') return { status: 'degraded', detail: 'the camera is being opened' };
    const problem = words ?? this.#analyser.problem();
    if (problem !== undefined) return { status: 'degraded', detail: problem };
    return { status: 'ok' };
  }

  /** Where it is closed though it is wanted; undefined where it may be open. */
  #resting(): 'stopped' | 'private' | 'paused' | undefined {
    if (!this.#isStarted) return 'stopped';
    if (this.#isPrivate) return 'private';
    return this.#isPaused ? 'paused' : undefined;
  }

  /** Ends the life that is not wanted any more, and begins the one that is: after it, and only once. */
  async #follow(): Promise<void> {
    if (this.#resting() !== undefined) {
      this.#generation++;
      this.#analyser.detach();
      this.#gate.open();
    }
    if (this.#lifeGeneration === this.#generation) return;
    await this.#life;
    const resting = this.#resting();
    if (resting !== undefined) {
      this.#log(this.#faults.clear());
      this.#enter(resting);
      // Before the start nothing was attempted.
      if (resting !== 'stopped') this.#attemptDone();
    } else if (this.#lifeGeneration === undefined) {
      this.#lifeGeneration = ++this.#generation;
      this.#life = this.#live(this.#generation).finally(() => (this.#lifeGeneration = undefined));
    }
  }

  async #live(generation: number): Promise<void> {
    for (let failures = 0; this.#isCurrent(generation); failures++) {
      const beganMs = this.#parts.clock();
      const outcome = await this.#capture(generation);
      this.#attemptDone();
      if (!this.#isCurrent(generation) || outcome.status === 'ended') return;
      const ranMs = this.#runningSinceMs === undefined ? 0 : this.#parts.clock() - this.#runningSinceMs;
      const faultMs = outcome.status === 'untrusted' ? this.#parts.config.freezeMs : 0;
      if (ranMs - faultMs >= STEADY_MS) failures = 0;
      const waitMs = BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)];
      // An attempt that failed slowly was a part of the wait.
      const openingMs = this.#runningSinceMs === undefined ? Math.max(0, this.#parts.clock() - beganMs) : 0;
      this.#gate.closeFor(Math.max(BACK_OFF_MS[0], waitMs - openingMs));
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
      const handle = this.#slot.open(() => this.#gate.wake());
      this.#analyser.attach(handle);
      outcome = await this.#watch(handle, generation);
    } catch (error) {
      outcome = { status: 'lost', reason: describeError(error) };
    }
    this.#analyser.detach();
    // Declared before the source is closed: closing one that hangs takes a while.
    if (this.#isCurrent(generation)) {
      if (outcome.status === 'lost') this.#enterLost(outcome.reason);
      else if (outcome.status === 'ended') this.#enter('ended');
      else this.#enterUntrusted();
    }
    this.#faults.reopened();
    await this.#slot.close();
    return outcome;
  }

  async #watch(handle: number, generation: number): Promise<Outcome> {
    const { addon } = this.#parts;
    for (;;) {
      const state = addon.captureState(handle);
      if (!this.#isCurrent(generation)) return { status: 'lost', reason: 'the camera is stopped' };
      if (state.status === 'running') this.#enterRunning(state);
      if (state.picture) this.#log(this.#faults.observe(state.picture));
      if (state.status === 'failed' || state.status === 'closed') {
        return { status: 'lost', reason: state.error || 'the source was lost' };
      }
      if (this.#faults.needsReopening) return { status: 'untrusted' };
      const isEnded = state.status === 'ended';
      const isFresh = this.#analyser.isFresh(state);
      if (!isFresh && isEnded && !this.#analyser.isBusy) {
        await this.#analyser.idle();
        return this.#endOf(state);
      }
      if (isFresh && this.#gate.isOpen && !this.#analyser.isBusy) {
        this.#analyser.begin(handle, isEnded ? state.frameNumber : undefined);
      } else {
        await this.#gate.wait();
      }
    }
  }

  /** A stream has no end, and a file without a single frame is a broken one. */
  #endOf(state: CaptureState): Outcome {
    if (this.#parts.config.source.type !== 'file') return { status: 'lost', reason: state.error || 'the stream ended' };
    if (state.frameNumber === 0) return { status: 'lost', reason: state.error || 'the file has no frame to read' };
    return { status: 'ended' };
  }

  #isCurrent(generation: number): boolean {
    return this.#generation === generation;
  }

  #enter(status: CameraStatus): void {
    if (status === this.#status) return;
    const { log, config } = this.#parts;
    const wasHeld = this.#status === 'paused' || this.#status === 'private';
    const isHeld = status === 'paused' || status === 'private';
    this.#status = status;
    if (status !== 'opening' && status !== 'running') this.#lossReason = undefined;
    if (status === 'ended') log.info({ cameraId: config.id }, 'the file was played to its end');
    if (isHeld && !wasHeld) log.info({ cameraId: config.id, status }, 'the camera is held closed');
    if (wasHeld && status === 'opening') log.info({ cameraId: config.id }, 'the camera may be opened again');
  }

  #enterRunning({ widthPx, heightPx, fps }: CaptureState): void {
    if (this.#status === 'running') return;
    this.#enter('running');
    this.#lossReason = undefined;
    this.#runningSinceMs = this.#parts.clock();
    this.#attemptDone();
    this.#parts.log.info({ cameraId: this.#parts.config.id, widthPx, heightPx, fps }, 'the camera is running');
  }

  #enterLost(words: string): void {
    const isNew = this.#lossReason === undefined;
    this.#losses++;
    this.#enter('lost');
    this.#lossReason = withoutSecrets(words, this.#parts.password);
    if (isNew) {
      this.#parts.log.warn({ cameraId: this.#parts.config.id, reason: this.#lossReason }, 'the camera is lost');
    }
  }

  /** The fault stays declared until the pictures of a new connection show that it is over. */
  #enterUntrusted(): void {
    this.#reopenings++;
    this.#enter('opening');
  }

  #log(changes: readonly FaultChange[]): void {
    const { log, config } = this.#parts;
    for (const { fault, begins } of changes) {
      if (!begins) {
        log.info({ cameraId: config.id, fault }, 'the fault of the picture is over');
        continue;
      }
      const picture = this.#slot.state()?.picture;
      const fields = {
        cameraId: config.id,
        fault,
        reason: this.#faults.describe(fault),
        ...(picture && looksOf(picture)),
      };
      log.warn(fields, 'the picture of the camera is at fault');
    }
  }
}

function looksOf({ mean, deviation, sharpness }: { mean: number; deviation: number; sharpness: number }) {
  const rounded = (level: number): number => Math.round(level * 100) / 100;
  return { mean: rounded(mean), deviation: rounded(deviation), sharpness: rounded(sharpness) };
}
