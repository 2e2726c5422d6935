// Makes video clips with ffmpeg for tests of the addon, and reads the colours of frames.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeImage } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';
import { addon } from './pictures.js';

/** Runs ffmpeg. @param args input and options of the output @returns the path of the file, which is removed after the test */
export function encodeClip(name: string, args: readonly string[]): string {
  const path = join(tempDir(), name);
  const { status, stderr } = spawnSync('ffmpeg', ['-loglevel', 'error', '-y', ...args, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ffmpeg: ${stderr}`);
  return path;
}

/** Number of frames of a numbered clip that can be distinguished. */
const GREYS = 24;

/** Input of ffmpeg: frames of 10 per second whose grey level encodes their number. */
export function numberedInput(count: number, size = '160x120'): string[] {
  const level = `16+8*mod(N\\,${GREYS})`;
  return [
    '-f',
    'lavfi',
    '-i',
    `color=black:size=${size}:rate=10,format=yuv420p,geq=lum='${level}':cb=128:cr=128`,
  ].concat(['-frames:v', String(count)]);
}

/** Reads the number of a frame of a numbered clip, modulo 24. */
export function readGreyNumber(frame: NativeImage): number {
  const [, green] = readPixel(frame, 0.5, 0.5);
  return Math.round((green * 219) / 255 / 8);
}

/** Reads a pixel as RGB. @param x @param y position in fractions of the sides */
export function readPixel(frame: NativeImage, x: number, y: number): [number, number, number] {
  const out = new Uint8Array(3);
  const at = (fraction: number, length: number): number => -Math.min(length - 1, Math.floor(fraction * length));
  const matrix = [1, 0, at(x, frame.widthPx), 0, 1, at(y, frame.heightPx)] as const;
  addon.warp(frame, out, { widthPx: 1, heightPx: 1, matrix, border: 'constant' });
  return [out[0]!, out[1]!, out[2]!];
}

/** Reads pixels all over a frame: those of a frame of one colour are alike. */
export function readPixels(frame: NativeImage): [number, number, number][] {
  const places = [0.02, 0.3, 0.7, 0.98];
  return places.flatMap((x) => places.map((y) => readPixel(frame, x, y)));
}

/** Splits a raw H.264 or HEVC stream into access units; each has one slice. @param sliceType returns true for the NAL unit of a slice */
export function splitAccessUnits(path: string, isSlice: (firstByte: number) => boolean): Buffer[] {
  const bytes = readFileSync(path);
  const units: Buffer[] = [];
  let begin = 0;
  let hasSlice = false;
  for (let at = 0; at + 4 < bytes.length; at++) {
    if (bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at + 2] !== 1) continue;
    const start = at > 0 && bytes[at - 1] === 0 ? at - 1 : at;
    if (hasSlice) {
      units.push(bytes.subarray(begin, start));
      begin = start;
    }
    hasSlice = isSlice(bytes[at + 3]!);
  }
  units.push(bytes.subarray(begin));
  return units;
}

export const isH264Slice = (firstByte: number): boolean => [1, 5].includes(firstByte & 31);
export const isHevcSlice = (firstByte: number): boolean => ((firstByte >> 1) & 63) < 32;
