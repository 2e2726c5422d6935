// Lines for a liveness trial at a camera: one for each frame, and one after each second without a frame.
import { expect, test } from 'vitest';
import { streamLivenessLines } from '../../src/recognition/liveness-lines.js';
import type { AnalysedFrame } from '../../src/vision/vision.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { cameraConfig } from '../camera/test-camera.js';
import { face } from './door.js';

function watched(keys: object = {}) {
  const listeners = new Set<(frame: AnalysedFrame) => void>();
  const timers = new ManualTimers();
  const cameras = {
    watch: (_cameraId: string, listener: (frame: AnalysedFrame) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const lines = streamLivenessLines(cameras, cameraConfig(keys), 0.5, timers);
  const next = async (): Promise<unknown> => JSON.parse(Buffer.from((await lines.next()).value ?? '').toString());
  const show = (faces: AnalysedFrame['faces']): void => {
    const frame = { frameNumber: 1, capturedAtMs: timers.nowMs, widthPx: 640, heightPx: 480, streamChanges: 0, faces };
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
  const evidence = { attack: [], doubts: [] };
  expect(await first).toEqual({ faces: 1, threshold: 0.5, evidence, score: 3, quality: 0.8 });
  expect(await next()).toEqual({ faces: 2, threshold: 0.5 });
  expect(timers.waitingMs).toEqual([]);
});

test('evidence is collected over the frames of one stream', async () => {
  const { next, show } = watched();
  const presentation = { periodicity: 100, chroma: 20, surroundingChroma: 20 };
  const lines: unknown[] = [];
  for (let n = 0; n < 4; n++) {
    const line = next();
    show([{ ...anna, presentation }]);
    lines.push(await line);
  }
  expect(lines[0]).toMatchObject({ evidence: { attack: [] } });
  expect(lines[3]).toMatchObject({ evidence: { attack: ['pattern'], doubts: [] }, score: 3 });
  const other = watched();
  const line = other.next();
  other.show([anna]);
  expect(await line).toMatchObject({ evidence: { attack: [] } });
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

test('a slow camera is no lost one: the next frame is waited for', async () => {
  const { next, show, timers } = watched({ maxFps: 0.5 });
  for (let n = 0; n < 4; n++) {
    const line = next();
    await timers.advance(2_500);
    show([anna]);
    expect(await line).toMatchObject({ faces: 1 });
  }
  const quiet = next();
  await timers.advance(7_500);
  expect(await quiet).toEqual({ faces: 0, threshold: 0.5 });
});
