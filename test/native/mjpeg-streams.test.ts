// MJPEG over HTTP as cameras send it: every style of parts plays, and what does not play says why.
import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join as joinPath } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, test } from 'vitest';
import { casesDir, missing } from '../support/shared.js';
import { checkBasic, checkDigest, httpCamera, play, playStyle, rawCamera, withUser } from './camera-servers.js';
import { MOST_FRAMES, numberedJpeg, readNumber, TestCapture } from './clips.js';
import { join, MJPEG_STYLES } from './mjpeg-styles.js';
import { addon, waves, wrap } from './pictures.js';

const FRAMES = 6;
const numbered = Array.from({ length: MOST_FRAMES }, (_, number) => numberedJpeg(number));
const jpegAt = (number: number): Buffer => numbered[number % MOST_FRAMES]!;
const STANDARD = MJPEG_STYLES[0]!;
const TYPE = { 'content-type': STANDARD.type };

/** Waits until a capture has given some frames, each with another picture than the one before. @returns the numbers in the pictures */
async function watch(url: string, frames = FRAMES): Promise<number[]> {
  const capture = new TestCapture({ type: 'url', url }, { readTimeoutMs: 3_000 });
  const numbers: number[] = [];
  let after = 0;
  await capture.until(() => {
    const { status, error } = capture.state;
    if (status === 'failed') throw new Error(error);
    const frame = addon.captureFrame(capture.handle, after);
    if (!frame) return false;
    after = frame.frameNumber;
    numbers.push(readNumber(frame));
    frame.release();
    return numbers.length >= frames;
  });
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(capture.state.damaged).toBe(0);
  return numbers;
}

async function fail(url: string, changes: { openTimeoutMs?: number; readTimeoutMs?: number } = {}) {
  const capture = new TestCapture({ type: 'url', url }, { readTimeoutMs: 400, ...changes });
  return capture.untilStatus('failed');
}

describe('every style of parts plays', () => {
  it.each(MJPEG_STYLES.map((style) => [style.name, style] as const))('%s', async (_, style) => {
    const url = await httpCamera((_request, response) => playStyle(response, style, jpegAt));
    await watch(url);
  });
});

