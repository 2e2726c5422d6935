import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { renderClip } from '../../tools/rendered-people/clip-file.js';
import {
  renderFrames,
  type ClipActor,
  type ClipFrame,
  type ClipScript,
  type Keyframe,
} from '../../tools/rendered-people/clip.js';
import {
  createDemoScript,
  ENROLMENT_MS,
  GUEST_SEED,
  renderDemoClip,
  renderPortrait,
  STRANGER_SEED,
} from '../../tools/rendered-people/demo-clip.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import type { SpriteEdge } from '../../tools/rendered-people/sprite.js';
import { loadAddon, type CaptureState } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';

const addon = loadAddon();

const still: Pick<Keyframe, 'y' | 'sizePx'> = { y: 0.5, sizePx: 40 };

function person(seed: number, fromMs: number, toMs: number, changes: Partial<ClipActor> = {}): ClipActor {
  return {
    who: { seed },
    keyframes: [
      { atMs: fromMs, x: 0.5, ...still },
      { atMs: toMs, x: 0.5, ...still },
    ],
    ...changes,
  };
}

function script(...actors: ClipActor[]): ClipScript {
  return { widthPx: 160, heightPx: 120, fps: 10, durationMs: 1_000, background: 3, noise: 0, actors };
}

function plain(widthPx: number, heightPx: number, colour: readonly number[]): Picture {
  return { widthPx, heightPx, rgb: Uint8Array.from({ length: widthPx * heightPx * 3 }, (_, i) => colour[i % 3]!) };
}

/** Compares the pixels of two frames. Vitest's own comparison takes half a second for a picture. */
function samePixels(a: ClipFrame, b: ClipFrame): boolean {
  return Buffer.compare(a.picture.rgb, b.picture.rgb) === 0;
}

function pixel({ rgb, widthPx }: Picture, x: number, y: number): number[] {
  return [...rgb.subarray((y * widthPx + x) * 3, (y * widthPx + x) * 3 + 3)];
}

/** Plays a file as fast as it can be decoded. @returns the last state of the capture */
async function play(path: string): Promise<CaptureState> {
  const alive = setInterval(() => undefined, 1_000);
  onTestFinished(() => clearInterval(alive));
  return new Promise((resolve) => {
    const source = { type: 'file', path, loop: false, realTime: false } as const;
    const options = { source, widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 5_000, readTimeoutMs: 5_000 };
    const handle = addon.openCapture(options, () => {
      addon.captureFrame(handle, 0)?.release();
      const state = addon.captureState(handle);
      if (state.status === 'ended' || state.status === 'failed') resolve(state);
    });
    onTestFinished(() => addon.closeCapture(handle));
  });
}

