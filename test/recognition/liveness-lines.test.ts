// Lines for a liveness trial at a camera: one for each frame, and one after each second without a frame.
import { expect, test } from 'vitest';
import { streamLivenessLines } from '../../src/recognition/liveness-lines.js';
import type { AnalysedFrame } from '../../src/vision/vision.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { face } from './door.js';

function watched() {
  const listeners = new Set<(frame: AnalysedFrame) => void>();
  const timers = new ManualTimers();
  const cameras = {
    watch: (_cameraId: string, listener: (frame: AnalysedFrame) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const lines = streamLivenessLines(cameras, 'front', 0.5, timers);
  const next = async (): Promise<unknown> => JSON.parse(Buffer.from((await lines.next()).value ?? '').toString());
  const show = (faces: AnalysedFrame['faces']): void => {
    const frame = { frameNumber: 1, capturedAtMs: timers.nowMs, widthPx: 640, heightPx: 480, faces };
    listeners.forEach((listener) => listener(frame));
  };
  return { lines, listeners, timers, next, show };
}

const anna = face({ person: 1, x: 320, liveness: 3 });

test('a frame with one fit face has its score; several faces have none', async () => {
  const { next, show, timers } = watched();
  const first = next();
  show([anna]);
  show([anna, face({ person: 2, x: 100, liveness: 3 })]);
  expect(await first).toEqual({ faces: 1, threshold: 0.5, score: 3, quality: 0.8 });
  expect(await next()).toEqual({ faces: 2, threshold: 0.5 });
  expect(timers.waitingMs).toEqual([]);
});

test('a camera that sends nothing gives lines without a face, and a reader that went away is not kept', async () => {
  const { lines, next, timers, listeners } = watched();
  const quiet = next();
  await timers.advance(1_000);
  expect(await quiet).toEqual({ faces: 0, threshold: 0.5 });
  const left = lines.next();
  const ended = lines.return(undefined);
  await timers.advance(1_000);
  await Promise.all([left, ended]);
  expect(listeners.size).toBe(0);
  expect(timers.waitingMs).toEqual([]);
});
