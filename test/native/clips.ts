// Makes clips of joined JPEGs whose grey level encodes the frame number, and waits for captures.
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { CapturedFrame, CaptureOptions, CaptureState, CaptureStatus } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';
import { addon, paint, wrap } from './pictures.js';

const GREY_STEP = 8;

/** Number of frames that can be distinguished. */
export const MOST_FRAMES = 32;

/** Makes a picture of 160 x 120 px whose grey level encodes its number. */
export function numberedJpeg(number: number): Buffer {
  const grey = (number % MOST_FRAMES) * GREY_STEP;
  return addon.encodeJpeg(wrap(paint(160, 120, () => [grey, grey, grey])), 90);
}

/** Writes frames 0 to count - 1. @returns the path of the clip, which is removed after the test */
export function clip(count: number): string {
  const path = join(tempDir(), 'clip.mjpeg');
  writeFileSync(path, Buffer.concat(Array.from({ length: count }, (_, number) => numberedJpeg(number))));
  return path;
}

/** Reads the number of a clip's frame from its grey level. */
export function readNumber(frame: CapturedFrame): number {
  const middle = new Uint8Array(3);
  addon.warp(frame, middle, { widthPx: 1, heightPx: 1, matrix: [1, 0, -80, 0, 1, -60], border: 'constant' });
  return Math.round(middle[1]! / GREY_STEP);
}

type Source = CaptureOptions['source'];

export const lockstep = (path: string, loop = false) => ({ type: 'file', path, loop, realTime: false }) as const;
export const paced = (path: string, loop = false) => ({ type: 'file', path, loop, realTime: true }) as const;

export function captureOptions(source: Source, changes: Partial<CaptureOptions> = {}): CaptureOptions {
  return { source, widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 5_000, readTimeoutMs: 5_000, ...changes };
}

/** A capture that is closed at the end of the running test. */
export class TestCapture {
  readonly handle: number;
  /** Number of calls of onChange. */
  changes = 0;
  #waiting: (() => void)[] = [];

  constructor(source: Source, options: Partial<CaptureOptions> = {}) {
    this.handle = addon.openCapture(captureOptions(source, options), () => {
      this.changes++;
      for (const wake of this.#waiting.splice(0)) wake();
    });
    onTestFinished(() => addon.closeCapture(this.handle));
  }

  get state(): CaptureState {
    return addon.captureState(this.handle);
  }

  /** Resolves with the value of `look` when it is neither undefined nor false; tries again after each change. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    // The interval keeps the event loop alive, because onChange does not.
    const alive = setInterval(() => undefined, 1_000);
    try {
      for (;;) {
        const found = look();
        if (found !== undefined && found !== false) return found;
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    } finally {
      clearInterval(alive);
    }
  }

  async untilStatus(...statuses: CaptureStatus[]): Promise<CaptureState> {
    return this.until(() => statuses.includes(this.state.status) && this.state);
  }

  /** Takes frames until the capture ends or fails. */
  async takeAll(): Promise<CapturedFrame[]> {
    const frames: CapturedFrame[] = [];
    await this.until(() => {
      const frame = addon.captureFrame(this.handle, frames.at(-1)?.frameNumber ?? 0);
      if (frame) frames.push(frame);
      return !['opening', 'running'].includes(this.state.status);
    });
    return frames;
  }
}

/** Makes a server listen on 127.0.0.1 on a free port. @returns the port */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Starts a server that accepts connections and never answers; it ends with the test. @returns its URL */
export async function silentServer(): Promise<string> {
  const server = createServer((socket) => onTestFinished(() => void socket.destroy()));
  const port = await listen(server);
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${port}/`;
}
