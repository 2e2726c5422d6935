// Damaged streams: no picture is delivered that is damaged, or that rests on a picture that is missing.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lacks } from '../events/support.js';
import { tempDir } from '../support/temp-dir.js';
import { lockstep, TestCapture } from './clips.js';
import {
  encodeClip,
  isH264Slice,
  isHevcSlice,
  numberedInput,
  readGreyNumber,
  splitAccessUnits,
} from './video-clips.js';

const isMissing = lacks('damaged streams', 'ffmpeg');

const x264 = (parameters: string, ...options: string[]): string[] => [
  ...['-c:v', 'libx264', '-preset', 'veryfast', '-x264-params', `keyint=10:min-keyint=10:scenecut=0:${parameters}`],
  ...options,
];
const x265 = (parameters: string): string[] => [
  ...['-c:v', 'libx265', '-preset', 'ultrafast'],
  ...['-x265-params', `log-level=none:keyint=10:min-keyint=10:scenecut=0:${parameters}`],
];

interface Stream {
  codec: readonly string[];
  /** Changes the access units of the stream. */
  harm: (units: Buffer[]) => Buffer[];
  isHevc?: boolean;
  count?: number;
}

const without = (from: number, to: number) => (units: Buffer[]) => units.filter((_, at) => at < from || at >= to);
const shortened = (at: number, share: number) => (units: Buffer[]) =>
  units.map((unit, index) => (index === at ? unit.subarray(0, Math.floor(unit.length * share)) : unit));

/** Plays a harmed stream frame by frame. @returns the numbers of the pictures that came, and of those that were damaged */
async function play({ codec, harm, isHevc = false, count = 24 }: Stream) {
  const extension = isHevc ? 'hevc' : 'h264';
  const clip = encodeClip(`clip.${extension}`, [...numberedInput(count), ...codec]);
  const path = join(tempDir(), `harmed.${extension}`);
  writeFileSync(path, Buffer.concat(harm(splitAccessUnits(clip, isHevc ? isHevcSlice : isH264Slice))));
  const capture = new TestCapture(lockstep(path));
  const frames = await capture.takeAll();
  const numbers = frames.map((frame) => readGreyNumber(frame));
  frames.forEach((frame) => frame.release());
  return { numbers, damaged: capture.state.damaged, state: capture.state };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

describe.skipIf(isMissing)('a stream', () => {
  test.each<[string, Stream, number[]]>([
    ['that is whole', { codec: x264('bframes=0'), harm: (units) => units }, range(0, 24)],
    ['with B pictures that is whole', { codec: x264('bframes=2'), harm: (units) => units }, range(0, 24)],
    ['of HEVC that is whole', { codec: x265('bframes=3'), harm: (units) => units, isHevc: true }, range(0, 24)],
    [
      'without one P picture',
      { codec: x264('bframes=0:ref=1'), harm: without(3, 4) },
      [...range(0, 3), ...range(10, 24)],
    ],
    [
      'without several P pictures',
      { codec: x264('bframes=0'), harm: without(13, 16) },
      [...range(0, 13), ...range(20, 24)],
    ],
    ['without its beginning', { codec: x264('bframes=0'), harm: without(0, 4) }, range(10, 24)],
    [
      'of HEVC without one P picture',
      { codec: x265('bframes=0'), harm: without(3, 4), isHevc: true },
      [...range(0, 3), ...range(10, 24)],
    ],
    [
      'of HEVC without its beginning',
      { codec: x265('bframes=0'), harm: without(1, 4), isHevc: true },
      [0, ...range(10, 24)],
    ],
    ['with half a picture', { codec: x264('bframes=0'), harm: shortened(5, 0.5) }, [...range(0, 5), ...range(10, 24)]],
  ])('%s', async (_, stream, expected) => {
    const { numbers, damaged } = await play(stream);
    expect(numbers).toEqual(expected);
    if (expected.length < 24) expect(damaged).toBeGreaterThan(0);
    else expect(damaged).toBe(0);
  });

  test('loses nothing else without a B picture that no other one needs', async () => {
    const { numbers, damaged } = await play({ codec: x264('bframes=2:b-pyramid=none:b-adapt=0'), harm: without(2, 3) });
    expect(numbers).toHaveLength(23);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(damaged).toBe(0);
  });

  test('with open groups of pictures begins with a whole picture and goes on', async () => {
    const { numbers } = await play({ codec: x264('bframes=3:open-gop=1'), harm: without(0, 5) });
    expect(numbers[0]).toBeGreaterThanOrEqual(10);
    expect(numbers).toEqual(range(numbers[0]!, 24));
  });

  test('without key pictures is trusted again when all of the picture was renewed', async () => {
    const codec = x264('bframes=0:intra-refresh=1');
    const { numbers } = await play({ codec, harm: without(5, 6), count: 44 });
    const expected = [...range(0, 5), ...range(20, 44)].map((number) => number % 24);
    expect(numbers).toEqual(expected);
  });

  test('that is never whole is lost with this reason', async () => {
    const codec = x264('bframes=0');
    const clip = encodeClip('clip.h264', [...numberedInput(200), '-g', '250', ...codec.slice(0, 4)]);
    const units = splitAccessUnits(clip, isH264Slice);
    const path = join(tempDir(), 'headless.h264');
    // The parameters stay, the first picture goes.
    const [first] = units;
    const slice = first!.lastIndexOf(Buffer.from([0, 0, 1, 0x65]));
    writeFileSync(path, Buffer.concat([first!.subarray(0, slice), ...units.slice(1)]));
    const capture = new TestCapture(lockstep(path));
    const state = await capture.untilStatus('failed', 'ended');
    expect(state).toMatchObject({ status: 'failed', frameNumber: 0 });
    expect(state.damaged).toBeGreaterThan(100);
  });
});
