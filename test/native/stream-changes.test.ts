// Streams and files whose size, pixel format, range, matrix, codec or rotation changes in the middle: each picture says what it is.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CapturedFrame } from '../../src/native/addon.js';
import { lacks } from '../events/support.js';
import { tempDir } from '../support/temp-dir.js';
import { listen, lockstep, TestCapture } from './clips.js';
import { encodeClip, readPixel, readPixels } from './video-clips.js';
import { addon } from './pictures.js';

const isMissing = lacks('streams that change', 'ffmpeg');

const RED = [200, 40, 30] as const;
const BLUE = [30, 60, 190] as const;
type Colour = readonly [number, number, number];

interface Look {
  colour: Colour;
  size: string;
  /** Options of the scaler, and of the output. */
  scale?: string;
  format?: string;
  options?: readonly string[];
}

/** Ten frames of one colour. */
function encodeColour(name: string, codec: readonly string[], { colour, size, scale, format, options }: Look): string {
  const hex = colour.map((level) => level.toString(16).padStart(2, '0')).join('');
  const input = `color=0x${hex}:size=${size}:rate=10,format=rgb24,scale=${scale ?? 'out_range=limited'}`;
  const filter = `${input},format=${format ?? 'yuv420p'}`;
  return encodeClip(name, ['-f', 'lavfi', '-i', filter, '-frames:v', '10', ...codec, ...(options ?? [])]);
}

function join2(name: string, first: string, second: string): string {
  const path = join(tempDir(), name);
  writeFileSync(path, Buffer.concat([readFileSync(first), readFileSync(second)]));
  return path;
}

function expectColour(frame: CapturedFrame, colour: Colour): void {
  for (const pixel of readPixels(frame)) {
    pixel.forEach((level, channel) => expect(Math.abs(level - colour[channel]!), String(pixel)).toBeLessThanOrEqual(6));
  }
}

const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '4'];
const HEVC = ['-c:v', 'libx265', '-x265-params', 'log-level=none:qp=6'];
const MJPEG = ['-c:v', 'mjpeg', '-q:v', '2'];
const limited = { scale: 'out_range=limited', options: ['-color_range', 'tv'] };
const full = { scale: 'out_range=full', options: ['-color_range', 'pc'] };
const jpeg = { scale: 'out_range=full', format: 'yuvj420p' };

describe.skipIf(isMissing)('a file of which each half is a stream of its own', () => {
  test.each<[string, string, readonly string[], Look, Look]>([
    ['a smaller picture', 'h264', H264, { colour: RED, size: '320x240' }, { colour: BLUE, size: '160x120' }],
    ['a larger picture', 'h264', H264, { colour: RED, size: '160x90' }, { colour: BLUE, size: '320x180' }],
    ['an upright picture', 'h264', H264, { colour: RED, size: '320x240' }, { colour: BLUE, size: '240x320' }],
    ['a picture of odd sides', 'hevc', HEVC, { colour: RED, size: '320x240' }, { colour: BLUE, size: '162x122' }],
    ['a smaller HEVC picture', 'hevc', HEVC, { colour: RED, size: '320x240' }, { colour: BLUE, size: '160x120' }],
    [
      'a smaller JPEG',
      'mjpeg',
      MJPEG,
      { colour: RED, size: '320x240', ...jpeg },
      { colour: BLUE, size: '161x121', ...jpeg },
    ],
    [
      'the full range',
      'h264',
      H264,
      { colour: RED, size: '320x240', ...limited },
      { colour: BLUE, size: '320x240', ...full },
    ],
    [
      'full colour',
      'h264',
      H264,
      { colour: RED, size: '320x240' },
      { colour: BLUE, size: '320x240', format: 'yuv444p' },
    ],
    [
      'ten bits',
      'hevc',
      HEVC,
      { colour: RED, size: '320x240' },
      { colour: BLUE, size: '320x240', format: 'yuv420p10le' },
    ],
  ])('goes on with %s at once', async (_, extension, codec, before, after) => {
    const parts = [before, after].map((look, index) => encodeColour(`${index}.${extension}`, codec, look));
    const capture = new TestCapture(lockstep(join2(`clip.${extension}`, parts[0]!, parts[1]!)));
    const frames = await capture.takeAll();
    expect(frames).toHaveLength(20);
    expect(capture.state).toMatchObject({ status: 'ended', streamChanges: 1, damaged: 0 });
    frames.forEach((frame, index) => {
      const look = index < 10 ? before : after;
      expect(`${frame.widthPx}x${frame.heightPx}`).toBe(look.size);
      expect(frame.streamChanges).toBe(index < 10 ? 0 : 1);
      expectColour(frame, look.colour);
      frame.release();
    });
  });

  test('goes on at once in a transport stream, but for pictures at the seam that may be damaged', async () => {
    const looks = [
      { colour: RED, size: '320x240' },
      { colour: BLUE, size: '160x120' },
    ] as const;
    const [first = '', second = ''] = looks.map((look, index) => encodeColour(`${index}.ts`, H264, look));
    const capture = new TestCapture(lockstep(join2('clip.ts', first, second)));
    const frames = await capture.takeAll();
    const { damaged, streamChanges } = capture.state;
    expect({ all: frames.length + damaged, streamChanges }).toEqual({ all: 20, streamChanges: 1 });
    expect(damaged).toBeLessThanOrEqual(2);
    for (const frame of frames) {
      expectColour(frame, frame.widthPx === 320 ? RED : BLUE);
      frame.release();
    }
  });

  test('goes on with a turned picture, which is upright', async () => {
    const half = 'color=black:size=160x120:rate=10,drawbox=w=80:h=ih:color=white:t=fill,format=yuv420p';
    const encode = (name: string, bitstream: readonly string[]): string =>
      encodeClip(name, ['-f', 'lavfi', '-i', half, '-frames:v', '5', ...H264, ...bitstream]);
    const upright = encode('a.h264', []);
    const turned = encode('b.h264', ['-bsf:v', 'h264_metadata=display_orientation=insert:rotate=-90']);
    const capture = new TestCapture(lockstep(join2('clip.h264', upright, turned)));
    const frames = await capture.takeAll();
    expect(frames.map(({ widthPx }) => widthPx)).toEqual([160, 160, 160, 160, 160, 120, 120, 120, 120, 120]);
    expect(capture.state).toMatchObject({ streamChanges: 1, format: { rotate: 90, widthPx: 120, heightPx: 160 } });
    // The white left half is above, after a quarter turn clockwise.
    expect(readPixel(frames[0]!, 0.1, 0.5)[1]).toBeGreaterThan(200);
    expect(readPixel(frames[9]!, 0.5, 0.1)[1]).toBeGreaterThan(200);
    expect(readPixel(frames[9]!, 0.5, 0.9)[1]).toBeLessThan(60);
    frames.forEach((frame) => frame.release());
  });
});

