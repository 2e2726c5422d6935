// The addon in several worker threads at the same time, and at the end of threads and of the process.
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ADDON_PATH } from '../../src/native/addon.js';
import { runChild } from './child.js';
import { captureOptions, clip, readNumber, TestCapture } from './clips.js';
import { addon } from './pictures.js';

/** Starts a worker thread. The script can use `addon`, `data` and `port`. */
function startWorker(script: string, data: unknown): Worker {
  const prelude = `
    const { parentPort: port, workerData: { addonPath, data } } = require('node:worker_threads');
    const addon = require(addonPath);`;
  const worker = new Worker(prelude + script, { eval: true, workerData: { addonPath: ADDON_PATH, data } });
  onTestFinished(() => void worker.terminate());
  return worker;
}

async function message<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

describe('worker threads', () => {
  test('read one capture at the same time, and get the same frames', async () => {
    const capture = new TestCapture({ type: 'file', path: clip(30), loop: false, realTime: false });
    const reader = `
      const seen = [];
      const pixel = new Uint8Array(3);
      const look = () => {
        const frame = addon.captureFrame(data, seen.at(-1)?.[0] ?? 0);
        if (frame) {
          addon.warp(frame, pixel, { widthPx: 1, heightPx: 1, matrix: [1, 0, -80, 0, 1, -60], border: 'constant' });
          seen.push([frame.frameNumber, Math.round(pixel[0] / 8)]);
        }
        if (['opening', 'running'].includes(addon.captureState(data).status)) setImmediate(look);
        else port.postMessage(seen);
      };
      look();`;
    const workers = [0, 1, 2].map(() => startWorker(reader, capture.handle));
    const seen = await Promise.all(workers.map((worker) => message<[number, number][]>(worker)));
    expect(capture.state).toMatchObject({ status: 'ended', frameNumber: 30, dropped: 0 });
    for (const [number, shown] of seen.flat()) expect(shown).toBe(number - 1);
    expect(new Set(seen.flat().map(([number]) => number)).size).toBe(30);
  });

  test('do not close their captures when they end: the captures belong to the process', async () => {
    const opener = `
      const handle = addon.openCapture(data, () => {
        if (addon.captureState(handle).frameNumber > 0) port.postMessage(handle);
      });
      setInterval(() => undefined, 1000);`;
    const path = clip(4);
    const worker = startWorker(opener, captureOptions({ type: 'file', path, loop: true, realTime: true }));
    const handle = await message<number>(worker);
    await worker.terminate();
    const { frameNumber } = addon.captureState(handle);
    const deadline = performance.now() + 5_000;
    while (addon.captureState(handle).frameNumber < frameNumber + 3 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const frame = addon.captureFrame(handle, frameNumber);
    expect(frame && readNumber(frame)).toBeLessThan(4);
    await addon.closeCapture(handle);
    expect(addon.captureState(handle).status).toBe('closed');
  });

  test('can be terminated at any moment', async () => {
    const shared = new TestCapture({ type: 'file', path: clip(8), loop: true, realTime: true });
    const busy = `
      const crop = new Uint8Array(40 * 40 * 3);
      let after = 0;
      const handle = addon.openCapture(data.options, () => {
        const frame = addon.captureFrame(handle, after);
        if (frame) {
          after = frame.frameNumber;
          addon.warp(frame, crop, { widthPx: 40, heightPx: 40, matrix: [1, 0, 0, 0, 1, 0], border: 'reflect' });
        }
        addon.captureFrame(data.shared, 0);
        void addon.closeCapture(addon.openCapture(data.options, () => undefined));
        port.postMessage(after);
      });
      setInterval(() => undefined, 1000);`;
    const options = captureOptions({ type: 'file', path: clip(20), loop: true, realTime: false });
    for (let round = 0; round < 8; round++) {
      const workers = [0, 1].map(() => startWorker(busy, { options, shared: shared.handle }));
      await Promise.all(workers.map((worker) => message(worker)));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    expect(shared.state.status).toBe('running');
  });
});

describe('a process', () => {
  test('ends by itself while a capture runs: onChange does not keep it alive', async () => {
    const script = `
      const source = { type: 'file', path: values, loop: true, realTime: false };
      const handle = addon.openCapture(options(source), () => undefined);
      const timer = setInterval(() => {
        const { status } = addon.captureState(handle);
        if (status === 'opening') return;
        clearInterval(timer);
        console.log(status);
      }, 10);`;
    const end = await runChild(script, clip(5));
    expect(end).toEqual({ code: 0, signal: null, stdout: 'running\n', stderr: '' });
  });

  test('waits for closeCapture before it ends', async () => {
    const script = `
      const source = { type: 'file', path: values, loop: true, realTime: true };
      const handle = addon.openCapture(options(source), () => undefined);
      addon.closeCapture(handle).then(() => console.log(addon.captureState(handle).status));`;
    expect(await runChild(script, clip(5))).toMatchObject({ code: 0, stdout: 'closed\n', stderr: '' });
  });

  test('ends at once by process.exit, whatever its captures do', async () => {
    const script = `
      for (const source of values) addon.openCapture(options(source), () => process.exit(7));
      setInterval(() => undefined, 1000);`;
    const sources = [
      { type: 'file', path: clip(5), loop: true, realTime: true },
      { type: 'file', path: clip(5), loop: true, realTime: false },
      { type: 'gstreamer', pipeline: 'videotestsrc is-live=true ! valve drop=true ! videoconvert ! appsink' },
    ];
    const started = performance.now();
    expect(await runChild(script, sources)).toMatchObject({ code: 7, signal: null });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('calls onChange once for several changes during which its thread was busy', async () => {
    const script = `
      let calls = 0;
      const source = { type: 'file', path: values, loop: true, realTime: true };
      const handle = addon.openCapture(options(source), () => calls++);
      while (addon.captureState(handle).frameNumber < 5);
      setImmediate(() => setImmediate(() => { console.log(calls); addon.closeCapture(handle); }));`;
    expect((await runChild(script, clip(20))).stdout).toBe('1\n');
  });

  test('treats an exception in onChange as an uncaught exception', async () => {
    const script = `
      process.once('uncaughtException', (error) => { console.log(error.message); process.exit(3); });
      addon.openCapture(options({ type: 'file', path: '/nowhere', loop: true, realTime: true }), () => {
        throw new Error('from onChange');
      });
      setInterval(() => undefined, 1000);`;
    expect(await runChild(script, null)).toEqual({ code: 3, signal: null, stdout: 'from onChange\n', stderr: '' });
  });

  test('prints no messages of the libraries on its error output', async () => {
    const script = `
      let open = values.length;
      for (const source of values) {
        const handle = addon.openCapture(options(source), () => {
          if (addon.captureState(handle).status !== 'failed') return;
          addon.closeCapture(handle).then(() => --open || process.exit(0));
        });
      }
      setInterval(() => undefined, 1000);`;
    const sources = [
      { type: 'file', path: process.execPath, loop: false, realTime: true },
      { type: 'file', path: ADDON_PATH, loop: false, realTime: true },
      { type: 'url', url: 'http://127.0.0.1:9/' },
      { type: 'device', path: '/dev/null' },
    ];
    expect(await runChild(script, sources)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  });
});
