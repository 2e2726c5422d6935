// A process of the bench: reads one stream through an addon, as a camera with `maxFps: 10` does, and measures itself.
import { loadAddon } from '../../../src/native/addon.js';
import { readNumber } from './scene.js';

export interface ReadOrder {
  /** Path of the addon. */
  addon: string;
  url: string;
  /** Time of the measurement, from half a second after the first picture. */
  durationMs: number;
}

export interface ReadReport {
  cpuMs: number;
  durationMs: number;
  /** Resident memory that the stream added. */
  memoryMb: number;
  /** Taken pictures: the time of taking them, and their number in the scene. */
  pictures: { atMs: number; number: number | undefined }[];
}

const TAKE_EVERY_MS = 100;
const SETTLE_MS = 500;

async function read({ addon: path, url, durationMs }: ReadOrder): Promise<ReadReport> {
  const addon = loadAddon(path);
  const memoryBefore = process.memoryUsage.rss();
  const options = { widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 20_000, readTimeoutMs: 10_000 };
  const pictures: ReadReport['pictures'] = [];
  let [after, nextMs] = [0, 0];
  let firstMs: number | undefined;
  const handle = addon.openCapture({ ...options, source: { type: 'url', url } }, () => {
    // A frame that comes a little early counts as due, so that the rate is not halved by chance.
    if (Date.now() < nextMs - TAKE_EVERY_MS / 5) return;
    const frame = addon.captureFrame(handle, after);
    if (!frame) return;
    const atMs = Date.now();
    nextMs = atMs + TAKE_EVERY_MS;
    firstMs ??= atMs;
    after = frame.frameNumber;
    pictures.push({ atMs, number: readNumber(frame, addon) });
    frame.release();
  });
  while (firstMs === undefined || Date.now() < firstMs + SETTLE_MS) {
    const { status, error } = addon.captureState(handle);
    if (status === 'failed') throw new Error(`the stream could not be read: ${error}`);
    await sleep(20);
  }
  pictures.length = 0;
  const [cpuBefore, beganMs] = [process.cpuUsage(), performance.now()];
  await sleep(durationMs);
  const { user, system } = process.cpuUsage(cpuBefore);
  const tookMs = performance.now() - beganMs;
  const memoryMb = (process.memoryUsage.rss() - memoryBefore) / 1e6;
  const { status, error } = addon.captureState(handle);
  if (status !== 'running') throw new Error(`the stream was lost: ${error}`);
  await addon.closeCapture(handle);
  return { cpuMs: (user + system) / 1_000, durationMs: tookMs, memoryMb, pictures };
}

async function sleep(durationMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, durationMs));
}

process.once('message', (order) => {
  read(order as ReadOrder)
    .then(
      (report) => process.send?.(report),
      (error: unknown) => {
        console.error(error);
        process.exitCode = 1;
      },
    )
    .finally(() => process.disconnect());
});
