// A camera on the network, played by ffmpeg: real HTTP, real MJPEG, real frames.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { explainMissingRtspServer, createRtspServer } from '../../tools/faults/stream-servers.js';
import { loadAddon, type Addon } from '../../src/native/addon.js';
import { lacks } from '../events/support.js';
import { freePort } from '../support/free-port.js';
import { tempDir } from '../support/temp-dir.js';
import { present } from '../support/present.js';

const addon: Addon = loadAddon();

/** 50 frames of 160 x 120, each a little brighter than the one before. */
function clip(folder: string): string {
  const frames = Array.from({ length: 50 }, (_, i) => {
    const image = addon.wrapRgb(new Uint8Array(160 * 120 * 3).fill(20 + 4 * i), 160, 120);
    const jpeg = addon.encodeJpeg(image, 90);
    image.release();
    return jpeg;
  });
  const path = join(folder, 'clip.mjpeg');
  writeFileSync(path, Buffer.concat(frames));
  return path;
}

describe.skipIf(lacks('a stream over HTTP', 'ffmpeg'))('a stream over HTTP', () => {
  it.each(['mpjpeg', 'mpegts'])('in %s is received, and its end is told', async (format) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/camera`;
    const input = ['-loglevel', 'error', '-re', '-r', '25', '-i', clip(tempDir())];
    const server = spawn('ffmpeg', [...input, '-f', format, '-listen', '1', url], { stdio: 'ignore' });
    onTestFinished(() => void server.kill('SIGKILL'));
    const options = { widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 5_000, readTimeoutMs: 5_000 };
    // ffmpeg takes a moment to listen: as a camera does, the capture is opened again until it does.
    let handle = 0;
    let seen = 0;
    const open = (): void => {
      handle = addon.openCapture({ ...options, source: { type: 'url', url } }, () => undefined);
    };
    open();
    onTestFinished(() => addon.closeCapture(handle));
    await expect
      .poll(
        async () => {
          const { status } = addon.captureState(handle);
          if (status === 'failed' && seen === 0) {
            await addon.closeCapture(handle);
            open();
          }
          const frame = addon.captureFrame(handle, seen);
          if (frame) {
            expect([frame.widthPx, frame.heightPx]).toEqual([160, 120]);
            expect(Math.abs(Date.now() - frame.capturedAtMs)).toBeLessThan(2_000);
            seen = frame.frameNumber;
            frame.release();
          }
          return seen >= 20;
        },
        { timeout: 15_000, interval: 5 },
      )
      .toBe(true);
    await expect.poll(() => addon.captureState(handle).status, { timeout: 10_000 }).not.toBe('running');
  });
});

const lack = explainMissingRtspServer();
if (lack !== undefined) console.warn(`skipped: ${lack}`);

describe.skipIf(lack !== undefined)('a stream over RTSP', () => {
  it('begins with a live picture, not with those that were read to find out about it', async () => {
    const server = createRtspServer(await freePort());
    await server.start();
    onTestFinished(() => server.kill());
    const options = { widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 10_000, readTimeoutMs: 5_000 };
    /** Of each new picture: its number, and how much later it arrived than it was taken, from anywhere. */
    const lags = new Map<number, number>();
    const handle = addon.openCapture({ ...options, source: { type: 'url', url: server.url } }, () => {
      const { frameNumber, picture } = addon.captureState(handle);
      if (picture?.timestampMs !== undefined) lags.set(frameNumber, picture.arrivedMs - picture.timestampMs);
    });
    onTestFinished(() => addon.closeCapture(handle));
    await expect.poll(() => Math.max(0, ...lags.keys()), { timeout: 20_000, interval: 20 }).toBeGreaterThan(40);
    const [, first] = present([...lags][0]);
    const least = Math.min(...lags.values());
    expect(first - least).toBeLessThan(300);
  });
});
