// The open capture of a camera, if any, and the counters over all its captures.
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import type { Addon, CaptureOptions, CaptureState } from '../native/addon.js';
import { withoutSecrets } from './capture-source.js';

/** The part of the addon that a camera uses. */
export type CaptureAddon = Pick<Addon, 'openCapture' | 'captureState' | 'captureFrame' | 'closeCapture'>;

export interface CaptureSlotParts {
  cameraId: string;
  addon: CaptureAddon;
  options: CaptureOptions;
  /** Password of the source, which must not reach a log. */
  password: string | undefined;
  log: Log;
}

export class CaptureSlot {
  readonly #parts: CaptureSlotParts;
  #handle: number | undefined;
  /** Frames read and dropped by the captures that are closed. */
  #frames = 0;
  #dropped = 0;
  #damaged = 0;

  constructor(parts: CaptureSlotParts) {
    this.#parts = parts;
  }

  /** Handle of the open capture; undefined when none is open. */
  get handle(): number | undefined {
    return this.#handle;
  }

  /** Number of frames of the closed captures: the frame numbers of the open one continue from there. */
  get framesBefore(): number {
    return this.#frames;
  }

  /** Opens a capture; none may be open. @throws what the addon throws */
  open(onChange: () => void): number {
    this.#handle = this.#parts.addon.openCapture(this.#parts.options, onChange);
    return this.#handle;
  }

  /** Returns the state of the open capture; undefined when none is open, or when the addon cannot say. */
  state(): CaptureState | undefined {
    try {
      return this.#handle === undefined ? undefined : this.#parts.addon.captureState(this.#handle);
    } catch {
      return undefined;
    }
  }

  /** Counts over all captures: frames read, frames that were overwritten before they were taken, and damaged pictures that were skipped. */
  counts(): { frames: number; dropped: number; damaged: number } {
    const state = this.state();
    return {
      frames: this.#frames + (state?.frameNumber ?? 0),
      dropped: this.#dropped + (state?.dropped ?? 0),
      damaged: this.#damaged + (state?.damaged ?? 0),
    };
  }

  /** Closes the capture: it delivers no further frame. Resolves when it is closed. Never rejects. */
  async close(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) return;
    const { frames, dropped, damaged } = this.counts();
    this.#frames = frames;
    this.#dropped = dropped;
    this.#damaged = damaged;
    this.#handle = undefined;
    const { addon, cameraId, password, log } = this.#parts;
    try {
      await addon.closeCapture(handle);
    } catch (error) {
      log.warn({ cameraId, reason: withoutSecrets(describeError(error), password) }, 'a capture did not close');
    }
  }
}
