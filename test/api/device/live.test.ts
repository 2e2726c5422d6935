// Live views: the frames that a viewer receives, the limits on viewers, and everything that ends a view.
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { VIEWERS_IN_ALL, VIEWERS_PER_CAMERA, VIEWERS_PER_KEY } from '../../../src/api/device/live-views.js';
import { LOST_MS, MjpegStream, STALLED_MS } from '../../../src/api/device/mjpeg.js';
import type { FrameJpeg } from '../../../src/camera/camera-control.js';
import { AppError } from '../../../src/errors.js';
import { ManualTimers, settle } from '../../camera/manual-timers.js';
import { gate, startDevice, type Device } from './harness.js';

let device: Device;
afterEach(() => device.close());

interface View {
  response: IncomingMessage;
  /** So far. */
  text(): string;
  /** Whether the answer was complete; undefined while it goes on. */
  ended(): boolean | undefined;
}

function view(path = '/cameras/front/live?fps=15', agent: Agent | false = false, key = device.adminKey): Promise<View> {
  const headers = { authorization: `Bearer ${key}` };
  return new Promise((resolve, reject) => {
    const request = get(`${device.origin}/device/v1${path}`, { headers, agent }, (response) => {
      let text = '';
      let ended: boolean | undefined;
      response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      response.on('close', () => (ended = response.complete)).on('error', () => undefined);
      resolve({ response, text: () => text, ended: () => ended });
    });
    request.on('error', reject);
    onTestFinished(() => void request.destroy());
  });
}

const pictures = (text: string): string[] =>
  [...text.matchAll(/\r\n\r\n(frame \d+)\r\n--lintel-frame/g)].map(([, p = '']) => p);

describe('a live view', () => {
  test('shows each new frame once, whole and behind its boundary', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    const live = await view('/cameras/front/live?fps=15&boxes=true&maxWidth=320&quality=60');
    expect(live.response.statusCode).toBe(200);
    expect(live.response.headers['content-type']).toBe('multipart/x-mixed-replace; boundary=lintel-frame');
    expect(live.response.headers['cache-control']).toBe('no-store');
    expect(live.response.headers['content-length']).toBeUndefined();
    await expect.poll(() => pictures(live.text())).toEqual(['frame 1']);
    expect((await device.call('GET', '/cameras/front')).body.viewers).toBe(1);
    device.cameras.show('front', 'frame 2');
    await expect.poll(() => pictures(live.text())).toEqual(['frame 1', 'frame 2']);
    expect(live.text()).toMatch(
      /^--lintel-frame\r\nContent-Type: image\/jpeg\r\nContent-Length: 7\r\nX-Captured-At: 2026-01-02T03:04:05.000Z\r\n\r\n/,
    );
    expect(device.cameras.asked[1]).toEqual({ cameraId: 'front', boxes: true, maxWidthPx: 320, quality: 60, after: 1 });
    expect((await device.audited()).slice(1)).toEqual([
      ['camera.viewed', 'admin:front-desk', { cameraId: 'front', live: true }],
    ]);
  });

  test('gives its place up when the viewer leaves', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    const live = await view();
    live.response.destroy();
    await expect.poll(() => device.services.views.count('front')).toBe(0);
  });

  test('ends when the camera is paused', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    device.cameras.show('yard', 'frame 1');
    const [live, other] = [await view(), await view('/cameras/yard/live')];
    await device.call('POST', '/cameras/front/pause');
    await expect.poll(() => live.ended()).toBe(true);
    expect(other.ended()).toBeUndefined();
  });

  test('ends when the camera was paused by somebody else', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    const live = await view();
    await device.cameras.pause('front');
    await expect.poll(() => live.ended()).toBe(true);
  });

  test('ends when its admin key is revoked, and shows no frame after that; that of another key goes on', async () => {
    device = await startDevice();
    const { key } = await device.adminKeys.create('guard');
    device.cameras.show('front', 'frame 1');
    const [live, other] = [await view(), await view(undefined, false, key)];
    await expect.poll(() => pictures(live.text()).concat(pictures(other.text()))).toEqual(['frame 1', 'frame 1']);
    await device.adminKeys.revoke('front-desk');
    device.cameras.show('front', 'frame 2');
    await expect.poll(() => live.ended()).toBe(true);
    expect(pictures(live.text())).toEqual(['frame 1']);
    await expect.poll(() => pictures(other.text())).toEqual(['frame 1', 'frame 2']);
    expect(other.ended()).toBeUndefined();
  });

  test('ends when privacy goes on, and shows no frame after that', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    const live = await view();
    await expect.poll(() => pictures(live.text())).toEqual(['frame 1']);
    const closing = gate();
    device.cameras.frame = async () => {
      await closing.promise;
      return { jpeg: Buffer.from('frame 2'), widthPx: 1, heightPx: 1, frameNumber: 2, capturedAtMs: 1 };
    };
    await device.call('PUT', '/privacy', { on: true });
    closing.open();
    await expect.poll(() => live.ended()).toBe(true);
    expect(pictures(live.text())).toEqual(['frame 1']);
  });

  test.each([false, true])('ends when the service stops, at once (connection kept alive: %s)', async (keepAlive) => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    const agent = new Agent({ keepAlive });
    onTestFinished(() => agent.destroy());
    const live = await view('/cameras/front/live', keepAlive && agent);
    const begun = performance.now();
    await device.server.stop();
    expect(performance.now() - begun).toBeLessThan(900);
    await expect.poll(() => live.ended()).toBe(true);
  });

  test('of a viewer who takes nothing does not hold up the stop of the service', async () => {
    device = await startDevice();
    device.cameras.show('front', 'x'.repeat(30_000_000));
    const { port } = device.server.address;
    const socket: Socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.pause();
    socket.write(
      `GET /device/v1/cameras/front/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${device.adminKey}\r\n\r\n`,
    );
    await expect.poll(() => device.services.views.count('front')).toBe(1);
    const begun = performance.now();
    await device.server.stop();
    expect(performance.now() - begun).toBeLessThan(2_500);
  });
});

