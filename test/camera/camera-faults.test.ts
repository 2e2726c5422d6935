// A camera with picture faults: what it declares, when it opens its source again, and what is analysed meanwhile.
import { describe, expect, test } from 'vitest';
import { BACK_OFF_MS } from '../../src/camera/camera.js';
import { live, setUp } from './camera-setup.js';
import { present } from '../support/present.js';

const frozen = (atMs: number) => ({ unchangedMs: atMs, unchangedFrames: atMs / 200 });

describe('a camera whose picture is frozen', () => {
  test('is declared, not trusted, and opened again until its pictures change', async () => {
    const { camera, addon, timers, shootFor, log } = setUp();
    await camera.start(live);
    await shootFor(2_000);
    expect([camera.problem(), camera.health().status]).toEqual([undefined, 'ok']);
    await shootFor(5_200, frozen);
    const declared = { status: 'failed', detail: 'the picture is frozen' };
    expect(camera.health()).toEqual(declared);
    expect(camera.problem()).toBe('the picture is frozen');
    expect(camera.stats()).toMatchObject({ fault: 'frozen', reopenings: 1, losses: 0 });
    expect(addon.openCount).toBe(0);

    const waits: number[] = [];
    for (let opening = 1; opening < 5; opening++) {
      waits.push(present(timers.waitingMs[0]));
      await timers.advance(present(waits[waits.length - 1]));
      expect(addon.captures).toHaveLength(opening + 1);
      expect(camera.health()).toEqual(declared);
      await shootFor(5_200, frozen);
      expect(addon.openCount).toBe(0);
    }
    expect(waits.map((waitMs) => Math.round(waitMs / 500) * 500)).toEqual([...BACK_OFF_MS].map((waitMs) => waitMs));

    await timers.advance(5_000);
    await shootFor(2_400);
    expect(camera.health()).toEqual({ status: 'ok' });
    expect(camera.problem()).toBeUndefined();
    expect(log.messages.filter((message) => message.includes('fault'))).toEqual([
      'the picture of the camera has a fault',
      'the fault of the picture is over',
    ]);
    expect(log.lines.find(({ level }) => level === 'warn')?.fields).toMatchObject({
      cameraId: 'front',
      fault: 'frozen',
      mean: 120,
    });
  });

  test.each(['live', 'segments'] as const)(
    'is alive before a quiet scene while its time stamps go on: %s',
    async (clock) => {
      const { camera, addon, shootFor, numbers } = setUp({ maxFps: 5 });
      await camera.start(live);
      await shootFor(45_000, (atMs) => ({ ...frozen(atMs), stillMs: atMs, clock, timestampMs: 1_000 + atMs }));
      expect(camera.health()).toEqual({ status: 'ok' });
      expect(camera.problem()).toBeUndefined();
      expect(camera.stats()).not.toHaveProperty('fault');
      expect(addon.captures).toHaveLength(1);
      // A picture that a slow shutter repeats counts once; one that stays the same for longer is a picture of its own.
      expect(numbers().slice(0, 4)).toEqual([1, 4, 5, 6]);
    },
  );

  test('is declared where its time stamps stand still', async () => {
    const { camera, shootFor } = setUp({ source: { type: 'url', url: 'rtsp://127.0.0.1/door' } });
    await camera.start(live);
    const still = { clock: 'segments', timestampMs: 5_000 } as const;
    await shootFor(2_000, (atMs) => ({ ...still, timestampMs: 3_000 + atMs }));
    await shootFor(7_000, (atMs) => ({ ...frozen(atMs), ...still }));
    expect(camera.stats()).toMatchObject({ fault: 'frozen' });
    expect(camera.stats().reopenings).toBeGreaterThan(0);
  });

  test('shows the same picture to the analysis once', async () => {
    const { camera, shootFor, shoot, timers, numbers } = setUp({ maxFps: 5 });
    await camera.start(live);
    await shootFor(600);
    await shootFor(3_000, frozen);
    expect(numbers()).toEqual([1, 2, 3, 4]);
    await shoot();
    await timers.advance(200);
    expect(numbers()).toEqual([1, 2, 3, 4, 19]);
  });

  test.each([
    ['a file', { source: { type: 'file', path: 'clip.mjpeg' } }],
    ['a camera that may stand still', { freezeMs: 0 }],
  ])('is none where it is %s', async (_, keys) => {
    const { camera, addon, shootFor, numbers } = setUp({ maxFps: 5, ...keys });
    await camera.start(live);
    await shootFor(20_000, frozen);
    expect(camera.health()).toEqual({ status: 'ok' });
    expect(addon.captures).toHaveLength(1);
    expect(numbers()).toHaveLength(100);
  });
});

