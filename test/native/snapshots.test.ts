// Cameras that give one picture for each request: they are fetched again and again, and a miss says why.
import type { IncomingMessage, ServerResponse } from 'node:http';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { addon, waves, wrap } from './pictures.js';
import { checkBasic, checkDigest, httpCamera, playStyle, rawCamera, withUser } from './camera-servers.js';
import { captureOptions, MOST_FRAMES, numberedJpeg, readNumber, silentServer, TestCapture } from './clips.js';
import { join, MJPEG_STYLES } from './mjpeg-styles.js';

const EVERY_MS = 50;
const numbered = Array.from({ length: MOST_FRAMES }, (_, number) => numberedJpeg(number));
const snapshot = (url: string, everyMs = EVERY_MS) => ({ type: 'snapshot', url, everyMs }) as const;

/** Starts a camera that answers each request with the picture of the next number, by `send`. */
async function camera(
  send: (response: ServerResponse, jpeg: Buffer, request: IncomingMessage) => void = (response, jpeg) => {
    response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': jpeg.length }).end(jpeg);
  },
): Promise<{ url: string; times: number[] }> {
  const times: number[] = [];
  const url = await httpCamera((request, response) => {
    send(response, numbered[times.length % MOST_FRAMES]!, request);
    times.push(performance.now());
  });
  return { url, times };
}

/** Waits for some frames, and expects a picture of its own in each. */
async function watch(url: string, frames = 3): Promise<TestCapture> {
  const capture = new TestCapture(snapshot(url));
  const numbers: number[] = [];
  await capture.until(() => {
    if (capture.state.status === 'failed') throw new Error(capture.state.error);
    const frame = addon.captureFrame(capture.handle, numbers.length === 0 ? 0 : capture.state.frameNumber - 1);
    if (!frame || numbers.at(-1) === readNumber(frame)) return false;
    numbers.push(readNumber(frame));
    frame.release();
    return numbers.length >= frames;
  });
  expect(new Set(numbers).size).toBe(frames);
  return capture;
}

describe('a camera of single pictures', () => {
  test('is asked at its interval, and declares its rate', async () => {
    const { url, times } = await camera();
    const beganMs = performance.now();
    const capture = new TestCapture(snapshot(url, 100));
    await capture.until(() => capture.state.frameNumber >= 6);
    expect(capture.state).toMatchObject({ fps: 10, widthPx: 160, heightPx: 120, status: 'running' });
    // On a busy machine the server notices requests late, but the sixth one never comes before five intervals are over.
    expect(times[5]! - beganMs).toBeGreaterThan(450);
  });

  test('stops asking when it is closed', async () => {
    const { url, times } = await camera();
    const handle = addon.openCapture(captureOptions(snapshot(url)), () => undefined);
    await expect.poll(() => times.length).toBeGreaterThan(1);
    await addon.closeCapture(handle);
    const asked = times.length;
    const other = await camera();
    const second = new TestCapture(snapshot(other.url));
    await second.until(() => second.state.frameNumber >= 3);
    expect(times).toHaveLength(asked);
  });

  test.each<[string, (response: ServerResponse, jpeg: Buffer, request: IncomingMessage) => void]>([
    ['without a type', (response, jpeg) => response.end(jpeg)],
    ['without a length', (response, jpeg) => response.writeHead(200, { 'content-type': 'image/jpg' }).end(jpeg)],
    ['of another type', (response, jpeg) => response.writeHead(200, { 'content-type': 'text/plain' }).end(jpeg)],
    ['with bytes after it', (response, jpeg) => response.end(join(jpeg, 'metadata', Buffer.alloc(500)))],
    ['with a connection that stays open', (response, jpeg) => response.write(jpeg)],
    ['on a connection of its own', (response, jpeg) => response.writeHead(200, { connection: 'close' }).end(jpeg)],
    ['in a part', (response, jpeg) => playStyle(response, MJPEG_STYLES[0]!, () => jpeg)],
  ])('plays a picture %s', async (_, send) => {
    await watch((await camera(send)).url);
  });

  test('plays with Basic and with Digest authentication, and over a redirect', async () => {
    for (const check of [checkBasic, checkDigest]) {
      const url = await httpCamera((request, response) => {
        if (check(request, response)) response.end(numbered[Math.floor(performance.now() / 60) % MOST_FRAMES]);
      });
      await watch(withUser(url), 2);
    }
    const url = await httpCamera((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/snap.jpg' }).end();
      else response.end(numbered[Math.floor(performance.now() / 60) % MOST_FRAMES]);
    });
    await watch(url, 2);
  });

  test('plays PNG', async () => {
    const png = await sharp(Buffer.from(waves(160, 120).data), { raw: { width: 160, height: 120, channels: 3 } })
      .png()
      .toBuffer();
    const capture = new TestCapture(snapshot((await camera((response) => response.end(join(png, 'tail')))).url));
    await capture.until(() => capture.state.frameNumber >= 2);
    expect(capture.state).toMatchObject({ widthPx: 160, heightPx: 120, format: { codec: 'png' }, damaged: 0 });
  });

  test('that gives the same picture again and again counts its frames as unchanged', async () => {
    const capture = new TestCapture(snapshot((await camera((response) => response.end(numbered[3]))).url));
    await capture.until(() => (capture.state.picture?.unchangedFrames ?? 0) >= 4);
    expect(capture.state.picture?.unchangedMs).toBeGreaterThan(3 * EVERY_MS);
  });

  test('skips pictures that are damaged, and goes on after misses', async () => {
    let requests = 0;
    const { url } = await camera((response, jpeg) => {
      const turn = requests++ % 4;
      if (turn === 1) response.writeHead(503).end();
      else if (turn === 2) response.end(jpeg.subarray(0, jpeg.length >> 1));
      else if (turn === 3) response.socket?.destroy();
      else response.end(jpeg);
    });
    const capture = new TestCapture(snapshot(url));
    await capture.until(() => capture.state.frameNumber >= 4);
    expect(capture.state.status).toBe('running');
    expect(capture.state.damaged).toBeGreaterThanOrEqual(3);
  });
});

