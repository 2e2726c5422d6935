// Cameras on real files through the real addon, in real time; only the models are scripted.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { BACK_OFF_MS, Camera } from '../../src/camera/camera.js';
import { systemTimers, type Timers } from '../../src/domain/time.js';
import { AppError } from '../../src/errors.js';
import { loadAddon } from '../../src/native/addon.js';
import type { AnalysedFrame } from '../../src/vision/vision.js';
import { tempDir } from '../support/temp-dir.js';
import { clip } from './clips.js';
import { ScriptedVision } from './scripted-vision.js';
import { cameraConfig, RecordedLog } from './test-camera.js';

const addon = loadAddon();
const patience = { timeout: 15_000, interval: 5 };

/** The waits between attempts are a hundredth of the real ones; all else is too short to matter. */
const quickTimers: Timers = {
  ...systemTimers,
  setTimeout: (callback, delayMs) =>
    systemTimers.setTimeout(callback, delayMs >= BACK_OFF_MS[0] ? delayMs / 100 : delayMs),
};

function setUp(source: object, keys: object = {}) {
  const vision = new ScriptedVision(addon);
  const log = new RecordedLog();
  const frames: AnalysedFrame[] = [];
  const onFrame = async (frame: AnalysedFrame) => void frames.push(frame);
  const config = cameraConfig({ source: { type: 'file', ...source }, maxFps: 240, ...keys });
  const camera = new Camera({ config, addon, vision, onFrame, clock: Date.now, timers: quickTimers, log });
  onTestFinished(() => camera.stop());
  const start = () => camera.start(new AbortController().signal);
  const becomes = (status: string) => vi.waitFor(() => expect(camera.status).toBe(status), patience);
  return { camera, vision, log, frames, start, becomes, numbers: () => frames.map((frame) => frame.frameNumber) };
}

function file(name: string, content: Buffer | string): string {
  const path = join(tempDir(), name);
  writeFileSync(path, content);
  return path;
}

