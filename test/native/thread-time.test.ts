// The processor time of a thread: it counts the work of the calling thread alone.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ADDON_PATH, loadAddon } from '../../src/native/addon.js';

const addon = loadAddon();

function work(ms: number): void {
  const until = addon.threadCpuMs() + ms;
  while (addon.threadCpuMs() < until);
}

describe('the processor time of a thread', () => {
  it('grows by the work of the thread, and never beyond the time that passes', () => {
    const [wallMs, usedMs] = [performance.now(), addon.threadCpuMs()];
    work(20);
    const used = addon.threadCpuMs() - usedMs;
    expect(used).toBeGreaterThanOrEqual(20);
    expect(used).toBeLessThanOrEqual(performance.now() - wallMs + 1);
  });

  it('does not count the work of another thread', async () => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const addon = require(workerData);
      const start = addon.threadCpuMs();
      while (addon.threadCpuMs() < start + 200);
      parentPort.postMessage(addon.threadCpuMs());`;
    const before = addon.threadCpuMs();
    const worker = new Worker(code, { eval: true, workerData: ADDON_PATH });
    const [used] = (await once(worker, 'message')) as [number];
    expect(used).toBeGreaterThanOrEqual(200);
    expect(addon.threadCpuMs() - before).toBeLessThan(150);
    await worker.terminate();
  });
});