describe('a camera of single pictures that gives none says why:', () => {
  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['status 401', (response) => response.writeHead(401).end(), /user and a password \(status 401\)/],
    ['status 404', (response) => response.writeHead(404).end(), /nothing at this address \(status 404\)$/],
    ['status 500', (response) => response.writeHead(500).end(), /error of its own \(status 500\)$/],
    [
      'a page',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      /a web page, not a picture/,
    ],
    ['a long page', (response) => response.end(`<html>${'x'.repeat(9_000)}`), /a web page, not a picture/],
    [
      'a text',
      (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('busy'),
      /a text, not a picture/,
    ],
    ['nothing', (response) => response.end(), /an empty answer$/],
    [
      'a GIF',
      (response) => response.writeHead(200, { 'content-type': 'image/gif' }).end('GIF89a'),
      /neither JPEG nor PNG$/,
    ],
    [
      'half a PNG',
      (response) => response.end(Buffer.from('89504e470d0a1a0a00', 'hex')),
      /ended before the picture did$/,
    ],
  ])('%s', async (_, send, error) => {
    const capture = new TestCapture(snapshot(await httpCamera((_request, response) => send(response))));
    const state = await capture.untilStatus('failed');
    expect(state.error).toMatch(/^the picture could not be fetched: /);
    expect(state.error).toMatch(error);
    expect(state.error).not.toContain('127.0.0.1');
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['a miss', (response) => response.writeHead(500).end(), /^no frame for 400 ms: .* \(status 500\)$/],
    ['damage', (response) => response.end(numbered[0]!.subarray(0, 500)), /^only damaged pictures came for 400 ms$/],
    ['silence', () => undefined, /^no frame for 400 ms$/],
    ['a slow drip', (response) => setInterval(() => response.write('\xff'), 20).unref(), /^no frame for 400 ms$/],
  ])('%s after good pictures', async (_, send, error) => {
    let requests = 0;
    const { url } = await camera((response, jpeg) => (requests++ < 3 ? response.end(jpeg) : send(response)));
    const capture = new TestCapture(snapshot(url), { readTimeoutMs: 400 });
    const state = await capture.untilStatus('failed');
    expect(state.error).toMatch(error);
    expect(state.frameNumber).toBe(3);
  });

  test('a server that never answers', async () => {
    const capture = new TestCapture(snapshot(await silentServer()), { openTimeoutMs: 300 });
    expect((await capture.untilStatus('failed')).error).toBe('it could not be opened within 300 ms');
  });

  test('an endless picture, in bounded memory', async () => {
    const chunk = Buffer.alloc(1 << 20, 0x55);
    let sent = 0;
    const url = await rawCamera((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n');
      socket.write(numbered[0]!.subarray(0, -2));
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent++;
      };
      socket.on('drain', more);
      more();
    });
    const capture = new TestCapture(snapshot(url), { openTimeoutMs: 20_000 });
    expect((await capture.untilStatus('failed')).error).toBe(
      'the picture could not be fetched: the picture is larger than 16 MiB',
    );
    expect(sent).toBeLessThan(60);
  });
});

test('addon.decodeCameraPicture decodes what a camera sends, and nothing that is cut short', async () => {
  const jpeg = addon.encodeJpeg(wrap(waves(160, 120)), 90);
  const progressive = await sharp(jpeg).jpeg({ progressive: true }).toBuffer();
  for (const whole of [jpeg, jpeg.subarray(0, -2), progressive, progressive.subarray(0, -2)]) {
    const image = addon.decodeCameraPicture(whole);
    expect([image?.widthPx, image?.heightPx]).toEqual([160, 120]);
    image?.release();
  }
  for (const one of [jpeg, progressive]) {
    for (let length = 0; length < one.length - 2; length += 7) {
      expect(addon.decodeCameraPicture(one.subarray(0, length))).toBeUndefined();
    }
  }
});
