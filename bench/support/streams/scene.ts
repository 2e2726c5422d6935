// The scene that the streams of the bench show: two enrolled people come one after the other. Each picture carries its number.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Addon, NativeImage } from '../../../src/native/addon.js';
import { renderFrames, type ClipScript, type Keyframe } from '../../../tools/rendered-people/clip.js';
import { DISTINCT_SEEDS } from '../../../tools/rendered-people/distinct-seeds.js';
import type { Picture } from '../../../tools/rendered-people/head.js';

export const SCENE_FPS = 25;
export const SCENE_FRAME_MS = 1_000 / SCENE_FPS;
/** Moments of the scene, in milliseconds. Nobody is in the picture before `alice`, at `between`, and from `bobLeaves` on. */
export const MOMENTS = { alice: 1_000, aliceLeaves: 3_320, between: 3_800, bob: 4_240, bobLeaves: 6_560, end: 7_200 };
/** The people of the scene; both are enrolled. */
export const PEOPLE = [
  { name: 'alice', seed: DISTINCT_SEEDS[0] },
  { name: 'bob', seed: DISTINCT_SEEDS[3] },
] as const;

/** Shape of the picture. Streams of another shape show its middle. */
export const SCENE_SHAPE = 16 / 9;
const WIDTH_PX = 640;
const HEIGHT_PX = 360;
const FACE_PX = 116;

/** Blocks of the strip that carries the number: white, 8 bits, parity, its opposite, black. */
const BLOCKS = 12;
const BITS = 8;
/** Width of the strip in fractions of the scene's width, and its height in fractions of the height. It lies at the lower edge, in the middle. */
const STRIP_WIDTH = 0.6;
const STRIP_HEIGHT = 1 / 15;
/** Samples of each block when it is read. */
const SAMPLES = 3;

/** Number of cells in which two pictures are compared. */
const COLUMNS = 16;
const ROWS = 9;
/** Samples of a cell in each direction when a delivered picture is compared. */
const SAMPLES_PER_CELL = 6;

/** A folder in which everything that is made stays for the next run. */
export const CACHE_FOLDER = fileURLToPath(new URL('../../../var/bench/streams/', import.meta.url));
/** Increase it when the scene or the way in which clips are made changes. */
export const CACHE_VERSION = 1;

/** A rendered scene on the disk. */
export interface SceneFiles {
  /** The pictures, 640 x 360, 25 a second, without loss. */
  video: string;
  /** JSON: the brightness of the cells of each picture. */
  cells: string;
}

function standing(x: number, fromMs: number, toMs: number): Keyframe[] {
  const keyframes: Keyframe[] = [];
  for (let atMs = fromMs, n = 0; atMs < toMs; atMs += 500, n++) {
    keyframes.push({ atMs, x: x + (n % 2) * 0.012, y: 0.46, sizePx: FACE_PX + (n % 3) * 3 });
  }
  return [...keyframes, { atMs: toMs, x, y: 0.46, sizePx: FACE_PX }];
}

function createScript(): ClipScript {
  const sway = { yaw: 3, pitch: 2 };
  return {
    widthPx: WIDTH_PX,
    heightPx: HEIGHT_PX,
    fps: SCENE_FPS,
    durationMs: MOMENTS.end,
    background: 12,
    samples: 1,
    actors: [
      {
        who: { seed: PEOPLE[0].seed },
        sway,
        keyframes: standing(0.44, MOMENTS.alice, MOMENTS.aliceLeaves),
      },
      { who: { seed: PEOPLE[1].seed }, sway, keyframes: standing(0.56, MOMENTS.bob, MOMENTS.bobLeaves) },
    ],
  };
}