describe.skipIf(isMissing)('the colours of a picture are right', () => {
  const matrix = (name: string): Pick<Look, 'scale' | 'options'> => ({
    scale: `out_range=limited:out_color_matrix=${name}`,
    options: ['-colorspace', { bt601: 'smpte170m', bt709: 'bt709', bt2020: 'bt2020nc' }[name]!, '-color_range', 'tv'],
  });
  test.each<[string, string, readonly string[], Look]>([
    ['BT.601', 'mp4', H264, { colour: RED, size: '160x120', ...matrix('bt601') }],
    ['BT.709', 'mp4', H264, { colour: RED, size: '160x120', ...matrix('bt709') }],
    ['BT.2020', 'mp4', HEVC, { colour: BLUE, size: '160x120', ...matrix('bt2020') }],
    ['no matrix, as of BT.601', 'mp4', H264, { colour: BLUE, size: '1280x720' }],
    ['full range', 'mp4', H264, { colour: BLUE, size: '160x120', ...full }],
    ['JPEG', 'avi', MJPEG, { colour: RED, size: '161x121', ...jpeg }],
    ['4:2:2', 'mp4', H264, { colour: RED, size: '160x120', format: 'yuv422p' }],
    ['10 bits', 'mp4', H264, { colour: RED, size: '160x120', format: 'yuv420p10le' }],
    ['grey', 'mp4', H264, { colour: [120, 120, 120], size: '160x120', format: 'gray' }],
    ['RGB', 'mkv', ['-c:v', 'ffv1'], { colour: RED, size: '161x121', scale: 'in_range=full', format: 'bgr0' }],
    ['a palette', 'gif', [], { colour: [255, 0, 0], size: '160x120', format: 'rgb8' }],
  ])('%s', async (_, extension, codec, look) => {
    const capture = new TestCapture(lockstep(encodeColour(`clip.${extension}`, codec, look)));
    const [frame] = await capture.takeAll();
    expectColour(frame!, look.colour);
    frame!.release();
    // The mean of the grey levels is measured before the conversion, and is that of the converted picture.
    const { mean = 0 } = capture.state.picture!;
    const [r, g, b] = look.colour;
    const brightness = look.format === 'bgr0' || look.format === 'rgb8' ? g : 0.299 * r + 0.587 * g + 0.114 * b;
    const isWide = look.options?.includes('bt709') === true || look.options?.includes('bt2020nc') === true;
    expect(Math.abs(mean - brightness)).toBeLessThan(isWide ? 25 : 4);
  });
});

function cut(bytes: Buffer, count: number): Buffer[] {
  const size = Math.ceil(bytes.length / count);
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

describe.skipIf(isMissing)('a stream over HTTP', () => {
  test('that changes its size and its codec goes on with the right picture within a frame', async () => {
    const parts = [
      encodeColour('a.ts', H264, { colour: RED, size: '320x240' }),
      // Another stream of the same source, as the table of the transport stream says.
      encodeColour('b.ts', HEVC, { colour: BLUE, size: '160x120', options: ['-streamid', '0:512'] }),
    ].map((path) => readFileSync(path));
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'video/mp2t' });
      // Each part lasts a second, and is sent in 20 pieces within that time.
      const pieces = parts.flatMap((part) => cut(part, 20));
      const timer = setInterval(() => {
        const piece = pieces.shift();
        if (piece !== undefined) response.write(piece);
        else response.end(() => clearInterval(timer));
      }, 50);
      response.on('close', () => clearInterval(timer));
    });
    const port = await listen(server);
    onTestFinished(() => void server.close());
    const capture = new TestCapture({ type: 'url', url: `http://127.0.0.1:${port}/` });
    const seen: string[] = [];
    await capture.until(() => {
      const frame = addon.captureFrame(capture.handle, 0);
      if (frame) {
        const isFirst = frame.widthPx === 320;
        expectColour(frame, isFirst ? RED : BLUE);
        seen.push(`${frame.widthPx}x${frame.heightPx} ${frame.streamChanges}`);
        frame.release();
      }
      return !['opening', 'running'].includes(capture.state.status);
    });
    expect(new Set(seen)).toEqual(new Set(['320x240 0', '160x120 1']));
    expect(capture.state).toMatchObject({ error: 'the stream ended', format: { codec: 'hevc' } });
  });
});