test('a camera whose lens is covered is not trusted, and stays open', async () => {
  const { camera, addon, shootFor } = setUp();
  await camera.start(live);
  await shootFor(10_000, () => ({ mean: 4, deviation: 1, sharpness: 0.2 }));
  const words = 'the lens is covered, or the picture is black or blank';
  expect(camera.health()).toEqual({ status: 'failed', detail: words });
  expect(camera.problem()).toBe(words);
  expect(camera.stats()).toMatchObject({ fault: 'covered', picture: { mean: 4, deviation: 1, sharpness: 0.2 } });
  expect(addon.captures).toHaveLength(1);
  await shootFor(3_000);
  expect(camera.health()).toEqual({ status: 'ok' });
});

test.each([
  ['blurred', {}, { sharpness: 1 }],
  ['wrong-resolution', { expectWidthPx: 1280 }, {}],
])('a picture that is %s is declared, and people are recognised all the same', async (fault, keys, picture) => {
  const { camera, shootFor, frames } = setUp(keys);
  await camera.start(live);
  await shootFor(10_000, () => picture);
  expect(camera.health().status).toBe('degraded');
  expect(camera.stats().fault).toBe(fault);
  expect(camera.problem()).toBeUndefined();
  expect(frames.length).toBeGreaterThan(40);
});

describe('the clock of the frames', () => {
  const rtsp = { type: 'url', url: 'rtsp://127.0.0.1/door' };
  const late = (atMs: number) => ({ clock: 'live' as const, timestampMs: 1_000 + atMs * 0.6 });

  test('that drifts is declared, and the stream opened again, which makes it good', async () => {
    const { camera, addon, timers, shootFor } = setUp({ source: rtsp });
    await camera.start(live);
    await shootFor(5_200, late);
    expect(camera.stats()).toMatchObject({ fault: 'clock-drift', reopenings: 1 });
    expect(camera.problem()).toMatch(/^the frames arrive ever later/);
    await timers.advance(BACK_OFF_MS[0]);
    expect(addon.captures).toHaveLength(2);
    await shootFor(6_000, (atMs) => ({ clock: 'live', timestampMs: 1_000 + atMs }));
    expect(camera.health()).toEqual({ status: 'ok' });
    expect(camera.stats().delayMs).toBe(0);
  });

  test.each(['none', 'segments'] as const)('does not drift by time stamps that say: %s', async (clock) => {
    const { camera, shootFor } = setUp({ source: rtsp });
    await camera.start(live);
    await shootFor(20_000, (atMs) => ({ ...late(atMs), clock }));
    expect(camera.health()).toEqual({ status: 'ok' });
  });
});

test('a loss is declared instead of a fault, and the fault again after the loss', async () => {
  const { camera, addon, timers, shootFor, log } = setUp();
  await camera.start(live);
  const black = () => ({ mean: 2, deviation: 1 });
  await shootFor(4_000, black);
  addon.last.fail('unplugged');
  await timers.advance(BACK_OFF_MS[0]);
  expect(camera.health().detail).toBe('the camera is lost: unplugged');
  await shootFor(1_000, black);
  expect(camera.health().detail).toMatch(/^the lens is covered/);
  expect(log.messages.filter((message) => message.includes('fault'))).toHaveLength(1);
});