describe('live views are refused', () => {
  test('beyond the limits of one camera, of one admin key, and of all cameras', async () => {
    device = await startDevice();
    for (const id of ['front', 'yard']) device.cameras.show(id, 'frame 1');
    const views = [];
    for (let i = 0; i < VIEWERS_PER_CAMERA; i++) views.push(await view());
    const refused = await device.call('GET', '/cameras/front/live');
    expect([refused.status, refused.body.error.code]).toEqual([503, 'SERVER_BUSY']);
    for (let i = VIEWERS_PER_CAMERA; i < VIEWERS_PER_KEY; i++) views.push(await view('/cameras/yard/live'));
    const { body } = await device.call('GET', '/cameras/yard/live');
    expect(body.error.message).toBe('There are too many live views with this admin key.');
    const { key } = await device.adminKeys.create('guard');
    for (let i = VIEWERS_PER_KEY; i < VIEWERS_IN_ALL; i++) {
      views.push(await view('/cameras/yard/live', false, key));
    }
    views[0]?.response.destroy();
    await expect.poll(() => device.services.views.count('front')).toBe(VIEWERS_PER_CAMERA - 1);
    expect((await view()).response.statusCode).toBe(200);
    expect((await device.call('GET', '/cameras/yard/live')).status).toBe(503);
  });

  test('when there is no frame, and do not count against the limit', async () => {
    device = await startDevice();
    const refusal = async (id: string): Promise<unknown> => {
      const { status, body } = await device.call('GET', `/cameras/${id}/live`);
      return [status, body.error.code];
    };
    expect(await refusal('front')).toEqual([409, 'CAMERA_UNAVAILABLE']);
    expect(await refusal('cellar')).toEqual([404, 'CAMERA_NOT_FOUND']);
    device.cameras.show('front', 'frame 1');
    await device.cameras.setPrivacy(true);
    expect(await refusal('front')).toEqual([409, 'PRIVACY_ON']);
    expect(device.services.views.count('front')).toBe(0);
    expect(await device.audited()).toHaveLength(1);
  });

  test('when the audit log cannot be written, and do not count against the limit', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    device.audit.append = async () => {
      throw new AppError('STORE_UNAVAILABLE', 'full');
    };
    expect((await device.call('GET', '/cameras/front/live')).status).toBe(503);
    await expect.poll(() => device.services.views.count('front')).toBe(0);
  });
});

