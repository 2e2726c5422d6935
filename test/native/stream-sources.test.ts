// What a stream or file may be and may lead to: containers with sound, titles and several videos; playlists; errors in words.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CapturedFrame, CaptureOptions } from '../../src/native/addon.js';
import { lacks } from '../events/support.js';
import { tempDir } from '../support/temp-dir.js';
import { listen, lockstep, silentServer, TestCapture } from './clips.js';
import { addon } from './pictures.js';
import { encodeClip, numberedInput, readGreyNumber } from './video-clips.js';

const isMissing = lacks('containers of streams', 'ffmpeg');
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast'];
const TONE = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=2'];

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function numberFrames(frames: readonly CapturedFrame[]): number[] {
  return frames.map((frame) => {
    const number = readGreyNumber(frame);
    frame.release();
    return number;
  });
}

async function playNumbers(path: string): Promise<number[]> {
  return numberFrames(await new TestCapture(lockstep(path)).takeAll());
}

/** Serves over HTTP until the end of the test. @returns the URL, without a path */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  const port = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

describe.skipIf(isMissing)('a file', () => {
  test.each<[string, string, string[]]>([
    ['with sound first', 'ts', ['-map', '1:a', '-map', '0:v', ...H264, '-c:a', 'mp2']],
    ['with sound in Matroska', 'mkv', ['-map', '1:a', '-map', '0:v', ...H264, '-c:a', 'mp2']],
    ['with pictures out of order', 'mp4', ['-map', '0:v', ...H264.slice(0, 2), '-bf', '3', '-preset', 'veryfast']],
    ['of MPEG-4', 'avi', ['-map', '0:v', '-c:v', 'mpeg4', '-bf', '2', '-q:v', '2']],
    ['of VP8', 'webm', ['-map', '0:v', '-c:v', 'libvpx', '-b:v', '1M']],
    ['of MPEG-2 in a programme stream', 'mpg', ['-map', '0:v', '-r', '25', '-c:v', 'mpeg2video', '-q:v', '2']],
  ])('%s gives all its pictures in order', async (_, extension, options) => {
    const video = numberedInput(20).slice(0, 4);
    const input = [...video, ...TONE, '-t', '2'];
    const numbers = await playNumbers(encodeClip(`clip.${extension}`, [...input, ...options]));
    // A container with a fixed rate repeats pictures.
    expect([...new Set(numbers)]).toEqual(range(20));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  test('that holds only the picture of a title is no video', async () => {
    const cover = encodeClip('cover.jpg', ['-f', 'lavfi', '-i', 'color=red:size=160x120', '-frames:v', '1']);
    const options = ['-map', '0:a', '-map', '1:v', '-c:v', 'copy', '-disposition:v', 'attached_pic'];
    const song = encodeClip('song.m4a', [...TONE, '-i', cover, ...options]);
    const capture = new TestCapture(lockstep(song));
    expect(await capture.untilStatus('failed', 'ended')).toMatchObject({
      status: 'failed',
      frameNumber: 0,
      error: 'the file is no video that can be decoded',
    });
  });

  test('is played without the picture of its title', async () => {
    const cover = encodeClip('cover.jpg', ['-f', 'lavfi', '-i', 'color=red:size=320x240', '-frames:v', '1']);
    const film = encodeClip('film.mp4', [...numberedInput(5), ...H264]);
    const options = ['-map', '1:v', '-map', '0:v', '-c', 'copy', '-disposition:v:0', 'attached_pic'];
    expect(await playNumbers(encodeClip('both.mp4', ['-i', film, '-i', cover, ...options]))).toEqual(range(5));
  });

  test.each<[string, (target: string) => string]>([
    ['a playlist of HLS', (target) => `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${target}\n#EXT-X-ENDLIST\n`],
    ['a list of files', (target) => `ffconcat version 1.0\nfile '${target}'\n`],
    [
      'a description of a session',
      () => 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n',
    ],
  ])('that is %s leads to no other file', async (_, write) => {
    const folder = tempDir();
    copyFileSync(encodeClip('film.ts', [...numberedInput(5), ...H264]), join(folder, 'film.ts'));
    for (const target of ['film.ts', join(folder, 'film.ts'), `file://${folder}/film.ts`, '/etc/passwd']) {
      const path = join(folder, 'list.m3u8');
      writeFileSync(path, write(target));
      const capture = new TestCapture(lockstep(path), { readTimeoutMs: 1_000 });
      expect(await capture.untilStatus('failed', 'running', 'ended')).toMatchObject({
        status: 'failed',
        frameNumber: 0,
      });
    }
  });
});

describe.skipIf(isMissing)('a stream over HTTP', () => {
  test('leads to no file of this machine', async () => {
    const film = encodeClip('film.ts', [...numberedInput(5), ...H264]);
    const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://${film}\n#EXT-X-ENDLIST\n`;
    const url = await serve((request, response) => {
      if (request.url === '/redirect') response.writeHead(302, { location: `file://${film}` }).end();
      else if (request.url === '/list') response.end(`ffconcat version 1.0\nfile 'file:${film}'\n`);
      else response.writeHead(200, { 'content-type': 'application/vnd.apple.mpegurl' }).end(playlist);
    });
    for (const path of ['/film.m3u8', '/redirect', '/list']) {
      const capture = new TestCapture({ type: 'url', url: `${url}${path}` }, { readTimeoutMs: 1_000 });
      const state = await capture.untilStatus('failed', 'running', 'ended');
      expect(state).toMatchObject({ status: 'failed', frameNumber: 0 });
      expect(state.error).not.toContain(film);
    }
  });

  test('is played as segments, at their own rate', async () => {
    const folder = tempDir();
    const film = encodeClip('film.ts', [...numberedInput(20), ...H264]);
    copyFileSync(film, join(folder, 'film.ts'));
    const url = await serve((request, response) => {
      response.setHeader('content-type', 'application/vnd.apple.mpegurl');
      if (request.url === '/film.ts') response.end(readFileSync(film));
      else response.end('#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfilm.ts\n#EXT-X-ENDLIST\n');
    });
    const capture = new TestCapture({ type: 'url', url: `${url}/film.m3u8` });
    await capture.until(() => capture.state.frameNumber > 0);
    const { arrivedMs: firstMs, timestampMs: firstStampMs } = capture.state.picture!;
    await capture.until(() => capture.state.frameNumber === 20);
    const { arrivedMs, timestampMs, clock } = capture.state.picture!;
    expect(clock).toBe('segments');
    // They are played at their own rate, although the whole segment is there at once.
    expect(arrivedMs - firstMs).toBeGreaterThan(0.9 * (timestampMs! - firstStampMs!));
  });
});

describe('a stream that cannot be opened says why, without its user and password:', () => {
  const rtsp = (answer: string) => async (): Promise<string> => {
    const { createServer: createTcpServer } = await import('node:net');
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (request) => {
        const number = /CSeq: (\d+)/i.exec(request.toString())?.[1] ?? '1';
        socket.write(`RTSP/1.0 ${answer}\r\nCSeq: ${number}\r\n\r\n`);
      });
    });
    const port = await listen(server);
    onTestFinished(() => void server.close());
    return `rtsp://door:secret@127.0.0.1:${port}/stream`;
  };
  test.each<[string, () => Promise<string>, RegExp]>([
    ['RTSP, 401', rtsp('401 Unauthorized'), /the user or the password is wrong or missing \(status 401\)$/],
    ['RTSP, 404', rtsp('404 Not Found'), /there is nothing at this address \(status 404\)$/],
    ['RTSP, 503', rtsp('503 Service Unavailable'), /reports an error of its own \(a status of 500 or more\)$/],
    ['RTSP, refused', async () => 'rtsp://door:secret@127.0.0.1:9/stream', /the connection was refused$/],
    ['an unknown host', async () => 'rtsp://door:secret@nosuchhost.invalid/stream', /the name of the host is unknown$/],
  ])('%s', async (_, makeUrl, words) => {
    const capture = new TestCapture({ type: 'url', url: await makeUrl() });
    const { error } = await capture.untilStatus('failed', 'running');
    expect(error).toMatch(words);
    expect(error).toMatch(/^the stream could not be opened: /);
    expect(error).not.toMatch(/door|secret/);
  });

  test('a transport that does not exist is refused', () => {
    const source = { type: 'url', url: 'rtsp://127.0.0.1/', transport: 'carrier pigeon' } as unknown;
    expect(() => new TestCapture(source as CaptureOptions['source'])).toThrow(
      /transport must be 'tcp', 'udp' or 'auto'/,
    );
  });
});

test.each(['http', 'rtsp'])('a reader that waits for %s stops as soon as its capture is closed', async (scheme) => {
  const url = (await silentServer()).replace('http', scheme);
  const capture = new TestCapture({ type: 'url', url }, { openTimeoutMs: 60_000 });
  const started = performance.now();
  await addon.closeCapture(capture.handle);
  expect(performance.now() - started).toBeLessThan(2_000);
});
