// The state of one camera: its status, why it was lost, how often; with a log line for each change.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import type { CaptureState } from '../native/addon.js';
import { withoutSecrets } from './capture-source.js';

/**
 * `lost`: waits for its next attempt. `ended`: a file was played to its end. `paused`, `private`: closed on request, for this camera or by
 * the privacy switch.
 */
export type CameraStatus = 'stopped' | 'opening' | 'running' | 'lost' | 'ended' | 'paused' | 'private';

export interface CameraStateParts {
  cameraId: string;
  /** Password of the source, which must not reach a log. */
  password: string | undefined;
  clock: Clock;
  log: Log;
  /** Called after the status has changed. */
  onChange?: (() => void) | undefined;
}

export class CameraState {
  readonly #parts: CameraStateParts;
  #status: CameraStatus = 'stopped';
  #lossReason: string | undefined;
  #runningSinceMs: number | undefined;
  /** Number of times that the source was lost or could not be opened. */
  losses = 0;
  /** Number of times that the source was closed because its picture could not be trusted. */
  reopenings = 0;

  constructor(parts: CameraStateParts) {
    this.#parts = parts;
  }

  get status(): CameraStatus {
    return this.#status;
  }

  /** Why the camera was lost, without secrets; until it runs again, or is closed on request. */
  get lossReason(): string | undefined {
    return this.#lossReason;
  }

  /** Time since which the current capture runs; undefined when it has not run yet. */
  get runningSinceMs(): number | undefined {
    return this.#runningSinceMs;
  }

  enter(status: CameraStatus): void {
    if (status === this.#status) return;
    const { log, cameraId } = this.#parts;
    const wasHeld = isHeld(this.#status);
    this.#status = status;
    if (status !== 'opening' && status !== 'running') this.#lossReason = undefined;
    if (status === 'ended') log.info({ cameraId }, 'the file was played to its end');
    if (isHeld(status) && !wasHeld) log.info({ cameraId, status }, 'the camera is held closed');
    if (wasHeld && status === 'opening') log.info({ cameraId }, 'the camera may be opened again');
    this.#parts.onChange?.();
  }

  enterOpening(): void {
    this.enter('opening');
    this.#runningSinceMs = undefined;
  }

  /** Records that the capture runs. @returns whether it did not run before */
  enterRunning({ widthPx, heightPx, fps }: CaptureState): boolean {
    if (this.#status === 'running') return false;
    const { log, cameraId, clock } = this.#parts;
    this.enter('running');
    this.#lossReason = undefined;
    this.#runningSinceMs = clock();
    log.info({ cameraId, widthPx, heightPx, fps }, 'the camera is running');
    return true;
  }

  /** A loss is logged once, until the camera runs again. */
  enterLost(reason: string): void {
    const { log, cameraId, password } = this.#parts;
    const isNew = this.#lossReason === undefined;
    this.losses++;
    this.enter('lost');
    this.#lossReason = withoutSecrets(reason, password);
    if (isNew) log.warn({ cameraId, reason: this.#lossReason }, 'the camera is lost');
  }

  /** The source is closed and opened again because of a picture fault, which stays declared until new pictures show that it is over. */
  enterUntrusted(): void {
    this.reopenings++;
    this.enter('opening');
  }
}

function isHeld(status: CameraStatus): boolean {
  return status === 'paused' || status === 'private';
}
