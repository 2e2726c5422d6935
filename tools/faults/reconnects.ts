// Loses a camera and opens it again, over and over, and checks that its old connections leave nothing behind.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemTimers, type Timers } from '../../src/domain/time.js';
import { loadAddon } from '../../src/native/addon.js';
import { listGrowth, measureUsage, type Usage } from './usage.js';
import { createWatchedCamera } from './watched-camera.js';

export interface ReconnectTally {
  reconnects: number;
  early: Usage;
  late: Usage;
  problems: string[];
}

/** Timers that shorten the waits between attempts, which are not under test here. */
const hasty: Timers = {
  ...systemTimers,
  setTimeout: (callback, delayMs) => systemTimers.setTimeout(callback, delayMs / 100),
};
/** Share of the connections that come first, and whose use of memory and files is not counted. */
const WARM_UP = 0.3;
const STUCK_MS = 30_000;

/** Opens a local HTTP stream of joined JPEGs that breaks after three pictures, this number of times. */
export async function runReconnects(count: number): Promise<ReconnectTally> {
  const pictures = [40, 120, 200].map(makeJpeg);
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' });
    for (const jpeg of pictures) {
      response.write(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`);
      response.write(Buffer.concat([jpeg, Buffer.from('\r\n')]));
    }
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const { camera } = createWatchedCamera(url, {}, hasty);
  const reach = async (losses: number): Promise<void> => {
    let latestMs = performance.now();
    for (let seen = -1; camera.stats().losses < losses;) {
      if (camera.stats().losses > seen) latestMs = performance.now();
      seen = camera.stats().losses;
      if (performance.now() - latestMs > STUCK_MS) throw new Error(`stuck after ${seen} reconnects`);
      await sleep(20);
    }
  };
  try {
    await camera.start(new AbortController().signal);
    const first = Math.ceil(count * WARM_UP);
    await reach(first);
    // Measured while the camera is paused, so that its state is the same both times.
    await camera.pause();
    const early = await measureUsage();
    await camera.resume();
    await reach(count);
    await camera.pause();
    const late = await measureUsage();
    const { losses, frames } = camera.stats();
    const problems = listGrowth(early, late);
    if (frames < losses) problems.push(`${losses} reconnects gave only ${frames} frames`);
    return { reconnects: losses, early, late, problems };
  } finally {
    await camera.stop();
    server.closeAllConnections();
    server.close();
  }
}

function makeJpeg(grey: number): Buffer {
  const addon = loadAddon();
  const image = addon.wrapRgb(new Uint8Array(160 * 120 * 3).fill(grey), 160, 120);
  const jpeg = addon.encodeJpeg(image, 90);
  image.release();
  return jpeg;
}