describe('the frames of a clip', () => {
  it('have the number given by duration and rate, and show each actor from its first keyframe to its last', () => {
    const frames = [...renderFrames(script(person(4, 200, 500), person(9, 400, 800)))];
    expect(frames.map(({ atMs }) => atMs)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    expect(frames.map(({ faces }) => faces.map(({ seed }) => seed))).toEqual([
      [],
      [],
      [4],
      [4],
      [4, 9],
      [9],
      [9],
      [9],
      [],
      [],
    ]);
    expect(samePixels(frames[0]!, frames[9]!)).toBe(true);
    expect(samePixels(frames[2]!, frames[0]!)).toBe(false);
  });

  it('are the same for the same script, and each has its own noise', () => {
    const noisy = { ...script(person(4, 0, 300, { sway: { yaw: 5 } })), noise: 3, durationMs: 400 };
    const [once, again] = [[...renderFrames(noisy)], [...renderFrames(noisy)]];
    once.forEach((frame, i) => {
      expect(samePixels(frame, again[i]!)).toBe(true);
      expect(frame.faces).toEqual(again[i]!.faces);
    });
    const [first, second] = [...renderFrames({ ...noisy, actors: [] })];
    expect(samePixels(first!, second!)).toBe(false);
  });

  it('move, scale, turn and sway an actor', () => {
    const walk: Partial<ClipActor> = {
      keyframes: [
        { atMs: 0, x: 0.2, y: 0.5, sizePx: 30, pose: { yaw: 20 } },
        { atMs: 1_000, x: 0.8, y: 0.4, sizePx: 50 },
      ],
    };
    const width = ({ faces }: ClipFrame): number => faces[0]!.boxPx.x1 - faces[0]!.boxPx.x0;
    const frames = [...renderFrames(script(person(4, 0, 0, walk)))];
    const noses = frames.map(({ faces }) => faces[0]!.landmarksPx[2].x);
    expect(noses).toEqual(noses.toSorted((a, b) => a - b));
    expect(frames[0]!.faces[0]!.pose).toEqual({ yaw: 20, pitch: 0, roll: 0 });
    expect(frames[5]!.faces[0]!.pose.yaw).toBeCloseTo(10);
    expect(width(frames[9]!)).toBeGreaterThan(width(frames[0]!) + 10);
    const sway = { roll: 6, periodMs: 700 };
    const rolls = [...renderFrames(script(person(4, 0, 1_000, { sway })))].map(({ faces }) => faces[0]!.pose.roll);
    expect(Math.max(...rolls)).toBeGreaterThan(4);
    expect(Math.min(...rolls)).toBeLessThan(-4);
    expect(Math.max(...rolls.map(Math.abs))).toBeLessThanOrEqual(6);
  });

  it('show blinking eyes, unless the actor does not blink', () => {
    const looks = (blinks: boolean): number => {
      const long = { ...script(person(4, 0, 4_000, { blinks })), durationMs: 3_000, fps: 20 };
      return new Set([...renderFrames(long)].map(({ picture }) => Buffer.from(picture.rgb).toString('latin1'))).size;
    };
    expect(looks(false)).toBe(1);
    expect(looks(true)).toBeGreaterThan(1);
  });

  const pasted = (picture: Picture, edge: SpriteEdge, roll = 0): Picture => {
    const at = { x: 0.5, y: 0.5, sizePx: 40, pose: { roll } };
    const actor = { who: { picture, edge }, keyframes: [0, 1_000].map((atMs) => ({ atMs, ...at })) };
    const [frame] = [...renderFrames({ ...script(actor), durationMs: 100 })];
    expect(frame!.faces).toEqual([]);
    return frame!.picture;
  };
  const [bare] = [...renderFrames({ ...script(), durationMs: 100 })];

  it('show a pasted picture unchanged in a plain rectangle', () => {
    for (const scale of [0.5, 1, 5]) {
      const frame = pasted(plain(40 * scale, 20 * scale, [10, 200, 30]), 'plain');
      expect(pixel(frame, 80, 60)).toEqual([10, 200, 30]);
      expect(pixel(frame, 61, 51)).toEqual([10, 200, 30]);
      expect(pixel(frame, 98, 68)).toEqual([10, 200, 30]);
      for (const [x, y] of [
        [58, 60],
        [101, 60],
        [80, 48],
        [80, 71],
      ]) {
        expect(pixel(frame, x!, y!)).toEqual(pixel(bare!.picture, x!, y!));
      }
    }
  });

  it('do not mirror or swap the parts of a pasted picture', () => {
    const halves = plain(40, 20, [0, 0, 0]);
    for (let i = 0; i < halves.rgb.length; i += 3) if ((i / 3) % 40 >= 20) halves.rgb[i] = 255;
    const frame = pasted(halves, 'plain');
    expect(pixel(frame, 70, 60)).toEqual([0, 0, 0]);
    expect(pixel(frame, 90, 60)).toEqual([255, 0, 0]);
    // A quarter turn clockwise brings the left half to the top.
    const turned = pasted(halves, 'plain', 90);
    expect(pixel(turned, 80, 50)).toEqual([0, 0, 0]);
    expect(pixel(turned, 80, 70)).toEqual([255, 0, 0]);
  });

  it('fade out a pasted picture towards a soft edge', () => {
    const frame = pasted(plain(40, 40, [255, 255, 255]), 'soft');
    const [inside, rim] = [pixel(frame, 80, 60), pixel(frame, 61, 60)];
    expect(inside).toEqual([255, 255, 255]);
    expect(rim[0]).toBeLessThan(255);
    expect(rim[0]).toBeGreaterThan(pixel(bare!.picture, 61, 60)[0]!);
  });

  it('cut the corners off a pasted picture with an oval edge', () => {
    const frame = pasted(plain(40, 20, [10, 200, 30]), 'oval');
    for (const [x, y] of [
      [80, 60],
      [62, 60],
      [80, 51],
      [66, 53],
    ]) {
      expect(pixel(frame, x!, y!)).toEqual([10, 200, 30]);
    }
    expect(pixel(frame, 61, 51)).toEqual(pixel(bare!.picture, 61, 51));
  });

  it('become brighter and darker as the script says', () => {
    const brightness = [
      { atMs: 300, factor: 0.1 },
      { atMs: 500, factor: 1 },
    ];
    const frames = [...renderFrames({ ...script(), brightness })];
    const green = frames.map(({ picture }) => pixel(picture, 80, 60)[1]!);
    const whole = pixel(bare!.picture, 80, 60)[1]!;
    expect(green[0]).toBe(Math.round(whole * 0.1 ** (1 / 2.2)));
    expect(green[3]).toBe(green[0]);
    expect(green[4]).toBe(Math.round(whole * 0.55 ** (1 / 2.2)));
    expect(green.slice(5)).toEqual(Array(5).fill(whole));
  });

  const picture = plain(4, 4, [0, 0, 0]);
  it.each<[string, Partial<ClipScript>, Partial<ClipActor>]>([
    ['no rate', { fps: 0 }, {}],
    ['a mad rate', { fps: 100 }, {}],
    ['no time', { durationMs: 0 }, {}],
    ['a time that is no number', { durationMs: NaN }, {}],
    ['a frame without area', { widthPx: 0 }, {}],
    ['brightness out of order', { brightness: [9, 9].map((atMs) => ({ atMs, factor: 1 })) }, {}],
    ['a brightness below 0', { brightness: [{ atMs: 0, factor: -1 }] }, {}],
    ['one keyframe', {}, { keyframes: [{ atMs: 0, x: 0, ...still }] }],
    ['keyframes out of order', {}, { keyframes: [100, 50].map((atMs) => ({ atMs, x: 0, ...still })) }],
    ['keyframes at once', {}, { keyframes: [50, 50].map((atMs) => ({ atMs, x: 0, ...still })) }],
    ['a tiny actor', {}, { keyframes: [0, 50].map((atMs) => ({ atMs, x: 0, y: 0, sizePx: 2 })) }],
    ['an actor nowhere', {}, { keyframes: [0, 50].map((atMs) => ({ atMs, x: NaN, ...still })) }],
    ['a picture of another size', {}, { who: { picture: { ...picture, widthPx: 5 }, edge: 'plain' } }],
    ['an empty picture', {}, { who: { picture: plain(0, 0, []), edge: 'plain' } }],
  ])('refuse %s', (_, changes, actor) => {
    expect(() => renderFrames({ ...script(person(1, 0, 100, actor)), ...changes }).next()).toThrow(RangeError);
  });
});

describe('a clip in a file', () => {
  it.each([
    ['.mjpeg', 25],
    ['.avi', 10],
  ])('%s is read back frame by frame, at %d frames per second', async (extension, fps) => {
    const path = join(tempDir(), `clip${extension}`);
    const progress: number[] = [];
    const written = await renderClip(script(person(4, 100, 900)), path, {
      addon,
      onProgress: ({ frame, frameCount, jpeg }) => {
        progress.push(frame / frameCount);
        expect(jpeg.readUInt16BE(0)).toBe(0xffd8);
      },
    });
    const bytes = readFileSync(path);
    expect(written).toEqual({ frameCount: 10, bytes: bytes.length });
    expect(progress).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    expect(await play(path)).toMatchObject({ status: 'ended', frameNumber: 10, widthPx: 160, heightPx: 120, fps });
  });

  it('is an .avi with its duration and number of frames', async () => {
    const path = join(tempDir(), 'clip.avi');
    await renderClip({ ...script(), fps: 12.5, durationMs: 400 }, path, { addon });
    const bytes = readFileSync(path);
    expect(bytes.readUInt32LE(4)).toBe(bytes.length - 8);
    // avih: the first number is microseconds per frame, the fifth the number of frames.
    const avih = bytes.indexOf('avih') + 8;
    expect([bytes.readUInt32LE(avih), bytes.readUInt32LE(avih + 16)]).toEqual([80_000, 5]);
    const index = bytes.indexOf('idx1');
    expect(bytes.readUInt32LE(index + 4)).toBe(5 * 16);
    for (let i = 0; i < 5; i++) {
      const offset = bytes.readUInt32LE(index + 8 + 16 * i + 8) + bytes.indexOf('movi');
      expect(bytes.toString('latin1', offset, offset + 4)).toBe('00dc');
      expect(bytes.readUInt16BE(offset + 8)).toBe(0xffd8);
    }
  });

  it('is not left behind when the rendering is aborted, nor is a temporary file', async () => {
    const folder = tempDir();
    const stop = new AbortController();
    const writing = renderClip(script(), join(folder, 'clip.mjpeg'), {
      addon,
      signal: stop.signal,
      onProgress: ({ frame }) => frame === 3 && stop.abort(new Error('enough')),
    });
    await expect(writing).rejects.toThrow('enough');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused for another extension, an invalid script or a missing folder', async () => {
    const folder = tempDir();
    await expect(renderClip(script(), join(folder, 'clip.mp4'), { addon })).rejects.toThrow(RangeError);
    await expect(renderClip({ ...script(), fps: -1 }, join(folder, 'clip.avi'), { addon })).rejects.toThrow(RangeError);
    await expect(renderClip(script(), join(folder, 'none', 'clip.avi'), { addon })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the clip of the demonstration', () => {
  it('shows the guest, nobody, the stranger, nobody', async () => {
    const seen: string[] = [];
    for (const { faces } of renderFrames({ ...createDemoScript(), widthPx: 64, heightPx: 48, fps: 5 })) {
      const who = faces.map(({ seed }) => seed).join('+') || 'nobody';
      if (seen.at(-1) !== who) seen.push(who);
    }
    expect(seen).toEqual(['nobody', `${GUEST_SEED}`, 'nobody', `${STRANGER_SEED}`, 'nobody']);
    expect(GUEST_SEED).not.toBe(STRANGER_SEED);
  });

  it('shows the guest looking into the camera at the time of the enrolment', () => {
    const { fps } = createDemoScript();
    for (const { atMs, faces } of renderFrames({ ...createDemoScript(), widthPx: 64, heightPx: 48 })) {
      if (Math.abs(atMs - ENROLMENT_MS) > 1_000 / fps) continue;
      expect(faces.map(({ seed }) => seed)).toEqual([GUEST_SEED]);
      expect(Math.abs(faces[0]!.pose.yaw)).toBeLessThan(8);
      expect(Math.abs(faces[0]!.pose.pitch)).toBeLessThan(8);
    }
  });

  it('is 12 s of 480 x 360 at 8 frames per second', async () => {
    const path = join(tempDir(), 'demo.avi');
    const { frameCount } = await renderDemoClip(path, { addon });
    expect(frameCount).toBe(96);
    expect(await play(path)).toMatchObject({ status: 'ended', frameNumber: 96, widthPx: 480, heightPx: 360, fps: 8 });
  });

  it('does not contain the portrait of the guest as a frame', () => {
    const portrait = renderPortrait(GUEST_SEED);
    expect(portrait).toMatchObject({ seed: GUEST_SEED, widthPx: 480, heightPx: 600 });
    expect(portrait.boxPx.x1 - portrait.boxPx.x0).toBeGreaterThan(150);
    expect(renderPortrait(GUEST_SEED, { widthPx: 200, facePx: 90 }).widthPx).toBe(200);
  });
});
