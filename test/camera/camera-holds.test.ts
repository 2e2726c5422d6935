// A camera that is held closed, by a pause or by the privacy switch, and the first attempt that a start waits for.
import { describe, expect, test } from 'vitest';
import type { Camera } from '../../src/camera/camera.js';
import { held, live, setUp } from './camera-setup.js';
import { settle } from './manual-timers.js';

const HOLDS = [
  { status: 'paused', hold: (camera: Camera) => camera.pause(), release: (camera: Camera) => camera.resume() },
  {
    status: 'private',
    hold: (camera: Camera) => camera.setPrivate(true),
    release: (camera: Camera) => camera.setPrivate(false),
  },
] as const;

describe.each(HOLDS)('a camera that is $status', ({ status, hold, release }) => {
  test('closes its source, declares it, and opens it again when it may', async () => {
    const { camera, addon, shoot, log } = setUp();
    await camera.start(live);
    await shoot();
    await hold(camera);
    expect([addon.openCount, camera.status]).toEqual([0, status]);
    expect(camera.health()).toEqual({ status: 'degraded', detail: status });
    await hold(camera);
    await release(camera);
    await shoot();
    expect([addon.captures.length, camera.status]).toEqual([2, 'running']);
    await release(camera);
    expect(addon.captures).toHaveLength(2);
    expect(log.messages).toEqual([
      'the camera is running',
      'the camera is held closed',
      'the camera may be opened again',
      'the camera is running',
    ]);
  });

  test('opens nothing, even when it was waiting for its next attempt', async () => {
    const { camera, addon, timers } = setUp();
    await camera.start(live);
    addon.last.fail('gone');
    await settle();
    expect(camera.status).toBe('lost');
    await hold(camera);
    await timers.advance(60_000);
    expect(addon.captures).toHaveLength(1);
    expect(camera.health()).toEqual({ status: 'degraded', detail: status });
    await release(camera);
    expect(addon.captures).toHaveLength(2);
  });

  test('gives no frame to anyone, not even one that was being analysed or encoded', async () => {
    const { camera, vision, shoot, frames } = setUp();
    const work = held();
    vision.script = () => work.promise;
    await camera.start(live);
    await shoot();
    const encoded = camera.encode({ after: 0, quality: 80, maxWidthPx: 0, boxes: [] });
    await hold(camera);
    work.release();
    await settle();
    expect(frames).toEqual([]);
    expect(await encoded).toBeUndefined();
    expect(await camera.encode({ after: 0, quality: 80, maxWidthPx: 0, boxes: [] })).toBeUndefined();
    expect(vision.encoded).toHaveLength(1);
  });

  test('from the beginning opens nothing at its start', async () => {
    const { camera, addon } = setUp();
    await hold(camera);
    await camera.start(live);
    expect([addon.captures.length, camera.status]).toEqual([0, status]);
    await camera.stop();
    expect(camera.status).toBe('stopped');
    await release(camera);
    expect(addon.captures).toHaveLength(0);
  });

  test('and is released and held in quick turns ends in the last requested state', async () => {
    const { camera, addon } = setUp();
    await camera.start(live);
    await Promise.all([hold(camera), release(camera), hold(camera)]);
    expect([addon.openCount, camera.status]).toEqual([0, status]);
    await Promise.all([release(camera), hold(camera), release(camera)]);
    expect([addon.openCount, camera.status]).toEqual([1, 'opening']);
  });

  test('has no picture fault', async () => {
    const { camera, shootFor } = setUp();
    await camera.start(live);
    await shootFor(4_000, () => ({ mean: 2, deviation: 1 }));
    expect(camera.problem()).toBeDefined();
    await hold(camera);
    expect(camera.problem()).toBeUndefined();
    expect(camera.stats().fault).toBeUndefined();
  });
});

test('pause and privacy switch are independent', async () => {
  const { camera, addon } = setUp({}, { isPrivate: true });
  await camera.start(live);
  expect(camera.status).toBe('private');
  await camera.pause();
  await camera.setPrivate(false);
  expect(camera.status).toBe('paused');
  await camera.resume();
  expect([camera.status, addon.captures.length]).toEqual(['opening', 1]);
});

describe('the first attempt', () => {
  /** Whether a promise is settled by now. */
  async function isOver(promise: Promise<void>): Promise<boolean> {
    let over = false;
    void promise.then(() => (over = true));
    await settle();
    return over;
  }

  test('is over with the first frame', async () => {
    const { camera, shoot } = setUp();
    expect(await isOver(camera.firstAttempt)).toBe(false);
    await camera.start(live);
    expect(await isOver(camera.firstAttempt)).toBe(false);
    await shoot();
    expect(await isOver(camera.firstAttempt)).toBe(true);
  });

  test('is over when it failed', async () => {
    const { camera, addon } = setUp();
    await camera.start(live);
    addon.last.fail('no such device');
    expect(await isOver(camera.firstAttempt)).toBe(true);
  });

  test('is over when none may be made', async () => {
    const { camera } = setUp({}, { isPrivate: true });
    await camera.start(live);
    expect(await isOver(camera.firstAttempt)).toBe(true);
  });
});

test('frame numbers of encoded pictures continue over all captures', async () => {
  const { camera, addon, timers, shoot } = setUp();
  const look = (after: number) => camera.encode({ after, quality: 80, maxWidthPx: 320, boxes: [] });
  expect(await look(0)).toBeUndefined();
  await camera.start(live);
  for (let i = 0; i < 3; i++) await shoot();
  expect(await look(0)).toMatchObject({ frameNumber: 3, widthPx: 640 });
  expect(await look(3)).toBeUndefined();
  addon.last.fail('gone');
  await timers.advance(500);
  expect(await look(3)).toBeUndefined();
  await shoot();
  expect(await look(3)).toMatchObject({ frameNumber: 4 });
  expect(await look(4)).toBeUndefined();
});
