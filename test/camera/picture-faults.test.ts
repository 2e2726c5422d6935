// Picture faults: when each is declared, when it is over, and what is no fault.
import { describe, expect, test } from 'vitest';
import { PictureFaults, type PictureFaultOptions } from '../../src/camera/picture-faults.js';
import type { PictureState } from '../../src/native/addon.js';

const LIVELY: PictureState = {
  rawWidthPx: 640,
  rawHeightPx: 480,
  mean: 120,
  deviation: 50,
  sharpness: 20,
  unchangedFrames: 0,
  unchangedMs: 0,
  stillMs: 0,
  arrivedMs: 0,
  timestampFaults: 0,
  clock: 'live',
  isInterlaced: false,
};
const OPTIONS = { freezeMs: 5_000, minSharpness: 2, expectWidthPx: 0, expectHeightPx: 0 };
const FRAME_MS = 100;

/** Shows pictures at ten a second, and notes what begins (+) and ends (-), and when. */
function watcher(options: Partial<PictureFaultOptions> = {}) {
  const faults = new PictureFaults({ ...OPTIONS, ...options });
  const told: string[] = [];
  let nowMs = 1_000_000;
  const beganMs = nowMs;
  const note = (changes: ReturnType<PictureFaults['observe']>): void => {
    for (const { fault, begins } of changes) told.push(`${begins ? '+' : '-'}${fault} ${nowMs - beganMs}`);
  };
  const watch = {
    faults,
    told,
    show: (
      durationMs: number,
      picture: Partial<PictureState> | ((atMs: number) => Partial<PictureState>) = {},
    ): void => {
      for (let atMs = 0; atMs < durationMs; atMs += FRAME_MS) {
        const part = typeof picture === 'function' ? picture(atMs) : picture;
        note(faults.observe({ ...LIVELY, arrivedMs: nowMs, ...part }));
        nowMs += FRAME_MS;
      }
    },
    /** The very same picture from now on. */
    freeze: (durationMs: number): void => {
      watch.show(durationMs, (atMs) => ({ unchangedMs: atMs, unchangedFrames: atMs / FRAME_MS }));
    },
  };
  return watch;
}

describe('a fault of the picture is declared within 10 s, once, and is over once:', () => {
  test.each<[string, Partial<PictureFaultOptions>, Partial<PictureState>, string[]]>([
    ['a black picture', {}, { mean: 6, deviation: 2, sharpness: 1 }, ['+covered 3000', '-covered 14000']],
    ['a dark one with a little noise', {}, { mean: 15, deviation: 7 }, ['+covered 3000', '-covered 14000']],
    ['a white one', {}, { mean: 250, deviation: 1 }, ['+covered 3000', '-covered 14000']],
    ['a blurred one', {}, { sharpness: 1.2 }, ['+blurred 5000', '-blurred 15000']],
    [
      'another size',
      { expectWidthPx: 640, expectHeightPx: 480 },
      { rawWidthPx: 320, rawHeightPx: 240 },
      ['+wrong-resolution 1000', '-wrong-resolution 13000'],
    ],
    ['another height', { expectHeightPx: 720 }, {}, ['+wrong-resolution 1000']],
  ])('%s', (_, options, picture, expected) => {
    const { show, told, faults } = watcher(options);
    show(12_000, picture);
    expect(told).toEqual(expected.slice(0, 1));
    expect(faults.current).toBe(expected[0]?.slice(1).split(' ')[0]);
    show(12_000, 'expectHeightPx' in options && !('expectWidthPx' in options) ? { rawHeightPx: 480 } : {});
    expect(told).toEqual(expected);
  });

  test('a frozen one', () => {
    const { show, freeze, told, faults } = watcher();
    show(2_000);
    freeze(8_000);
    expect(told).toEqual(['+frozen 7000']);
    expect([faults.current, faults.untrusted, faults.needsReopening]).toEqual(['frozen', 'frozen', true]);
    show(10_000);
    expect(told).toEqual(['+frozen 7000', '-frozen 12000']);
    expect(faults.current).toBeUndefined();
  });

  test('frames that come ever later than their time stamps say', () => {
    const { show, told, faults } = watcher();
    show(2_000, (atMs) => ({ timestampMs: 5_000 + atMs }));
    // Nine tenths of real time.
    let arrivedMs = 1_002_000;
    for (let atMs = 0; atMs < 30_000 && faults.current === undefined; atMs += FRAME_MS, arrivedMs += FRAME_MS) {
      faults.observe({ ...LIVELY, arrivedMs, timestampMs: 7_000 + atMs * 0.7 });
    }
    expect(faults.current).toBe('clock-drift');
    expect(arrivedMs - 1_002_000).toBeLessThan(10_000);
    expect(faults.delayMs).toBeGreaterThan(1_500);
    expect(faults.needsReopening).toBe(true);
    expect(told).toEqual([]);
  });

  test.each<[string, (atMs: number) => Partial<PictureState>]>([
    ['stand still', (atMs) => ({ timestampMs: 7_000, timestampFaults: atMs / FRAME_MS })],
    [
      'jump back again and again',
      (atMs) => ({ timestampMs: 7_000 + (atMs % 500), timestampFaults: Math.floor(atMs / 500) }),
    ],
  ])('time stamps that %s', (_, stamps) => {
    const { show, told } = watcher();
    show(3_000, (atMs) => ({ timestampMs: 4_000 + atMs }));
    show(6_000, stamps);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^\+clock-drift [4-7]\d00$/);
    show(20_000, (atMs) => ({ timestampMs: 50_000 + atMs, timestampFaults: 60 }));
    expect(told).toHaveLength(2);
  });
});

