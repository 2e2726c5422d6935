// The capture of a camera that is open now, where one is, and what was counted over all of them.
import { describeError } from '../errors.js';
import type { Log } from '../domain/log.js';
import type { Addon, CaptureOptions, CaptureState } from '../native/addon.js';
import { withoutSecrets } from './capture-source.js';

/** The part of the addon that a camera uses. */
export type CaptureAddon = Pick<Addon, 'openCapture' | 'captureState' | 'captureFrame' | 'closeCapture'>;

export interface CaptureSlotParts {
  cameraId: string;
  addon: CaptureAddon;
  options: CaptureOptions;
  /** Which no log may hold. */
  password: string | undefined;
  log: Log;
}

export class CaptureSlot {
  readonly #parts: CaptureSlotParts;
  #handle: number | undefined;
  /** Of the captures that are closed. */
  #frames = 0;
  #dropped = 0;

  constructor(parts: CaptureSlotParts) {
    this.#parts = parts;
  }

  /** Undefined while none is open. */
  get handle(): number | undefined {
    return this.#handle;
  }

  /** Frames of the captures that are closed: where the numbers of the open one begin. */
  get framesBefore(): number {
    return this.#frames;
  }

  /** Only while none is open. @throws what the addon throws */
  open(onChange: () => void): number {
    this.#handle = this.#parts.addon.openCapture(this.#parts.options, onChange);
    return this.#handle;
  }

  /** Undefined while none is open, or where it cannot be told. */
  state(): CaptureState | undefined {
    try {
      return this.#handle === undefined ? undefined : this.#parts.addon.captureState(this.#handle);
    } catch {
      return undefined;
    }
  }

  /** Over all captures: frames read, and those of them that were overwritten before anyone took them. */
  counts(): { frames: number; dropped: number } {
    const state = this.state();
    return { frames: this.#frames + (state?.frameNumber ?? 0), dropped: this.#dropped + (state?.dropped ?? 0) };
  }

  /** Resolves when it is closed; from now on it gives no frame. */
  async close(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) return;
    const { frames, dropped } = this.counts();
    this.#frames = frames;
    this.#dropped = dropped;
    this.#handle = undefined;
    const { addon, cameraId, password, log } = this.#parts;
    try {
      await addon.closeCapture(handle);
    } catch (error) {
      log.warn({ cameraId, reason: withoutSecrets(describeError(error), password) }, 'a capture did not close');
    }
  }
}
