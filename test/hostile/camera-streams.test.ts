// Cameras over HTTP that attack their reader: endless answers, slow ones, and pictures that cost much. Each ends with an error in bounded memory.
import { describe, expect, test } from 'vitest';
import type { Socket } from 'node:net';
import { rawCamera } from '../native/camera-servers.js';
import { numberedJpeg, TestCapture } from '../native/clips.js';
import { addon } from '../native/pictures.js';
import { progressiveJpeg } from './progressive.js';

const MIXED = 'HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n';
const PART = '--frame\r\nContent-Type: image/jpeg\r\n\r\n';
const MOST_GROWTH_BYTES = 120 << 20;

/** Writes the same piece for as long as the other side takes it. */
function flood(socket: Socket, piece: Buffer | string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}

/** Writes a piece every 10 ms. */
function drip(socket: Socket, piece: string): void {
  const timer = setInterval(() => socket.write(piece, 'latin1'), 10);
  socket.on('close', () => clearInterval(timer));
}

describe('a hostile camera is lost, and costs no memory:', () => {
  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['endless headers', (socket) => flood(socket, 'X-A: b\r\n'.repeat(1_000)), /^the stream could not|within 1500 ms$/],
    ['an endless header', (socket) => flood(socket, 'a'.repeat(9_000)), /^the stream could not|within 1500 ms$/],
    ['headers in a slow drip', (socket) => drip(socket, 'X'), /within 1500 ms$/],
    [
      'a type without end',
      (socket) => flood(socket, `HTTP/1.1 200 OK\r\nContent-Type: ${'a'.repeat(99_999)}`),
      /could/,
    ],
    ['no picture', (socket) => flood(socket, `${MIXED}${'x'.repeat(99_999)}`), /^no frame for 1500 ms$/],
    [
      'endless headers of a part',
      (socket) => (socket.write(`${MIXED}--frame\r\n`), flood(socket, 'A: b\r\n'.repeat(999))),
      /^no frame/,
    ],
    ['parts without pictures', (socket) => (socket.write(MIXED), flood(socket, PART.repeat(999))), /^no frame/],
    [
      'a picture in a slow drip',
      (socket) => (socket.write(`${MIXED}${PART}\xff\xd8\xff`, 'latin1'), drip(socket, 'x')),
      /^no frame/,
    ],
    [
      'an endless picture',
      (socket) => (socket.write(`${MIXED}${PART}\xff\xd8\xff`, 'latin1'), flood(socket, 'x'.repeat(1 << 20))),
      /^a picture of the stream is larger than 16 MiB$/,
    ],
    [
      'beginnings of pictures',
      (socket) => (socket.write(MIXED), flood(socket, Buffer.from('ffd8ff'.repeat(20_000), 'hex'))),
      /^only damaged pictures came for 1500 ms$/,
    ],
    [
      'pictures with a thousand scans',
      (socket) => {
        const jpeg = progressiveJpeg({ widthPx: 2_000, heightPx: 2_000, scans: 800 });
        socket.write(MIXED);
        flood(socket, Buffer.concat([Buffer.from(PART), jpeg, Buffer.from('\r\n')]));
      },
      /^only pictures that cannot be decoded came \(the picture has too many scans\) for 1500 ms$|^no frame/,
    ],
  ])('%s', { timeout: 30_000 }, async (_, attack, error) => {
    const url = await rawCamera((socket) => attack(socket));
    const before = process.memoryUsage().rss;
    const began = performance.now();
    const capture = new TestCapture({ type: 'url', url }, { openTimeoutMs: 1_500, readTimeoutMs: 1_500 });
    const state = await capture.untilStatus('failed');
    expect(state.error).toMatch(error);
    expect(state.frameNumber).toBe(0);
    await addon.closeCapture(capture.handle);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(MOST_GROWTH_BYTES);
  });

  test('a camera that is faster than its reader does not fall behind', { timeout: 30_000 }, async () => {
    const part = Buffer.concat([Buffer.from(PART), numberedJpeg(1), Buffer.from('\r\n')]);
    const url = await rawCamera((socket) => {
      socket.write(MIXED);
      flood(socket, Buffer.concat(new Array<Buffer>(50).fill(part)));
    });
    const capture = new TestCapture({ type: 'url', url });
    await capture.until(() => capture.state.frameNumber >= 20);
    expect(capture.state.status).toBe('running');
  });
});