describe('a picture that an encoder alone changes', () => {
  const still = (atMs: number): Partial<PictureState> => ({ stillMs: atMs });

  test('is frozen after 8 s, and no longer once something moves', () => {
    const { faults, show, told } = watcher();
    show(12_000, still);
    expect(told).toEqual(['+frozen 8000']);
    expect(faults.untrusted).toBe('frozen');
    show(3_000);
    expect(told).toEqual(['+frozen 8000', '-frozen 14000']);
  });

  test('asks for a new connection once a minute only, and stays declared over it', () => {
    const { faults, show, told } = watcher();
    show(59_900, still);
    expect(faults.needsReopening).toBe(false);
    show(300, (atMs) => still(59_900 + atMs));
    expect(faults.needsReopening).toBe(true);
    faults.reopened();
    show(30_000, still);
    expect(faults.needsReopening).toBe(false);
    expect(told).toEqual(['+frozen 8000']);
  });

  test('is covered, and not frozen, where it is black', () => {
    const { show, told } = watcher();
    show(20_000, (atMs) => ({ ...still(atMs), mean: 5, deviation: 1, sharpness: 0 }));
    expect(told).toEqual(['+covered 3000']);
  });
});

describe('it is no fault', () => {
  test.each<[string, Partial<PictureFaultOptions>, (atMs: number) => Partial<PictureState>]>([
    ['to be dark for a moment', {}, (atMs) => (atMs % 4_000 < 2_500 ? { mean: 5, deviation: 1 } : {})],
    ['to be blurred for a moment', {}, (atMs) => (atMs % 6_000 < 4_000 ? { sharpness: 1 } : {})],
    ['to be dark with lights in it', {}, () => ({ mean: 10, deviation: 30 })],
    ['to show little detail where no sharpness is asked for', { minSharpness: 0 }, () => ({ sharpness: 0.1 })],
    ['to stand still where it may', { freezeMs: 0 }, (atMs) => ({ unchangedMs: atMs })],
    ['to stand still for less', {}, (atMs) => ({ unchangedMs: atMs % 4_900 })],
    ['to be quiet for a while', {}, (atMs) => ({ stillMs: atMs % 7_900 })],
    ['to stand still but for the encoder where it may', { freezeMs: 0 }, (atMs) => ({ stillMs: atMs })],
    ['to have no time stamps', {}, () => ({})],
    ['to have made-up ones', {}, (atMs) => ({ clock: 'none', timestampMs: atMs / 3, timestampFaults: atMs })],
    ['to be late for a moment', {}, (atMs) => ({ timestampMs: atMs - (atMs % 10_000 < 900 ? 2_000 : 0) })],
    ['to set the time stamps back once', {}, (atMs) => ({ timestampMs: atMs, timestampFaults: atMs < 9_000 ? 0 : 1 })],
    ['to stumble now and then', {}, (atMs) => ({ timestampMs: atMs, timestampFaults: Math.floor(atMs / 2_500) })],
  ])('%s', (_, options, picture) => {
    const { show, told } = watcher(options);
    show(60_000, picture);
    expect(told).toEqual([]);
  });

  test('to drift as crystals do, for a week', () => {
    const faults = new PictureFaults(OPTIONS);
    const changes = Array.from({ length: 7 * 24 * 60 }, (_, minute) =>
      faults.observe({ ...LIVELY, arrivedMs: minute * 60_000, timestampMs: minute * 60_000 * (1 - 100e-6) }),
    );
    expect(changes.flat()).toEqual([]);
    expect(faults.delayMs).toBeLessThan(100);
  });
});

