// The return of freed memory to the kernel.
import { expect, test } from 'vitest';
import { ADDON_PATH } from '../../src/native/addon.js';
import { runChild } from './child.js';

test('freed memory goes back to the kernel when it is trimmed, although a block behind it is still in use', async () => {
  const script = `
    // Small pictures, so that none of them has a mapping of its own. Every twentieth one stays.
    const pixels = new Uint8Array(400 * 400 * 3).fill(7);
    const images = Array.from({ length: 200 }, () => addon.wrapRgb(pixels.slice(), 400, 400));
    const crops = Array.from({ length: 300 }, () => Buffer.alloc(400_000, 1));
    const full = process.memoryUsage.rss();
    images.forEach((image, i) => i % 20 === 0 || image.release());
    crops.length = 0;
    gc();
    setTimeout(async () => {
      gc();
      const answer = await addon.trimMemory();
      console.log(JSON.stringify({ full, trimmed: process.memoryUsage.rss(), answer: answer ?? null }));
      process.exit(0);
    }, 0);
    void images;`;
  const { stdout, stderr } = await runChild(script, null);
  expect(stderr).toBe('');
  const { full, trimmed, answer } = JSON.parse(stdout) as { full: number; trimmed: number; answer: unknown };
  expect(answer).toBeNull();
  expect(full - trimmed).toBeGreaterThan(150e6);
});

test('garbage is collected on demand, in the thread that asks for it', async () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    const measure = async (collect) => {
      const garbage = Array.from({ length: 20 }, () => new WeakRef(new Float32Array(1_000_000)));
      const kept = new Float32Array(1_000).fill(3);
      // What a WeakRef was made of lives until the end of the turn.
      await new Promise((resolve) => setTimeout(resolve, 0));
      collect();
      collect();
      return [garbage.filter((ref) => ref.deref()).length, kept[999]];
    };
    const { collectGarbage } = addon;
    void measure(collectGarbage).then((main) => {
      const code =
        'const { workerData, parentPort } = require("node:worker_threads");' +
        'const { collectGarbage } = require(workerData);' +
        'void (' + measure + ')(collectGarbage).then((other) => parentPort.postMessage(other));';
      const worker = new Worker(code, { eval: true, workerData: ${JSON.stringify(ADDON_PATH)} });
      worker.once('message', (other) => {
        console.log(JSON.stringify({ main, other }));
        process.exit(0);
      });
    });`;
  const { stdout, stderr } = await runChild(script, null);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ main: [0, 3], other: [0, 3] });
});

test('the pages of the program can be dropped, and the program goes on', async () => {
  const script = `
    const before = process.memoryUsage.rss();
    const dropped = addon.dropProgramPages();
    const after = process.memoryUsage.rss();
    console.log(JSON.stringify({ before, after, dropped, sum: [1, 2, 3].reduce((a, b) => a + b) }));`;
  const { stdout, stderr, code } = await runChild(script, null);
  expect([stderr, code]).toEqual(['', 0]);
  const { before, after, dropped, sum } = JSON.parse(stdout) as Record<string, number>;
  expect(sum).toBe(6);
  expect(dropped).toBeGreaterThan(20e6);
  expect(before! - after!).toBeGreaterThan(10e6);
});