/** Renders the scene, or finds the files of an earlier run. It takes about half a minute on one core. */
export async function makeScene(folder: string = CACHE_FOLDER): Promise<SceneFiles> {
  mkdirSync(folder, { recursive: true });
  const files = {
    video: join(folder, `scene-${CACHE_VERSION}.nut`),
    cells: join(folder, `scene-${CACHE_VERSION}.json`),
  };
  if (existsSync(files.cells)) return files;
  const part = `${files.video}.${process.pid}`;
  const size = `${WIDTH_PX}x${HEIGHT_PX}`;
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', size, '-r', String(SCENE_FPS), '-i', '-'];
  const output = ['-c:v', 'ffv1', '-pix_fmt', 'yuv444p', '-f', 'nut', '-y', part];
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', ...input, ...output], { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = once(ffmpeg, 'exit');
  const cells: number[][] = [];
  for (const { index, picture } of renderFrames(createScript())) {
    drawNumber(picture, index);
    cells.push(averageCells(picture));
    if (!ffmpeg.stdin.write(picture.rgb)) await Promise.race([once(ffmpeg.stdin, 'drain'), ended]);
    // Other work of this process goes on.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  ffmpeg.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error('ffmpeg could not write the scene');
  renameSync(part, files.video);
  writeFileSync(`${part}.json`, JSON.stringify(cells));
  renameSync(`${part}.json`, files.cells);
  return files;
}

export function readCells(files: Pick<SceneFiles, 'cells'>): number[][] {
  return JSON.parse(readFileSync(files.cells, 'utf8')) as number[][];
}

/** Draws the number of a picture, 0..255, into its strip. */
function drawNumber({ rgb, widthPx, heightPx }: Picture, number: number): void {
  const bits = encodeNumber(number);
  const left = Math.round((widthPx * (1 - STRIP_WIDTH)) / 2);
  const top = Math.round(heightPx * (1 - STRIP_HEIGHT));
  const blockPx = (widthPx * STRIP_WIDTH) / BLOCKS;
  for (let y = top; y < heightPx; y++) {
    for (let x = left; x < widthPx - left; x++) {
      const bit = bits[Math.min(BLOCKS - 1, Math.floor((x - left) / blockPx))];
      rgb.fill(bit ? 220 : 30, (y * widthPx + x) * 3, (y * widthPx + x) * 3 + 3);
    }
  }
}

function encodeNumber(number: number): boolean[] {
  const bits = Array.from({ length: BITS }, (_, bit) => ((number >> bit) & 1) === 1);
  const parity = bits.filter(Boolean).length % 2 === 1;
  return [true, ...bits, parity, !parity, false];
}

/**
 * Reads the number of a delivered picture.
 * @returns undefined where the strip holds none: the picture is damaged, or is not of the scene
 */
export function readNumber(image: NativeImage, addon: Pick<Addon, 'warp'>): number | undefined {
  const { widthPx, heightPx } = image;
  const blockPx = (heightPx * SCENE_SHAPE * STRIP_WIDTH) / BLOCKS;
  const left = (widthPx - blockPx * BLOCKS) / 2;
  const scale = SAMPLES / blockPx;
  const centreY = heightPx * (1 - STRIP_HEIGHT / 2) - 0.5;
  const bytes = new Uint8Array(BLOCKS * SAMPLES * 3);
  const matrix = [scale, 0, scale * (0.5 - left) - 0.5, 0, scale, -scale * centreY] as const;
  addon.warp(image, bytes, { widthPx: BLOCKS * SAMPLES, heightPx: 1, matrix, border: 'reflect' });
  const bits = Array.from({ length: BLOCKS }, (_, block) => bytes[(block * SAMPLES + 1) * 3 + 1]! > 125);
  const number = bits.slice(1, 1 + BITS).reduce((sum, bit, at) => sum + (bit ? 1 << at : 0), 0);
  return encodeNumber(number).every((bit, at) => bit === bits[at]) ? number : undefined;
}

/** Returns the mean brightness of each cell of a picture, row by row, in grey levels. */
function averageCells({ rgb, widthPx, heightPx }: Picture): number[] {
  const [cellWidthPx, cellHeightPx] = [widthPx / COLUMNS, heightPx / ROWS];
  const sums = new Array<number>(COLUMNS * ROWS).fill(0);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const cell = Math.floor(y / cellHeightPx) * COLUMNS + Math.floor(x / cellWidthPx);
      const at = (y * widthPx + x) * 3;
      sums[cell]! += toGrey(rgb[at]!, rgb[at + 1]!, rgb[at + 2]!);
    }
  }
  return sums.map((sum) => Math.round(sum / (cellWidthPx * cellHeightPx)));
}

function toGrey(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

/**
 * Compares a delivered picture with the rendered one. The middle of a picture of another shape is compared.
 * @returns the largest mean difference of a row of cells, in grey levels: a stale or grey part of the picture makes it large
 */
export function comparePicture(image: NativeImage, cells: readonly number[], addon: Pick<Addon, 'warp'>): number {
  const { widthPx, heightPx } = image;
  const [columns, rows] = [COLUMNS * SAMPLES_PER_CELL, ROWS * SAMPLES_PER_CELL];
  const scale = rows / heightPx;
  const left = (widthPx - columns / scale) / 2;
  const bytes = new Uint8Array(columns * rows * 3);
  const matrix = [scale, 0, scale * (0.5 - left) - 0.5, 0, scale, scale * 0.5 - 0.5] as const;
  addon.warp(image, bytes, { widthPx: columns, heightPx: rows, matrix, border: 'reflect' });
  const seen = averageCells({ widthPx: columns, heightPx: rows, rgb: bytes });
  // Cells that lie outside a narrower picture do not count.
  const margin = Math.max(0, Math.ceil((-left * scale) / SAMPLES_PER_CELL));
  let worst = 0;
  for (let row = 0; row < ROWS; row++) {
    let sum = 0;
    for (let column = margin; column < COLUMNS - margin; column++) {
      const cell = row * COLUMNS + column;
      sum += Math.abs(seen[cell]! - cells[cell]!);
    }
    worst = Math.max(worst, sum / (COLUMNS - 2 * margin));
  }
  return worst;
}
