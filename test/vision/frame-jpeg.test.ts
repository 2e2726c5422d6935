// The newest frame as JPEG: its number, size and boxes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it, onTestFinished, vi } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { encodeFrame } from '../../src/vision/frame-jpeg.js';
import { clip } from '../camera/clips.js';
import { tempDir } from '../support/temp-dir.js';

const addon = loadAddon();
const ALL = { after: 0, quality: 90, maxWidthPx: 0, boxes: [] };

/** Opens a capture of one grey frame of 160 x 120 px. @returns its handle */
async function grey(): Promise<number> {
  const path = join(tempDir(), 'clip.mjpeg');
  writeFileSync(path, clip(addon, 1));
  const sizes = { widthPx: 0, heightPx: 0, fps: 0 };
  const source = { type: 'file', path, loop: false, realTime: false } as const;
  const options = { source, ...sizes, openTimeoutMs: 5_000, readTimeoutMs: 5_000 };
  const handle = addon.openCapture(options, () => undefined);
  onTestFinished(() => addon.closeCapture(handle));
  await vi.waitFor(() => expect(addon.captureState(handle).frameNumber).toBe(1), { timeout: 10_000 });
  return handle;
}

const decodePixels = async (jpeg: Uint8Array) => sharp(jpeg).raw().toBuffer({ resolveWithObject: true });

it('shows the frame at its own size, with its number and time', async () => {
  const handle = await grey();
  const frame = encodeFrame(addon, handle, ALL);
  expect(frame).toMatchObject({ widthPx: 160, heightPx: 120, frameNumber: 1 });
  expect(Math.abs(Date.now() - (frame?.capturedAtMs ?? 0))).toBeLessThan(10_000);
  expect((await decodePixels(frame?.jpeg ?? new Uint8Array())).info).toMatchObject({ width: 160, height: 120 });
});

it.each([
  [80, 80, 60],
  [100, 100, 75],
  [1, 1, 1],
  [160, 160, 120],
  [4_000, 160, 120],
])('is scaled down to %i px, and never up', async (maxWidthPx, widthPx, heightPx) => {
  const frame = encodeFrame(addon, await grey(), { ...ALL, maxWidthPx });
  expect([frame?.widthPx, frame?.heightPx]).toEqual([widthPx, heightPx]);
  const { info } = await decodePixels(frame?.jpeg ?? new Uint8Array());
  expect([info.width, info.height]).toEqual([widthPx, heightPx]);
});

it('shows the requested boxes in their colours, and does not change the frame', async () => {
  const handle = await grey();
  const boxes = [
    { box: { x0: 20, y0: 20, x1: 60, y1: 80 }, colour: 'green' },
    { box: { x0: 100, y0: 30, x1: 900, y1: 1e9 }, colour: 'red' },
  ] as const;
  for (const scale of [1, 0.5]) {
    const frame = encodeFrame(addon, handle, { ...ALL, maxWidthPx: 160 * scale, boxes });
    const { data, info } = await decodePixels(frame?.jpeg ?? new Uint8Array());
    const at = (x: number, y: number): number[] =>
      [...data.subarray((Math.round(y) * info.width + Math.round(x)) * 3)].slice(0, 3);
    const [green, red] = [at(40 * scale, 20 * scale), at(100 * scale, 60 * scale)];
    expect(green[1]! - Math.max(green[0]!, green[2]!)).toBeGreaterThan(60);
    expect(red[0]! - Math.max(red[1]!, red[2]!)).toBeGreaterThan(60);
    const inside = at(40 * scale, 50 * scale);
    expect(Math.max(...inside) - Math.min(...inside)).toBeLessThan(12);
  }
  const plain = await decodePixels(encodeFrame(addon, handle, ALL)?.jpeg ?? new Uint8Array());
  expect(Math.max(...plain.data) - Math.min(...plain.data)).toBeLessThan(6);
});

it('is undefined when there is no newer frame, or when the capture is closed', async () => {
  const handle = await grey();
  expect(encodeFrame(addon, handle, { ...ALL, after: 1 })).toBeUndefined();
  await addon.closeCapture(handle);
  expect(encodeFrame(addon, handle, ALL)).toBeUndefined();
});
