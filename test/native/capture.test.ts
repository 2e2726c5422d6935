// Captures of real files, their frames and their handles.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/temp-dir.js';
import { captureOptions, clip, lockstep, numberedJpeg, readNumber, paced, silentServer, TestCapture } from './clips.js';
import { addon, levels, paint, wrap } from './pictures.js';

describe('a file in lockstep', () => {
  test('gives every frame exactly once and in order, then ends', async () => {
    const capture = new TestCapture(lockstep(clip(24)));
    const frames = await capture.takeAll();
    expect(frames.map(readNumber)).toEqual(Array.from({ length: 24 }, (_, i) => i));
    expect(frames.map((frame) => frame.frameNumber)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(capture.state).toMatchObject({
      status: 'ended',
      error: '',
      frameNumber: 24,
      dropped: 0,
      widthPx: 160,
      heightPx: 120,
    });
  });

  test('reads the next frame only after the last one was taken', async () => {
    const capture = new TestCapture(lockstep(clip(5)));
    const first = await capture.until(() => addon.captureFrame(capture.handle, 0));
    await capture.until(() => capture.state.frameNumber === 2);
    // The second frame is waiting. Asking for a newer one does not take it.
    expect(addon.captureFrame(capture.handle, 2)).toBeUndefined();
    expect(first.frameNumber).toBe(1);
    expect(capture.state).toMatchObject({ status: 'running', frameNumber: 2, dropped: 0 });
  });

  test('starts again at its end when it is played in a loop', async () => {
    const capture = new TestCapture(lockstep(clip(3), true));
    const seen: number[] = [];
    await capture.until(() => {
      const frame = addon.captureFrame(capture.handle, seen.length);
      if (frame) seen.push(readNumber(frame));
      return seen.length === 8;
    });
    expect(seen).toEqual([0, 1, 2, 0, 1, 2, 0, 1]);
  });

  test('fails when it is removed while it is played in a loop', async () => {
    const path = clip(2);
    const capture = new TestCapture(lockstep(path, true));
    await capture.until(() => addon.captureFrame(capture.handle, 0));
    rmSync(path);
    await capture.takeAll();
    expect(capture.state).toMatchObject({ status: 'failed', error: 'the file does not exist' });
  });

  test('skips a damaged picture', async () => {
    const pictures = [0, 1, 2, 3, 4, 5].map(numberedJpeg);
    pictures[3] = pictures[3]!.subarray(0, 300);
    const path = join(tempDir(), 'damaged.mjpeg');
    writeFileSync(path, Buffer.concat(pictures));
    const capture = new TestCapture(lockstep(path));
    const numbers = (await capture.takeAll()).map(readNumber);
    expect(capture.state.status).toBe('ended');
    expect(numbers).toEqual(expect.arrayContaining([0, 1, 2, 5]));
  });
});

describe('a file in real time', () => {
  test('plays at its frame rate, and counts the frames that were not taken', async () => {
    const started = performance.now();
    const capture = new TestCapture(paced(clip(10)));
    const state = await capture.untilStatus('ended');
    // The file declares no frame rate, so its 10 frames are played at 25 per second.
    expect(performance.now() - started).toBeGreaterThan(9 * 40);
    expect(state).toMatchObject({ frameNumber: 10, dropped: 9 });
    const last = addon.captureFrame(capture.handle, 0);
    expect(last?.frameNumber).toBe(10);
    expect(addon.captureFrame(capture.handle, 10)).toBeUndefined();
  });

  test('drops no frame when all are taken in time', async () => {
    const capture = new TestCapture(paced(clip(10)));
    const frames = await capture.takeAll();
    expect(frames).toHaveLength(10);
    expect(capture.state.dropped).toBe(0);
    const times = frames.map((frame) => frame.capturedAtMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[9]! - times[0]!).toBeGreaterThan(8 * 40);
    expect(Math.abs(times[9]! - Date.now())).toBeLessThan(5_000);
  });

  test('plays for longer than its length in a loop', async () => {
    const capture = new TestCapture(paced(clip(2), true));
    await capture.until(() => capture.state.frameNumber >= 6);
    expect(capture.state.status).toBe('running');
  });
});

describe('a captured frame', () => {
  async function oneFrame(colour: number[]) {
    const path = join(tempDir(), 'one.mjpeg');
    const jpeg = addon.encodeJpeg(wrap(paint(64, 48, () => colour)), 98);
    writeFileSync(path, Buffer.concat([jpeg, jpeg]));
    const capture = new TestCapture(lockstep(path));
    return { capture, frame: await capture.until(() => addon.captureFrame(capture.handle, 0)) };
  }

  test('has its colours in the requested order', async () => {
    const { frame } = await oneFrame([200, 100, 50]);
    const near = (level: number, expected: number): void => expect(Math.abs(level - expected)).toBeLessThan(8);
    const bytes = new Uint8Array(3);
    addon.warp(frame, bytes, { widthPx: 1, heightPx: 1, matrix: [1, 0, -9, 0, 1, -9], border: 'constant' });
    [200, 100, 50].forEach((level, i) => near(bytes[i]!, level));
    for (const [order, expected] of [['rgb', [200, 100, 50]] as const, ['bgr', [50, 100, 200]] as const]) {
      const tensor = new Float32Array(64 * 48 * 3);
      addon.letterbox(frame, tensor, { ...levels, order, widthPx: 64, heightPx: 48, scale: 1, offsetX: 0, offsetY: 0 });
      expected.forEach((level, channel) => near(tensor[channel * 64 * 48 + 777]!, level));
    }
  });

  test('stays valid after its capture is closed', async () => {
    const { capture, frame } = await oneFrame([240, 240, 240]);
    await addon.closeCapture(capture.handle);
    expect(addon.encodeJpeg(frame, 80).length).toBeGreaterThan(100);
  });

  test('cannot be used after its release, while another object of the same frame can', async () => {
    const { capture, frame } = await oneFrame([10, 240, 240]);
    const other = addon.captureFrame(capture.handle, 0);
    frame.release();
    expect(() => addon.encodeJpeg(frame, 80)).toThrow(TypeError);
    expect(other && addon.encodeJpeg(other, 80).length).toBeGreaterThan(100);
  });

  test('is not overwritten by later frames', async () => {
    const capture = new TestCapture(lockstep(clip(20)));
    const frames = await capture.takeAll();
    expect(frames.map(readNumber)).toEqual(frames.map((_, i) => i));
  });
});

describe('a handle', () => {
  test('has the status closed after one or more calls of closeCapture', async () => {
    const capture = new TestCapture(paced(clip(50)));
    await capture.until(() => addon.captureFrame(capture.handle, 0));
    const first = addon.closeCapture(capture.handle);
    expect(capture.state.status).toBe('closed');
    await Promise.all([first, addon.closeCapture(capture.handle)]);
    await addon.closeCapture(capture.handle);
    expect(capture.state).toMatchObject({ status: 'closed', error: '' });
    expect(addon.captureFrame(capture.handle, 0)).toBeUndefined();
  });

  test('can be closed while the source is being opened', async () => {
    const url = await silentServer();
    const capture = new TestCapture({ type: 'url', url }, { openTimeoutMs: 600 });
    const started = performance.now();
    await addon.closeCapture(capture.handle);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('reports a failure even when it was closed before its state was read', async () => {
    const capture = new TestCapture(paced('/nowhere/none.mp4'));
    await capture.until(() => capture.changes > 0);
    expect(capture.state.status).toBe('failed');
    await addon.closeCapture(capture.handle);
    expect(capture.state.status).toBe('closed');
  });

  test.each<[unknown, new () => Error]>([
    [0, RangeError],
    [-1, RangeError],
    [1.5, RangeError],
    [NaN, RangeError],
    [1_000_000, RangeError],
    [1e20, RangeError],
    ['1', TypeError],
    [undefined, TypeError],
  ])('is refused if openCapture never returned it: %s', (handle, kind) => {
    expect(() => addon.captureState(handle as number)).toThrow(kind);
    expect(() => addon.captureFrame(handle as number, 0)).toThrow(kind);
    expect(() => addon.closeCapture(handle as number)).toThrow(kind);
  });

  test.each<[unknown, new () => Error]>([
    [-1, RangeError],
    [NaN, RangeError],
    [Infinity, RangeError],
    ['0', TypeError],
    [undefined, TypeError],
  ])('is refused with an invalid frame number: %s', (after, kind) => {
    const capture = new TestCapture(paced('/nowhere/none.mp4'));
    expect(() => addon.captureFrame(capture.handle, after as number)).toThrow(kind);
  });

  test.each<[string, object, new () => Error]>([
    ['no source', { source: undefined }, TypeError],
    ['an unknown source', { source: { type: 'webcam' } }, TypeError],
    ['a device without a path', { source: { type: 'device' } }, TypeError],
    ['an empty path', { source: { type: 'device', path: '' } }, RangeError],
    ['a path with a NUL', { source: { type: 'device', path: '/dev/video0\0' } }, TypeError],
    ['a file that does not say whether it loops', { source: { type: 'file', path: '/x', realTime: true } }, TypeError],
    ['an empty URL', { source: { type: 'url', url: '' } }, RangeError],
    ['a pipeline that is no text', { source: { type: 'gstreamer', pipeline: 5 } }, TypeError],
    ['a negative width', { widthPx: -1 }, RangeError],
    ['a fractional height', { heightPx: 0.5 }, RangeError],
    ['a rate that is NaN', { fps: NaN }, RangeError],
    ['a negative rate', { fps: -5 }, RangeError],
    ['no open time-out', { openTimeoutMs: 0 }, RangeError],
    ['an endless read time-out', { readTimeoutMs: Infinity }, RangeError],
  ])('is not created for %s', (_, changes, kind) => {
    const options = { ...captureOptions(paced('/nowhere/none.mp4')), ...changes };
    expect(() => addon.openCapture(options, () => undefined)).toThrow(kind);
  });

  test('is not created without a callback', () => {
    const options = captureOptions(paced('/nowhere/none.mp4'));
    expect(() => addon.openCapture(options, undefined as unknown as () => void)).toThrow(TypeError);
  });
});
