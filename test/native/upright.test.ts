// Frames that are rotated, mirrored and cropped when they are taken, and the measurements of each picture.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CaptureOptions, NativeImage, PictureState } from '../../src/native/addon.js';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { tempDir } from '../support/temp-dir.js';
import { captureOptions, lockstep, paced, TestCapture } from './clips.js';
import { addon, noise, paint, waves, wrap, type Pixels } from './pictures.js';

const WIDTH = 160;
const HEIGHT = 96;
/** The picture consists of blocks of 16 px, each with its own grey level. These are the numbers of columns and rows. */
const COLUMNS = WIDTH / 16;
const ROWS = HEIGHT / 16;
const computeGrey = (column: number, row: number): number => 10 + 4 * (row * COLUMNS + column);
const blocks = paint(WIDTH, HEIGHT, (x, y) => {
  const grey = computeGrey(Math.floor(x / 16), Math.floor(y / 16));
  return [grey, grey, grey];
});

function writeClip(pictures: readonly Pixels[], quality = 100): string {
  const path = join(tempDir(), 'clip.mjpeg');
  writeFileSync(path, Buffer.concat(pictures.map((picture) => addon.encodeJpeg(wrap(picture), quality))));
  return path;
}

/** Reads the grey levels of the blocks of 16 px, row by row. */
function readGreys(image: NativeImage): number[][] {
  const { widthPx, heightPx } = image;
  const data = new Uint8Array(widthPx * heightPx * 3);
  addon.warp(image, data, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
  const at = (x: number, y: number): number => data[((y * 16 + 8) * widthPx + x * 16 + 8) * 3]!;
  return Array.from({ length: heightPx / 16 }, (_, y) => Array.from({ length: widthPx / 16 }, (__, x) => at(x, y)));
}

type Grid = number[][];
const original: Grid = Array.from({ length: ROWS }, (_, row) =>
  Array.from({ length: COLUMNS }, (__, column) => computeGrey(column, row)),
);
const turned = (grid: Grid): Grid => grid[0]!.map((_, column) => grid.map((row) => row[column]!).reverse());
const mirrored = (grid: Grid, flip: string): Grid => {
  if (flip === 'none') return grid;
  return flip === 'horizontal' ? grid.map((row) => [...row].reverse()) : [...grid].reverse();
};

describe('a frame', () => {
  const regions = [undefined, { x0: 0.2, y0: 0.5, x1: 0.6, y1: 1 }];
  const cases = ([0, 90, 180, 270] as const).flatMap((rotate) =>
    (['none', 'horizontal', 'vertical'] as const).flatMap((flip) =>
      regions.map((region) => ({ rotate, flip, region })),
    ),
  );

  test.each(cases)('is rotated by $rotate, flipped: $flip, and cropped to $region, in this order', async (how) => {
    const { rotate, flip, region } = how;
    let expected = original;
    for (let quarter = 0; quarter < rotate / 90; quarter++) expected = turned(expected);
    expected = mirrored(expected, flip);
    // With sides of 6 blocks, a fraction of 0.2 does not fall on the edge of a block.
    const part = region && (rotate % 180 === 0 ? region : { x0: 1 / 3, y0: 0.5, x1: 2 / 3, y1: 1 });
    if (part) {
      const [columns, rows] = [expected[0]!.length, expected.length];
      const cut = (from: number, to: number, length: number) => [Math.round(from * length), Math.round(to * length)];
      expected = expected
        .slice(...cut(part.y0, part.y1, rows))
        .map((row) => row.slice(...cut(part.x0, part.x1, columns)));
    }
    const options: Partial<CaptureOptions> = { rotate, flip, ...(part ? { region: part } : {}) };
    const capture = new TestCapture(lockstep(writeClip([blocks])), options);
    const [frame] = await capture.takeAll();
    const { state } = capture;
    expect([frame!.widthPx, frame!.heightPx]).toEqual([expected[0]!.length * 16, expected.length * 16]);
    expect([state.widthPx, state.heightPx]).toEqual([frame!.widthPx, frame!.heightPx]);
    expect([state.picture?.rawWidthPx, state.picture?.rawHeightPx]).toEqual([WIDTH, HEIGHT]);
    readGreys(frame!).forEach((row, y) =>
      row.forEach((grey, x) => expect(Math.abs(grey - expected[y]![x]!)).toBeLessThan(3)),
    );
    expect(frame!.frameNumber).toBe(1);
    frame!.release();
  });

  test('that is cropped stays unchanged while its capture continues', async () => {
    const flat = (grey: number): Pixels => paint(WIDTH, HEIGHT, () => [grey, grey, grey]);
    const capture = new TestCapture(lockstep(writeClip(Array.from({ length: 12 }, (_, i) => flat(20 * i)))), {
      region: { x0: 0, y0: 0, x1: 0.5, y1: 1 },
    });
    const frames = await capture.takeAll();
    expect(frames.map((frame) => Math.round(readGreys(frame)[2]![2]! / 20))).toEqual(frames.map((_, i) => i));
  });

  test('has one pixel when the region is smaller than a pixel', async () => {
    const capture = new TestCapture(lockstep(writeClip([blocks])), {
      region: { x0: 0.9999, y0: 0.5, x1: 1, y1: 0.50001 },
    });
    const [frame] = await capture.takeAll();
    expect([frame!.widthPx, frame!.heightPx]).toEqual([1, 1]);
  });

  test.each<[string, object, new () => Error]>([
    ['a rotation by 45 degrees', { rotate: 45 }, RangeError],
    ['a rotation by 360 degrees', { rotate: 360 }, RangeError],
    ['a rotation in words', { rotate: 'left' }, TypeError],
    ['an unknown flip', { flip: 'both' }, TypeError],
    ['a region that is a number', { region: 5 }, TypeError],
    ['a region without an end', { region: { x0: 0, y0: 0, x1: 1 } }, TypeError],
    ['an empty region', { region: { x0: 0.5, y0: 0, x1: 0.5, y1: 1 } }, RangeError],
    ['a region beyond the picture', { region: { x0: 0, y0: 0, x1: 1.1, y1: 1 } }, RangeError],
    ['a region that is NaN', { region: { x0: NaN, y0: 0, x1: 1, y1: 1 } }, RangeError],
  ])('is refused for %s', (_, changes, kind) => {
    const options = { ...captureOptions(paced('/nowhere/none.mp4')), ...changes };
    expect(() => addon.openCapture(options, () => undefined)).toThrow(kind);
  });
});

describe('the state of a picture', () => {
  async function makePicture(...pictures: Pixels[]): Promise<PictureState> {
    const capture = new TestCapture(lockstep(writeClip(pictures)));
    await capture.takeAll();
    return capture.state.picture as PictureState;
  }

  test('has the mean and the deviation of its brightness', async () => {
    const grey = await makePicture(paint(160, 120, () => [90, 90, 90]));
    expect([Math.round(grey.mean), Math.round(grey.deviation), Math.round(grey.sharpness)]).toEqual([90, 0, 0]);
    const halves = await makePicture(paint(160, 120, (x) => (x < 80 ? [50, 50, 50] : [150, 150, 150])));
    expect([Math.round(halves.mean), Math.round(halves.deviation)]).toEqual([100, 50]);
  });

  test.each([
    [160, 120],
    [640, 480],
    [1280, 720],
  ])('has the sharpness, at %i x %i', async (widthPx, heightPx) => {
    const smooth = await makePicture(waves(widthPx, heightPx));
    const rough = await makePicture(noise(widthPx, heightPx));
    expect(smooth.sharpness).toBeLessThan(5);
    expect(rough.sharpness).toBeGreaterThan(20);
  });

  test('is absent before the first picture', () => {
    expect(new TestCapture(paced('/nowhere/none.mp4')).state.picture).toBeUndefined();
  });

  test('has the time for which the picture was identical', async () => {
    const [one, other] = [
      paint(64, 48, () => [9, 9, 9]),
      paint(64, 48, (x, y) => (x + y === 110 ? [99, 99, 99] : [9, 9, 9])),
    ];
    expect(await makePicture(one, one, one)).toMatchObject({ unchangedFrames: 2 });
    expect(await makePicture(one, one, other)).toMatchObject({ unchangedFrames: 0, unchangedMs: 0 });
    expect(await makePicture(other, one, one, one, one)).toMatchObject({ unchangedFrames: 3 });
  });
});

test('a picture is not still when a lamp of a few pixels moves', async () => {
  const lampAt = (place: number): Pixels =>
    paint(640, 480, (x, y) => (x >> 2 === 10 + 3 * place && y >> 2 === 60 ? [250, 250, 250] : [90, 90, 90]));
  const lit = Array.from({ length: 25 }, (_, place) => lampAt(place));
  const measureStillMs = async (pictures: readonly Pixels[]): Promise<number> => {
    const capture = new TestCapture(paced(writeClip(pictures)));
    await capture.untilStatus('ended');
    return (capture.state.picture as PictureState).stillMs;
  };
  expect(await measureStillMs(lit)).toBe(0);
  expect(await measureStillMs(lit.map(() => lit[0]!))).toBeGreaterThan(500);
});

const missing = spawnSync('ffmpeg', ['-version']).error !== undefined;
if (missing) console.warn('skipped: a still picture behind an encoder: ffmpeg is not installed');

describe.skipIf(missing)('a picture behind an encoder', () => {
  /** Plays four seconds of one picture in real time, from a stream whose rate has settled. @returns its last state */
  async function playedStill(encoder: readonly string[], filter: string): Promise<PictureState> {
    const folder = tempDir();
    const face = renderPortrait(6, { widthPx: 640, heightPx: 480, facePx: 150, centreY: 240 });
    writeFileSync(join(folder, 'face.jpg'), encodePicture(face, addon));
    const whole = join(folder, 'whole.mp4');
    const path = join(folder, 'still.mp4');
    const input = ['-loop', '1', '-framerate', '25', '-t', '8', '-i', join(folder, 'face.jpg'), '-vf', filter];
    const made = spawnSync('ffmpeg', ['-v', 'error', ...input, ...encoder, '-pix_fmt', 'yuv420p', whole]);
    expect(made.stderr.toString()).toBe('');
    const cut = spawnSync('ffmpeg', ['-v', 'error', '-ss', '4', '-i', whole, '-c', 'copy', path]);
    expect(cut.stderr.toString()).toBe('');
    const capture = new TestCapture(paced(path));
    await capture.untilStatus('ended');
    return capture.state.picture as PictureState;
  }

  test.each([
    ['x264', ['-c:v', 'libx264', '-g', '50', '-b:v', '600k']],
    ['MPEG-4', ['-c:v', 'mpeg4', '-g', '25', '-b:v', '600k', '-threads', '1']],
    ['MPEG-4 in slices', ['-c:v', 'mpeg4', '-g', '25', '-b:v', '600k', '-threads', '16']],
  ])('is still without noise, and not still with the least noise of a sensor: %s', async (_, encoder) => {
    const [still, noisy] = await Promise.all([
      playedStill(encoder, 'null'),
      playedStill(encoder, 'noise=alls=2:allf=t'),
    ]);
    expect(still.stillMs).toBeGreaterThan(3_000);
    expect(noisy.stillMs).toBeLessThan(1_500);
  });
});

describe('a JPEG', () => {
  const picture = wrap(paint(64, 48, () => [9, 9, 9]));

  test.each<[string, unknown, new () => Error]>([
    ['options that are no object', 5, TypeError],
    ['a width of 0', { widthPx: 0 }, RangeError],
    ['a height that is too large', { heightPx: 40_000 }, RangeError],
    ['boxes that are no array', { boxes: {} }, TypeError],
    ['a box that is a number', { boxes: [1] }, TypeError],
    ['a box without a corner', { boxes: [{ x0: 0, y0: 0, x1: 1, colour: 'red' }] }, TypeError],
    ['a box that is NaN', { boxes: [{ x0: NaN, y0: 0, x1: 1, y1: 1, colour: 'red' }] }, RangeError],
    ['a box in blue', { boxes: [{ x0: 0, y0: 0, x1: 1, y1: 1, colour: 'blue' }] }, TypeError],
  ])('is refused for %s', (_, options, kind) => {
    expect(() => addon.encodeJpeg(picture, 90, options as object)).toThrow(kind);
  });

  test('accepts boxes that are any distance outside the picture', () => {
    const box = { x0: -1e300, y0: -1e300, x1: 1e300, y1: 1e300, colour: 'green' } as const;
    expect(addon.encodeJpeg(picture, 90, { boxes: [box] }).length).toBeGreaterThan(100);
  });
});
