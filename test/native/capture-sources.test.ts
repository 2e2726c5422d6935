// Captures of streams and pipelines, and of sources that cannot be opened or are lost.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CaptureOptions } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';
import { captureOptions, clip, listen, lockstep, numberedJpeg, paced, silentServer, TestCapture } from './clips.js';
import { addon } from './pictures.js';

/** Serves a motion-JPEG stream. After `frames` pictures it calls `after`. @returns the URL */
async function mjpegServer(frames: number, after: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' });
    let number = 0;
    const timer = setInterval(() => {
      if (number === frames) {
        clearInterval(timer);
        return after(response);
      }
      const jpeg = numberedJpeg(number++);
      response.write(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`);
      response.write(Buffer.concat([jpeg, Buffer.from('\r\n')]));
    }, 15);
    response.on('close', () => clearInterval(timer));
  });
  const port = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}/`;
}

describe('a stream over HTTP', () => {
  test('gives its newest frames', async () => {
    const capture = new TestCapture({ type: 'url', url: await mjpegServer(Infinity, () => undefined) });
    await capture.until(() => capture.state.frameNumber >= 20);
    expect(addon.captureFrame(capture.handle, 19)?.widthPx).toBe(160);
    expect(capture.state.status).toBe('running');
    await addon.closeCapture(capture.handle);
  });

  test('fails when it ends', async () => {
    const capture = new TestCapture({ type: 'url', url: await mjpegServer(30, (response) => response.end()) });
    expect(await capture.untilStatus('failed')).toMatchObject({ error: 'the stream ended' });
    expect(capture.state.frameNumber).toBeGreaterThan(20);
  });

  test('fails after the read time-out when it stalls', async () => {
    const url = await mjpegServer(30, () => undefined);
    const capture = new TestCapture({ type: 'url', url }, { readTimeoutMs: 400 });
    expect(await capture.untilStatus('failed')).toMatchObject({ error: 'no frame for 400 ms' });
    expect(capture.state.frameNumber).toBeGreaterThan(0);
  });

  test('fails after the open time-out when the server never answers', async () => {
    const url = await silentServer();
    const started = performance.now();
    const capture = new TestCapture({ type: 'url', url }, { openTimeoutMs: 500 });
    expect(await capture.untilStatus('failed')).toMatchObject({ error: 'it could not be opened within 500 ms' });
    expect(performance.now() - started).toBeLessThan(1_500);
    await addon.closeCapture(capture.handle);
    expect(performance.now() - started).toBeLessThan(2_500);
  });

  test('fails when the port refuses the connection; the error does not contain the URL', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const capture = new TestCapture({ type: 'url', url: `http://door:secret@127.0.0.1:${port}/` });
    const { error } = await capture.untilStatus('failed');
    expect(error).toMatch(/^the stream could not be opened/);
    expect(error).not.toContain('secret');
  });
});

describe('a source that cannot be opened fails with the reason:', () => {
  test.each<[string, (folder: string) => CaptureOptions['source'], string]>([
    ['a missing file', (folder) => paced(join(folder, 'none.mp4')), 'the file does not exist'],
    ['a missing file in lockstep', (folder) => lockstep(join(folder, 'none.mp4')), 'the file does not exist'],
    ['a folder', (folder) => paced(folder), 'the path is a folder, not a file'],
    ['a missing device', () => ({ type: 'device', path: '/dev/video99' }), 'the device does not exist'],
    [
      'a device that is a file',
      (folder) => ({ type: 'device', path: written(folder, 'x') }),
      'the path is not a device',
    ],
    [
      'a device that is no camera',
      () => ({ type: 'device', path: '/dev/null' }),
      'the device is in use, or gives no pictures',
    ],
    ['an empty file', (folder) => paced(written(folder, '')), 'the file is empty'],
    ['a text', (folder) => paced(written(folder, 'no video at all\n')), 'the file is no video that can be decoded'],
    ['garbage', (folder) => paced(garbage(folder, 'x.mp4')), 'the file is no video that can be decoded'],
    [
      'a malformed pipeline',
      () => ({ type: 'gstreamer', pipeline: 'nosuchelement ! appsink' }),
      'the pipeline could not be started: it is malformed, an element is missing, or it has no appsink',
    ],
  ])('%s', async (_, source, error) => {
    const capture = new TestCapture(source(tempDir()));
    expect(await capture.untilStatus('failed', 'running', 'ended')).toMatchObject({
      status: 'failed',
      error,
      frameNumber: 0,
    });
  });

  test('a pipeline with a missing element, for which some versions of OpenCV wait in vain', async () => {
    const pipeline = 'nosuchelement ! videoconvert ! appsink';
    const capture = new TestCapture({ type: 'gstreamer', pipeline }, { openTimeoutMs: 300 });
    const { error } = await capture.untilStatus('failed', 'running', 'ended');
    expect(error).toMatch(/^the pipeline could not be started|^it could not be opened within 300 ms$/);
  });

  test('random bytes in a file named .mjpeg', async () => {
    const capture = new TestCapture(paced(garbage(tempDir(), 'x.mjpeg')));
    const state = await capture.untilStatus('failed', 'running', 'ended');
    expect(state).toMatchObject({ status: 'failed', frameNumber: 0 });
    expect(state.error).toMatch(/decoded$/);
  });

  test('a path with a colon and a percent sign is treated as a path', async () => {
    const folder = join(tempDir(), 'http:%d');
    mkdirSync(folder);
    const path = join(folder, 'a:b%03d.mjpeg');
    writeFileSync(path, readFileSync(clip(3)));
    const capture = new TestCapture(lockstep(path));
    expect(await capture.takeAll()).toHaveLength(3);
  });
});

function written(folder: string, text: string): string {
  const path = join(folder, 'file.mp4');
  writeFileSync(path, text);
  return path;
}

function garbage(folder: string, name: string): string {
  let state = 7;
  const bytes = Buffer.from(Array.from({ length: 60_000 }, () => (state = Math.imul(state, 48271) % 0x7fffffff) & 255));
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

async function hasTestPattern(): Promise<boolean> {
  const handle = addon.openCapture(
    captureOptions({ type: 'gstreamer', pipeline: 'videotestsrc num-buffers=1 ! videoconvert ! appsink' }),
    () => undefined,
  );
  while (addon.captureState(handle).status === 'opening') await new Promise((resolve) => setTimeout(resolve, 10));
  const { frameNumber } = addon.captureState(handle);
  await addon.closeCapture(handle);
  if (frameNumber === 0) console.warn('skipped: GStreamer pipelines: the base plugins are not here');
  return frameNumber > 0;
}

describe.skipIf(!(await hasTestPattern()))('a GStreamer pipeline', () => {
  test('gives its frames, and fails when it ends', async () => {
    const pipeline = 'videotestsrc num-buffers=5 ! video/x-raw,width=96,height=64 ! videoconvert ! appsink';
    const capture = new TestCapture({ type: 'gstreamer', pipeline });
    expect(await capture.untilStatus('failed')).toMatchObject({
      error: 'the pipeline ended or failed',
      frameNumber: 5,
      widthPx: 96,
      heightPx: 64,
    });
  });

  test('of grey pictures gives colour frames', async () => {
    const pipeline = 'videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=96,height=64 ! appsink';
    const capture = new TestCapture({ type: 'gstreamer', pipeline });
    const frame = await capture.until(() => addon.captureFrame(capture.handle, 0));
    addon.warp(frame, new Uint8Array(48), { widthPx: 4, heightPx: 4, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
    expect(frame.widthPx).toBe(96);
  });

  test('that blocks fails after the time-out, does not delay closing, and does not accumulate threads', async () => {
    const source = {
      type: 'gstreamer',
      pipeline: 'videotestsrc is-live=true ! valve drop=true ! videoconvert ! appsink',
    } as const;
    const started = performance.now();
    const first = new TestCapture(source, { openTimeoutMs: 300, readTimeoutMs: 300 });
    expect((await first.untilStatus('failed')).error).toMatch(/300 ms$/);
    await addon.closeCapture(first.handle);
    expect(performance.now() - started).toBeLessThan(2_500);

    const again = new TestCapture(source, { openTimeoutMs: 300, readTimeoutMs: 300 });
    expect((await again.untilStatus('failed')).error).toMatch(/still stuck$|300 ms$/);
  });
});
