// Crowds at the streams of the device API: a hundred viewers, clients that read nothing, and clients that leave at once.
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { FEEDS_PER_KEY } from '../../src/api/device/feeds.js';
import { VIEWERS_PER_CAMERA } from '../../src/api/device/live-views.js';
import { startDevice, type Device } from '../api/device/harness.js';

let device: Device;
beforeAll(async () => {
  device = await startDevice();
});
afterAll(() => device.close());

/** Sends the request for a stream. @returns the socket, and the status line once it has come */
function ask(path: string): { socket: Socket; status: Promise<string> } {
  const { hostname, port } = new URL(device.origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  socket.write(`GET /device/v1${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${device.adminKey}\r\n\r\n`.replace('Host: x', `Host: ${hostname}:${port}`)); // prettier-ignore
  const status = new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(String(data).split('\r\n')[0] ?? ''));
    socket.once('close', () => resolve('closed'));
  });
  return { socket, status };
}

test('of a hundred viewers at once a few are served and the others refused, and afterwards there is room again', async () => {
  const viewers = Array.from({ length: 100 }, (_, i) => ask(i % 2 === 0 ? '/events/stream' : '/status/stream'));
  const lines = await Promise.all(viewers.map(({ status }) => status));
  expect(lines.filter((line) => line.includes(' 200 '))).toHaveLength(FEEDS_PER_KEY);
  expect(lines.filter((line) => line.includes(' 503 '))).toHaveLength(100 - FEEDS_PER_KEY);
  expect(device.services.feeds.count).toBe(FEEDS_PER_KEY);
  for (const { socket } of viewers) socket.destroy();
  await expect.poll(() => device.services.feeds.count).toBe(0);
  expect((await device.call('GET', '/version')).status).toBe(200);
});

test('of two hundred live views four are served, the others are told that there are too many', async () => {
  device.cameras.show('front', 'frame 1');
  const viewers = Array.from({ length: 200 }, () => ask('/cameras/front/live?tracks=true&fps=5'));
  const lines = await Promise.all(viewers.map(({ status }) => status));
  expect(lines.filter((line) => line.includes(' 200 '))).toHaveLength(VIEWERS_PER_CAMERA);
  expect(lines.filter((line) => line.includes(' 503 '))).toHaveLength(200 - VIEWERS_PER_CAMERA);
  const { status, body } = await device.call('GET', '/cameras/front/live');
  expect([status, body.error.message]).toEqual([503, 'There are too many live views.']);
  for (const { socket } of viewers) socket.destroy();
  await expect.poll(() => device.services.views.count('front')).toBe(0);
  expect((await device.call('GET', '/cameras/front/tracks')).status).toBe(200);
});

test('clients that leave at once keep no place', async () => {
  for (let i = 0; i < 50; i++) ask('/events/stream').socket.end();
  const last = ask('/version');
  expect(await last.status).toContain(' 200 ');
  await expect.poll(() => device.services.feeds.count).toBe(0);
});

test('a request with a body, another method or a HEAD opens no stream', async () => {
  for (const method of ['HEAD', 'POST', 'DELETE']) {
    const response = await device.fetch('/events/stream', { method });
    expect(response.status).toBe(405);
    await response.body?.cancel();
  }
  expect(device.services.feeds.count).toBe(0);
});