test('frames that come late in a burst are no fault, but are not trusted', () => {
  const { show, told, faults } = watcher();
  show(3_000, (atMs) => ({ timestampMs: 1_000 + atMs }));
  expect(faults.untrusted).toBeUndefined();
  // Four seconds of the network's are made up for within half a second.
  show(500, (atMs) => ({ timestampMs: 1_000 + atMs * 8 }));
  expect([faults.untrusted, faults.current]).toEqual(['clock-drift', undefined]);
  show(1_500, (atMs) => ({ timestampMs: 4_500 + atMs }));
  expect(faults.untrusted).toBeUndefined();
  expect(told).toEqual([]);
});

test('a late frame is not trusted for as long as a decision may rest on it', () => {
  const { show, faults } = watcher({ decisionMs: () => 5_000 });
  show(3_000, (atMs) => ({ timestampMs: 4_000 + atMs }));
  show(100, () => ({ timestampMs: 4_900 }));
  show(4_900, (atMs) => ({ timestampMs: 7_100 + atMs }));
  expect(faults.untrusted).toBe('clock-drift');
  show(200, (atMs) => ({ timestampMs: 12_000 + atMs }));
  expect(faults.untrusted).toBeUndefined();
});

test('time stamps that do not move on are declared at one frame in two seconds as well', () => {
  const faults = new PictureFaults(OPTIONS);
  const changes = Array.from({ length: 12 }, (_, n) =>
    faults.observe({ ...LIVELY, arrivedMs: 2_000 * n, timestampMs: 40, timestampFaults: n }),
  );
  expect(changes.flat()).toEqual([{ fault: 'clock-drift', begins: true }]);
});

test('at the limit nothing flaps', () => {
  const { show, told } = watcher();
  show(60_000, (atMs) => ({ sharpness: atMs < 10_000 ? 1.9 : 2 + 0.4 * Math.sin(atMs / 700) }));
  show(60_000, (atMs) => ({ mean: atMs < 10_000 ? 15 : 20 + 3 * Math.sin(atMs / 700), deviation: 6 }));
  expect(told.map((line) => line.split(' ')[0])).toEqual(['+blurred', '+covered', '-blurred']);
});

test('a stream that is opened again and is still frozen stays declared, and asks for the next opening in its time', () => {
  const { show, freeze, told, faults } = watcher();
  show(1_000);
  for (let opening = 0; opening < 4; opening++) {
    freeze(6_500);
    expect(faults.needsReopening).toBe(true);
    faults.reopened();
    expect([faults.current, faults.needsReopening]).toEqual(['frozen', false]);
  }
  expect(told).toEqual(['+frozen 6000']);
  show(5_000);
  expect(told).toHaveLength(2);
});

test('of several faults the gravest is declared, and each begins and ends by itself', () => {
  const { show, told, faults } = watcher({ expectWidthPx: 1280 });
  show(10_000, { sharpness: 1 });
  expect([faults.current, faults.untrusted]).toEqual(['wrong-resolution', undefined]);
  show(10_000, { mean: 3, deviation: 1, sharpness: 0 });
  expect([faults.current, faults.untrusted]).toEqual(['covered', 'covered']);
  expect(told.map((line) => line.split(' ')[0])).toEqual(['+wrong-resolution', '+blurred', '+covered', '-blurred']);
  expect(faults.clear()).toEqual([
    { fault: 'wrong-resolution', begins: false },
    { fault: 'covered', begins: false },
  ]);
  expect(faults.current).toBeUndefined();
});

test('the same frame twice counts once', () => {
  const faults = new PictureFaults(OPTIONS);
  const black = { ...LIVELY, mean: 2, deviation: 1 };
  expect(faults.observe({ ...black, arrivedMs: 0 })).toEqual([]);
  expect(faults.observe({ ...black, arrivedMs: 4_000 })).toEqual([{ fault: 'covered', begins: true }]);
  expect(faults.observe({ ...LIVELY, arrivedMs: 4_000 })).toEqual([]);
});

test('each fault has a description', () => {
  const faults = new PictureFaults({ ...OPTIONS, expectWidthPx: 1280 });
  faults.observe(LIVELY);
  expect(faults.describe('wrong-resolution')).toBe('the picture has 640 x 480 pixels, and 1280 x any are expected');
  expect(faults.describe('frozen')).toBe('the picture is frozen');
});