describe('a file', () => {
  test('that is not in real time is analysed frame by frame to its end', async () => {
    const { camera, start, becomes, frames, numbers, vision } = setUp({
      path: file('clip.mjpeg', clip(addon, 20)),
      realTime: false,
    });
    await start();
    await becomes('ended');
    expect(numbers()).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(frames[0]).toMatchObject({ widthPx: 160, heightPx: 120, faces: [] });
    expect(vision.mostUnderWay).toBe(1);
    expect(camera.stats()).toMatchObject({ frames: 20, dropped: 0, analysed: 20, refused: 0, errors: 0, losses: 0 });
  });

  test('in real time is played to its end, the last frame included', async () => {
    const { camera, start, becomes, numbers } = setUp({ path: file('clip.mjpeg', clip(addon, 8)) });
    const beganMs = Date.now();
    await start();
    await becomes('ended');
    // 25 frames per second: seven periods between the first frame and the last one.
    expect(Date.now() - beganMs).toBeGreaterThanOrEqual(270);
    expect(numbers().at(-1)).toBe(8);
    expect(camera.stats().frames).toBe(8);
  });

  test('that shows nothing but black is declared to be covered', async () => {
    const black = file('black.mjpeg', clip(addon, 1));
    const { camera, start, log } = setUp({ path: black, loop: true, realTime: false });
    await start();
    await vi.waitFor(() => expect(camera.stats().fault).toBe('covered'), patience);
    expect(camera.health().status).toBe('failed');
    expect(camera.problem()).toBeDefined();
    expect(log.messages).toEqual(['the camera is running', 'the picture of the camera has a fault']);
  });

  test('in a loop goes on beyond its end', async () => {
    const { start, becomes, numbers, camera } = setUp({
      path: file('clip.mjpeg', clip(addon, 3)),
      loop: true,
      realTime: false,
    });
    await start();
    await vi.waitFor(() => expect(numbers().length).toBeGreaterThan(10), patience);
    expect(numbers().slice(0, 10)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await camera.stop();
    await becomes('stopped');
    const count = numbers().length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(numbers()).toHaveLength(count);
  });

  test('keeps every frame when the queue was full in between', async () => {
    const { camera, start, becomes, numbers, vision } = setUp({
      path: file('clip.mjpeg', clip(addon, 6)),
      realTime: false,
    });
    vision.script = (analysis) => {
      if (analysis % 2 === 0) throw new AppError('SERVER_BUSY', 'the queue is full');
    };
    await start();
    await becomes('ended');
    expect(numbers()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(camera.stats()).toMatchObject({ refused: 5, errors: 0, analysed: 6 });
  });

  test('goes on without the frame that broke a worker', async () => {
    const { camera, start, becomes, numbers, vision } = setUp({
      path: file('clip.mjpeg', clip(addon, 4)),
      realTime: false,
    });
    vision.script = (analysis) => {
      if (analysis === 2) throw new AppError('WORKER_FAILED', 'the worker ended');
    };
    await start();
    await becomes('ended');
    expect(numbers()).toEqual([1, 3, 4]);
    expect(camera.stats()).toMatchObject({ errors: 1, analysed: 3, frames: 4 });
  });
});

describe('a source that does not work', () => {
  const broken = clip(addon, 1);
  test.each([
    { name: 'no such file', content: undefined, reason: /does not exist/ },
    { name: 'an empty file', content: '', reason: /empty/ },
    { name: 'a text file', content: 'not a video\n'.repeat(500), reason: /./ },
    { name: 'the first bytes of a picture', content: broken.subarray(0, 60), reason: /./ },
    { name: 'noise', content: Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * i * 31) % 251)), reason: /./ },
  ])('$name is declared, logged once and tried again', async ({ content, reason }) => {
    const path = join(tempDir(), 'clip.mjpeg');
    if (content !== undefined) writeFileSync(path, content);
    const { camera, start, log } = setUp({ path, realTime: false });
    await start();
    await vi.waitFor(() => expect(camera.stats().losses).toBeGreaterThanOrEqual(3), patience);
    expect(camera.health()).toMatchObject({ status: 'failed', detail: expect.stringMatching(reason) as string });
    expect(log.messages).toEqual(['the camera is lost']);
    await camera.stop();
    expect(camera.stats()).toMatchObject({ status: 'stopped', analysed: 0 });
  });

  test('a device that is not there is declared', async () => {
    const { camera, start, becomes } = setUp({ type: 'device', path: '/dev/video-of-nobody' });
    await start();
    await becomes('lost');
    expect(camera.health().detail).toMatch(/does not exist/);
  });

  test('a file that comes later is found', async () => {
    const folder = tempDir();
    const path = join(folder, 'clip.mjpeg');
    const { camera, start, becomes, log, numbers } = setUp({ path, realTime: false });
    await start();
    await vi.waitFor(() => expect(camera.stats().losses).toBeGreaterThanOrEqual(2), patience);
    writeFileSync(join(folder, 'unfinished'), clip(addon, 3));
    renameSync(join(folder, 'unfinished'), path);
    await becomes('ended');
    expect(numbers()).toEqual([1, 2, 3]);
    expect(log.messages).toEqual(['the camera is lost', 'the camera is running', 'the file was played to its end']);
  });

  test('half a video is played as far as it goes', async () => {
    const whole = clip(addon, 10);
    const { start, becomes, numbers } = setUp({
      path: file('clip.mjpeg', whole.subarray(0, Math.floor(whole.length / 2) + 20)),
      realTime: false,
    });
    await start();
    await becomes('ended');
    expect(numbers().length).toBeGreaterThanOrEqual(4);
    expect(numbers().length).toBeLessThan(10);
  });

  test('a looped file that disappears is lost, and found again', async () => {
    const path = file('clip.mjpeg', clip(addon, 3));
    const { camera, start, becomes, numbers } = setUp({ path, loop: true, realTime: false });
    await start();
    await vi.waitFor(() => expect(numbers().length).toBeGreaterThan(3), patience);
    rmSync(path);
    await vi.waitFor(() => expect(camera.stats().losses).toBeGreaterThan(0), patience);
    const before = camera.stats().frames;
    writeFileSync(path, clip(addon, 3));
    await becomes('running');
    await vi.waitFor(() => expect(camera.stats().frames).toBeGreaterThan(before + 3), patience);
  });
});

test('stopping while the source is being opened or analysed leaves nothing behind', async () => {
  const path = file('clip.mjpeg', clip(addon, 5));
  for (let round = 0; round < 10; round++) {
    const { camera, start, vision } = setUp({ path, loop: true, realTime: false });
    await start();
    if (round % 2 === 1) await vi.waitFor(() => expect(vision.asked.length).toBeGreaterThan(round), patience);
    await camera.stop();
    expect(camera.status).toBe('stopped');
    expect(vision.underWay).toBe(0);
  }
});
