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
      const fill = () => {
        const buffers = Array.from({ length: 20 }, () => new Float32Array(1_000_000));
        return process.memoryUsage().arrayBuffers + 0 * buffers.length;
      };
      const full = fill();
      // A collection that V8 had begun by itself keeps what was made meanwhile, and buffers are freed some milliseconds later.
      for (let i = 0; i < 3; i++) {
        collect();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return { full, rest: process.memoryUsage().arrayBuffers };
    };
    const { collectGarbage } = addon;
    const kept = [new Float32Array(1000).fill(3)];
    const worker = new Worker(
      'const { workerData, parentPort } = require("node:worker_threads");' +
        'const { collectGarbage } = require(workerData);' +
        '(' + measure + ')(collectGarbage).then((figures) => parentPort.postMessage(figures));',
      { eval: true, workerData: require.resolve(${JSON.stringify(ADDON_PATH)}) },
    );
    worker.once('message', async (other) => {
      console.log(JSON.stringify({ main: await measure(collectGarbage), other, kept: kept[0][999] }));
      process.exit(0);
    });`;
  const { stdout, stderr } = await runChild(script, null);
  expect(stderr).toBe('');
  const { main, other, kept } = JSON.parse(stdout) as Record<'main' | 'other', { full: number; rest: number }> & {
    kept: number;
  };
  expect(kept).toBe(3);
  for (const { full, rest } of [main, other]) {
    expect(full).toBeGreaterThan(80e6);
    expect(rest).toBeLessThan(8e6);
  }
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