describe('ways of a stream to its reader', () => {
  test('HTTP/1.0 without chunks', async () => {
    const url = await rawCamera((socket) => {
      socket.write(`HTTP/1.0 200 OK\r\nContent-Type: ${STANDARD.type}\r\nCache-Control: no-store\r\n\r\n`);
      play(socket, (number) => socket.write(STANDARD.part(jpegAt(number), number)) || true);
    });
    await watch(url);
  });

  test('headers whose lines end with a line feed alone', async () => {
    const url = await rawCamera((socket) => {
      socket.write(`HTTP/1.1 200 OK\nContent-Type: ${STANDARD.type}\n\n`);
      play(socket, (number) => socket.write(STANDARD.part(jpegAt(number), number)) || true);
    });
    await watch(url);
  });

  test('single bytes', async () => {
    const small = Array.from({ length: MOST_FRAMES }, (_, i) =>
      addon.encodeJpeg(wrap({ data: new Uint8Array(32 * 32 * 3).fill(i * 8), widthPx: 32, heightPx: 32 }), 90),
    );
    const url = await httpCamera((_request, response) => {
      response.writeHead(200, TYPE);
      response.socket?.setNoDelay(true);
      play(response, (number) => {
        for (const byte of STANDARD.part(small[number % MOST_FRAMES]!, number)) response.write(Buffer.of(byte));
        return true;
      });
    });
    const capture = new TestCapture({ type: 'url', url });
    await capture.until(() => capture.state.frameNumber >= 4);
    expect(capture.state).toMatchObject({ widthPx: 32, damaged: 0 });
  });

  test.each(['/stream', 'stream?x=1', '//HOST/stream'])('a redirect to %s', async (target) => {
    const url = await httpCamera((request, response) => {
      if (request.url !== '/') return playStyle(response, STANDARD, jpegAt);
      response.writeHead(302, { location: target.replace('HOST', request.headers.host ?? '') }).end();
    });
    await watch(url);
  });

  test('Basic authentication, with every special character in the password', async () => {
    const url = await httpCamera((request, response) => {
      if (checkBasic(request, response)) playStyle(response, STANDARD, jpegAt);
    });
    await watch(withUser(url));
  });

  test.each(['/stream', 'http://HOST/stream?a=1'])(
    'a redirect within the server keeps the user: %s',
    async (target) => {
      const url = await httpCamera((request, response) => {
        if (!checkBasic(request, response)) return;
        if (request.url !== '/') return playStyle(response, STANDARD, jpegAt);
        response.writeHead(302, { location: target.replace('HOST', request.headers.host ?? '') }).end();
      });
      await watch(withUser(url));
    },
  );

  test('a redirect to another server does not give it the user', async () => {
    const asked: (string | undefined)[] = [];
    const other = await httpCamera((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const url = await httpCamera((request, response) => {
      if (checkBasic(request, response)) response.writeHead(302, { location: `${other}stream` }).end();
    });
    expect((await fail(withUser(url))).error).toMatch(/status 401/);
    expect(asked.length).toBeGreaterThan(0);
    expect(new Set(asked)).toEqual(new Set([undefined]));
  });

  test.each(['qop="auth", ', ''])('Digest authentication with %j', async (qop) => {
    const url = await httpCamera((request, response) => {
      if (checkDigest(request, response, qop)) playStyle(response, STANDARD, jpegAt);
    });
    await watch(withUser(`${url}video.cgi?a=1&b=x%20y`));
  });
});

describe('pictures as cameras make them', () => {
  const kinds: [string, (jpeg: Buffer) => Promise<Buffer>][] = [
    ['progressive', (jpeg) => sharp(jpeg).jpeg({ progressive: true }).toBuffer()],
    ['grey', (jpeg) => sharp(jpeg).greyscale().jpeg().toBuffer()],
    ['full colour resolution', (jpeg) => sharp(jpeg).jpeg({ chromaSubsampling: '4:4:4' }).toBuffer()],
    ['without Huffman tables', async (jpeg) => withoutTables(jpeg)],
    ['without an end marker', async (jpeg) => jpeg.subarray(0, -2)],
    ['with a thumbnail', async (jpeg) => join(jpeg.subarray(0, 2), exif(jpeg), jpeg.subarray(2))],
  ];

  test.each(kinds)('%s', async (_, make) => {
    const made = await Promise.all(numbered.map(make));
    const url = await httpCamera((_request, response) => playStyle(response, STANDARD, (i) => made[i % made.length]!));
    await watch(url);
  });

  test('are turned as their Exif orientation says, and a change of it is a change of the stream', async () => {
    const jpeg = addon.encodeJpeg(wrap(waves(160, 120)), 90);
    const turned = await sharp(jpeg).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const upright = await sharp(turned).rotate().raw().toBuffer();
    const url = await httpCamera((_request, response) =>
      playStyle(response, STANDARD, (number) => (number < 5 ? jpeg : turned)),
    );
    const capture = new TestCapture({ type: 'url', url });
    await capture.until(() => capture.state.streamChanges === 1);
    expect(capture.state).toMatchObject({ widthPx: 120, heightPx: 160, format: { rotate: 90, isMirrored: false } });
    const frame = await capture.until(() => addon.captureFrame(capture.handle, 0));
    const pixels = new Uint8Array(120 * 160 * 3);
    addon.warp(frame, pixels, { widthPx: 120, heightPx: 160, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
    expect(Math.max(...pixels.map((value, i) => Math.abs(value - upright[i]!)))).toBeLessThanOrEqual(6);
  });

  test('have the time stamps that the camera sends, which do not prove that it lives', async () => {
    const style = MJPEG_STYLES.find((one) => one.name === 'many headers')!;
    const url = await httpCamera((_request, response) => {
      response.writeHead(200, TYPE);
      const began = performance.now();
      // The style adds a tenth of a second for each number.
      play(response, () => response.write(style.part(jpegAt(5), (performance.now() - began) / 100)) || true);
    });
    const capture = new TestCapture({ type: 'url', url });
    const stamps: number[] = [];
    await capture.until(() => {
      const { timestampMs, clock, arrivedMs } = capture.state.picture ?? {};
      if (timestampMs === undefined || arrivedMs === undefined) return false;
      expect(clock).toBe('none');
      stamps.push(timestampMs);
      return stamps.length > 5;
    });
    expect(stamps[0]).toBeGreaterThan(1_700_000_001_000);
    expect(stamps.at(-1)).toBeGreaterThan(stamps[0]!);
    expect(capture.state.picture?.unchangedMs).toBeGreaterThan(1_000);
  });

  test('whose time stamps do not go on have none', async () => {
    const style = MJPEG_STYLES.find((one) => one.name === 'many headers')!;
    const fixed = { ...style, part: (jpeg: Buffer) => style.part(jpeg, 7) };
    const url = await httpCamera((_request, response) => playStyle(response, fixed, jpegAt));
    const capture = new TestCapture({ type: 'url', url });
    await capture.until(() => capture.state.frameNumber > 20);
    expect(capture.state.picture?.timestampMs).toBeUndefined();
  });

  test('of another size follow without a stale picture', async () => {
    const large = addon.encodeJpeg(wrap(waves(320, 240)), 90);
    const url = await httpCamera((_request, response) =>
      playStyle(response, STANDARD, (number) => (Math.floor(number / 8) % 2 === 0 ? jpegAt(number) : large)),
    );
    const capture = new TestCapture({ type: 'url', url });
    const sizes = new Set<string>();
    await capture.until(() => {
      const { widthPx, heightPx, picture, format, streamChanges } = capture.state;
      if (!picture) return false;
      expect([widthPx, heightPx]).toEqual([format?.widthPx, format?.heightPx]);
      sizes.add(`${widthPx} x ${heightPx}`);
      return streamChanges >= 3;
    });
    expect([...sizes].sort()).toEqual(['160 x 120', '320 x 240']);
  });

  test('that are damaged are skipped and counted', async () => {
    const torn = jpegAt(20);
    const url = await httpCamera((_request, response) =>
      playStyle(response, STANDARD, (number) =>
        number % 3 === 2 ? torn.subarray(0, torn.length >> 1) : jpegAt(number % 8),
      ),
    );
    const capture = new TestCapture({ type: 'url', url });
    const seen = new Set<number>();
    let after = 0;
    await capture.until(() => {
      const frame = addon.captureFrame(capture.handle, after);
      if (frame) {
        after = frame.frameNumber;
        seen.add(readNumber(frame));
        frame.release();
      }
      return capture.state.damaged >= 5 && capture.state.frameNumber >= 10;
    });
    expect(Math.max(...seen)).toBeLessThan(8);
  });

  test('that are all damaged lose the camera with this reason', async () => {
    const url = await httpCamera((_request, response) =>
      playStyle(response, STANDARD, (number) => jpegAt(number).subarray(0, 400)),
    );
    expect((await fail(url)).error).toBe('only damaged pictures came for 400 ms');
  });

  test('with more pixels than any camera has are skipped', async () => {
    const huge = Buffer.from(jpegAt(0));
    const frame = huge.indexOf(Buffer.from('ffc0', 'hex'));
    huge.writeUInt32BE(0xf000f000, frame + 5);
    const url = await httpCamera((_request, response) => playStyle(response, STANDARD, () => huge));
    const before = process.memoryUsage().rss;
    expect((await fail(url)).error).toBe(
      'only pictures that cannot be decoded came (the picture has more than 40 million pixels, or a side above 16384 px) for 400 ms',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
  });
});

const camera = casesDir;
describe.skipIf(missing('pictures of real cameras', camera))('pictures of real cameras play as parts', () => {
  const names =
    camera === undefined ? [] : readdirSync(camera).filter((one) => /^(cctv-|esp32-|mjpeg-no-dht)/.test(one));

  test.each(names)('%s', async (name) => {
    const jpeg = readFileSync(joinPath(camera ?? '', name));
    const style = MJPEG_STYLES.find((one) => one.name === 'parts without a length')!;
    const url = await httpCamera((_request, response) => playStyle(response, style, () => jpeg));
    const capture = new TestCapture({ type: 'url', url });
    await capture.until(() => capture.state.frameNumber >= 4 || capture.state.status === 'failed');
    expect(capture.state).toMatchObject({ status: 'running', damaged: 0 });
  });
});

describe('a URL that gives no stream says what it gives:', () => {
  const answer = (status: number, type: string, body: string | Buffer) => (response: ServerResponse) =>
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['a JPEG', answer(200, 'image/jpeg', jpegAt(1)), /^the URL gives a single picture, .*`type: snapshot`/],
    ['a JPEG and text after it', answer(200, 'image/jpeg', join(jpegAt(1), 'x')), /`type: snapshot`/],
    [
      'a JPEG without a length',
      (response) => response.writeHead(200, { 'content-type': 'image/jpeg' }).end(jpegAt(1)),
      /`type: snapshot`/,
    ],
    ['a JPEG of no type', (response) => response.writeHead(200).end(jpegAt(1)), /`type: snapshot`/],
    ['a PNG', answer(200, 'image/png', Buffer.from('89504e470d0a1a0a', 'hex')), /`type: snapshot`/],
    ['a GIF', answer(200, 'image/gif', 'GIF89a'), /^the URL gives a single picture that is neither/],
    ['a page', answer(200, 'text/html', '<html>Login</html>'), /^the URL gives a web page, .*login/],
    [
      'a page of no type',
      (response) => response.writeHead(200).end('\n<!DOCTYPE html><p>'),
      /^the URL gives a web page/,
    ],
    ['JSON', answer(200, 'application/json', '{"error": 5}'), /^the URL gives a text, not a stream/],
    ['nothing', answer(200, 'video/mp4', ''), /^the URL gives an empty answer$/],
    [
      'status 401',
      answer(401, 'text/html', 'no'),
      /user and a password \(status 401\): set username and passwordFile$/,
    ],
    ['status 403', answer(403, 'text/html', 'no'), /access is forbidden \(status 403\)$/],
    ['status 404', answer(404, 'text/html', 'no'), /nothing at this address \(status 404\)$/],
    ['status 429', answer(429, 'text/html', 'no'), /request was refused \(status 429\)$/],
    ['status 503', answer(503, 'text/html', 'no'), /error of its own \(status 503\)$/],
  ])('%s', async (_, send, error) => {
    const url = await httpCamera((_request, response) => send(response));
    expect((await fail(url)).error).toMatch(error);
  });

  test('a wrong password, which is not repeated', async () => {
    const url = await httpCamera((request, response) => checkBasic(request, response) && response.end());
    const { error } = await fail(withUser(url, 'guessed-secret'));
    expect(error).toMatch(/the user or the password is wrong or missing \(status 401\)$/);
    expect(error).not.toMatch(/secret|admin|127/);
  });

  test.each<[string, string]>([
    ['no HTTP', 'hello\n\n'],
    ['an endless redirect', 'HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n'],
    ['a redirect to a file', 'HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    const url = await rawCamera((socket) => socket.end(bytes));
    const { error, frameNumber } = await fail(url);
    expect(error).toMatch(/^the stream could not be opened|^the URL gives/);
    expect(frameNumber).toBe(0);
  });

  test('a stream of text parts', async () => {
    const url = await httpCamera((_request, response) => {
      response.writeHead(200, TYPE);
      play(response, () => response.write('--frame\r\nContent-Type: text/plain\r\n\r\nno picture\r\n') || true);
    });
    expect((await fail(url)).error).toBe('no frame for 400 ms');
  });
});

function exif(jpeg: Buffer): Buffer {
  const length = jpeg.length + 8;
  return join('\xff\xe1', Buffer.from([length >> 8, length & 255]), 'Exif\0\0', jpeg);
}

/** Removes the segments with Huffman tables. */
function withoutTables(jpeg: Buffer): Buffer {
  const pieces: Buffer[] = [jpeg.subarray(0, 2)];
  let at = 2;
  while (jpeg[at + 1] !== 0xda) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (jpeg[at + 1] !== 0xc4) pieces.push(jpeg.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...pieces, jpeg.subarray(at)]);
}
