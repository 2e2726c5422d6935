// Memory over many frames, crops and reopened captures.
import { expect, test } from 'vitest';
import { runChild } from './child.js';
import { clip } from './clips.js';

/**
 * Uses one C heap for all threads and a small young generation of the JavaScript heap. Otherwise each heap keeps the most
 * memory that it ever needed, which looks like a leak.
 */
const smallHeaps = { MALLOC_ARENA_MAX: '1', NODE_OPTIONS: '--max-semi-space-size=1' };

/** Measures the resident memory after garbage collection and after the finalizers, which run from the event loop. */
const SETTLED = `
  const settled = async () => {
    for (let i = 0; i < 3; i++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await addon.trimMemory();
    return process.memoryUsage().rss / 1e6;
  };
  setInterval(() => undefined, 1000);`;

/**
 * Takes frames: every second one is released, the others are left to garbage collection. Each frame is warped into
 * bytes and into a tensor and letterboxed; a wrapped buffer is warped as well; some become a JPEG. Prints the memory
 * after every 1,000.
 */
const TAKE = `
  const format = { order: 'bgr', mean: [127.5, 127.5, 127.5], std: [128, 128, 128] };
  const place = { widthPx: 112, heightPx: 112, matrix: [0.9, 0.1, 3, -0.1, 0.9, 8], border: 'reflect' };
  const padded = { widthPx: 160, heightPx: 120, scale: 0.75, offsetX: 9, offsetY: 9 };
  const crop = new Uint8Array(112 * 112 * 3);
  const face = new Float32Array(112 * 112 * 3);
  const whole = new Float32Array(160 * 120 * 3);
  const resident = [];
  let after = 0;
  const take = async () => {
    const frame = addon.captureFrame(handle, after);
    if (!frame) return;
    after = frame.frameNumber;
    addon.warp(frame, crop, place);
    addon.warpToTensor(frame, face, { ...place, ...format });
    addon.letterbox(frame, whole, { ...format, ...padded });
    addon.warp(addon.wrapRgb(crop, 112, 112), crop, place);
    if (after % 20 === 0) addon.encodeJpeg(frame, 80);
    if (after % 2) frame.release();
    if (after % 1000) return;
    resident.push(await settled());
    if (after < 12000) return;
    console.log(JSON.stringify(resident));
    process.exit(0);
  };
  const handle = addon.openCapture(options({ type: 'file', path: values, loop: true, realTime: false }), take);`;

/** Opens and closes captures, every third of them failing. Prints memory and threads after 500 and after 1,500. */
const REOPEN = `
  const { readdirSync } = require('node:fs');
  const once = (path) => new Promise((resolve) => {
    let done = false;
    const handle = addon.openCapture(options({ type: 'file', path, loop: true, realTime: true }), () => {
      if (done || addon.captureState(handle).status === 'opening') return;
      done = true;
      addon.captureFrame(handle, 0)?.release();
      addon.closeCapture(handle).then(resolve);
    });
  });
  const many = async (count) => {
    for (let i = 0; i < count; i++) await once(i % 3 ? values : '/nowhere');
    return [await settled(), readdirSync('/proc/self/task').length];
  };
  (async () => {
    console.log(JSON.stringify([await many(500), await many(1000)]));
    process.exit(0);
  })();`;

test('10,000 frames and 30,000 crops stay within 16 MB of memory', async () => {
  const { code, stdout, stderr } = await runChild(SETTLED + TAKE, clip(32), smallHeaps);
  expect([code, stderr]).toEqual([0, '']);
  const resident = JSON.parse(stdout) as number[];
  // 10,000 frames of 58 kB are 576 MB: a leak of 2 kB per frame would exceed the limit. The first 2,000 fill the pools.
  expect(Math.max(...resident.slice(8)) - Math.max(...resident.slice(2, 6))).toBeLessThan(16);
});

test('1,000 reopened captures after a warm-up of 500 stay within 10 MB of memory, and leave no thread', async () => {
  const { code, stdout, stderr } = await runChild(SETTLED + REOPEN, clip(3), smallHeaps);
  expect([code, stderr]).toEqual([0, '']);
  type Measured = [residentMb: number, threads: number];
  const [[early, threads], [late, threadsLate]] = JSON.parse(stdout) as [Measured, Measured];
  // A leak of 10 kB per capture would exceed the limit.
  expect(late - early).toBeLessThan(10);
  expect(threadsLate).toBeLessThanOrEqual(threads);
});