describe('a stream', () => {
  const timers = new ManualTimers();

  function stream(
    next: (after: number) => Promise<FrameJpeg | undefined>,
    isOver = () => false,
    lostMs?: number,
  ): MjpegStream {
    const parts = { first: frame(1), next, isOver, intervalMs: 200, lostMs, clock: timers.clock, timers };
    return new MjpegStream(parts);
  }

  function frame(frameNumber: number): FrameJpeg {
    return { jpeg: Buffer.from(`frame ${frameNumber}`), widthPx: 1, heightPx: 1, frameNumber, capturedAtMs: 0 };
  }

  test('makes nothing in advance for a slow viewer, who then gets the newest frame', async () => {
    device = await startDevice();
    let newest = 1;
    const asked: number[] = [];
    const live = stream(async (after) => {
      asked.push(after);
      return newest > after ? frame(newest) : undefined;
    });
    const chunks: string[] = [];
    live.on('data', (chunk: Buffer) => {
      chunks.push(...pictures(`\r\n\r\n${chunk.toString()}`));
      if (chunks.length === 2) live.pause();
    });
    newest = 5;
    await timers.advance(200);
    expect(chunks).toEqual(['frame 1', 'frame 5']);
    for (newest = 6; newest < 60; newest++) await timers.advance(20);
    expect(asked.every((after) => after <= 5)).toBe(true);
    expect(asked).toEqual([1]);
    live.resume();
    await timers.advance(0);
    expect(chunks.slice(0, 3)).toEqual(['frame 1', 'frame 5', 'frame 60']);
    live.destroy();
  });

  test('keeps to its rate', async () => {
    device = await startDevice();
    let number = 1;
    const live = stream(async () => frame(++number));
    let count = 0;
    live.on('data', () => count++);
    await settle();
    for (let i = 0; i < 10; i++) await timers.advance(100);
    expect(count).toBe(6);
    live.destroy();
  });

  test('ends when its camera shows nothing new for long', async () => {
    device = await startDevice();
    const live = stream(async () => undefined);
    let ended = false;
    live.on('end', () => (ended = true)).resume();
    await timers.advance(LOST_MS - 200);
    expect(ended).toBe(false);
    await timers.advance(500);
    expect(ended).toBe(true);
    expect(timers.waitingMs).toEqual([]);
  });

  test('waits longer for a camera that may take longer for a frame', async () => {
    device = await startDevice();
    const live = stream(
      async () => undefined,
      () => false,
      60_000,
    );
    let ended = false;
    live.on('end', () => (ended = true)).resume();
    await timers.advance(59_800);
    expect(ended).toBe(false);
    await timers.advance(500);
    expect(ended).toBe(true);
  });

  test('is cut off when its viewer takes nothing for long', async () => {
    device = await startDevice();
    const live = stream(async () => frame(2));
    live.once('data', () => live.pause());
    await timers.advance(STALLED_MS - 1);
    expect(live.destroyed).toBe(false);
    await timers.advance(1);
    expect(live.destroyed).toBe(true);
    expect(timers.waitingMs).toEqual([]);
  });

  test('is destroyed with the error of a frame that could not be made, and leaves no timer', async () => {
    device = await startDevice();
    const live = stream(async () => {
      throw new AppError('SERVER_BUSY', 'full');
    });
    const failed = new Promise((resolve) => live.on('error', resolve));
    live.resume();
    await timers.advance(500);
    expect(await failed).toMatchObject({ code: 'SERVER_BUSY' });
    expect(timers.waitingMs).toEqual([]);
  });
});
