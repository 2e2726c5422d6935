// A camera whose stream changes in the middle: what it says, what it counts, and that recognition begins anew.
import { describe, expect, test } from 'vitest';
import { describeChange, StreamChanges } from '../../src/camera/stream-changes.js';
import type { CaptureState, StreamFormat } from '../../src/native/addon.js';
import { live, setUp } from './camera-setup.js';
import { RecordedLog } from './test-camera.js';

const HD: StreamFormat = {
  codec: 'h264',
  pixelFormat: 'yuv420p',
  widthPx: 1280,
  heightPx: 720,
  rotate: 0,
  isMirrored: false,
  isFullRange: false,
};
const SMALL: StreamFormat = { ...HD, widthPx: 640, heightPx: 360 };

describe('a change is described in plain words', () => {
  test.each<[Partial<StreamFormat>, string]>([
    [{ widthPx: 640, heightPx: 360 }, 'from 1280 x 720 to 640 x 360'],
    [{ codec: 'hevc' }, 'from h264 to hevc'],
    [{ pixelFormat: 'yuv444p' }, 'from yuv420p to yuv444p'],
    [{ isFullRange: true }, 'from limited range to full range'],
    [{ rotate: 90 }, 'from a rotation of 0 degrees to a rotation of 90 degrees'],
    [{ isMirrored: true }, 'from a rotation of 0 degrees to a rotation of 0 degrees, mirrored'],
    [{ widthPx: 720, heightPx: 1280, codec: '' }, 'from 1280 x 720 to 720 x 1280, from h264 to an unknown codec'],
  ])('%j', (change, words) => expect(describeChange(HD, { ...HD, ...change })).toBe(words));

  test('where nothing differs there is none', () => expect(describeChange(HD, { ...HD })).toBeUndefined());
});

describe('the changes of a stream', () => {
  function watch() {
    const log = new RecordedLog();
    let nowMs = 0;
    const changes = new StreamChanges({ cameraId: 'front', clock: () => nowMs, log });
    const show = (format: StreamFormat, streamChanges: number): void =>
      changes.observe({ format, streamChanges } as CaptureState);
    return { changes, show, log, pass: (ms: number) => (nowMs += ms) };
  }

  test('are counted, and each is logged once', () => {
    const { changes, show, log } = watch();
    show(HD, 0);
    show(HD, 0);
    show(SMALL, 1);
    show(SMALL, 1);
    expect(changes.count).toBe(1);
    expect(changes.format).toEqual(SMALL);
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'the stream changed from 1280 x 720 to 640 x 360',
        fields: { cameraId: 'front', changes: 1 },
      },
    ]);
  });

  test('that come again and again fill no log', () => {
    const { changes, show, log, pass } = watch();
    for (let change = 0; change < 130; change++) {
      show(change % 2 === 0 ? HD : SMALL, change);
      pass(1_000);
    }
    expect(changes.count).toBe(129);
    expect(log.lines).toHaveLength(3);
    expect(log.lines[1]?.fields).toMatchObject({ changes: 60 });
  });

  test('of a camera that comes back with other settings count as well', () => {
    const { changes, show, log } = watch();
    show(HD, 0);
    show(SMALL, 1);
    changes.closed();
    show(SMALL, 0);
    expect(changes.count).toBe(1);
    changes.closed();
    show(HD, 0);
    expect(changes.count).toBe(2);
    expect(log.messages).toHaveLength(1);
  });
});

describe('a camera whose stream changes', () => {
  test('begins its recognition anew before the first frame after the change', async () => {
    const told: string[] = [];
    const { camera, addon, shootFor, frames, log } = setUp(
      { maxFps: 5 },
      { onStreamChange: () => void told.push(`change after ${frames.length}`) },
    );
    await camera.start(live);
    addon.last.state.format = HD;
    await shootFor(1_000);
    const before = frames.length;
    Object.assign(addon.last.state, { format: SMALL, streamChanges: 1 });
    await shootFor(1_000);
    expect(told).toEqual([`change after ${before}`]);
    expect(camera.stats()).toMatchObject({ streamChanges: 1, format: SMALL });
    expect(log.messages).toContain('the stream changed from 1280 x 720 to 640 x 360');
  });

  test('does so where another capture has another size', async () => {
    let changes = 0;
    const { camera, addon, shootFor, timers } = setUp({ maxFps: 5 }, { onStreamChange: () => void changes++ });
    await camera.start(live);
    await shootFor(1_000);
    addon.last.fail('gone');
    await timers.advance(1_000);
    await shootFor(1_000);
    expect(changes).toBe(0);
    addon.last.fail('gone');
    await timers.advance(3_000);
    Object.assign(addon.last.state, { widthPx: 320, heightPx: 240 });
    await shootFor(1_000);
    expect(changes).toBe(1);
  });
});
