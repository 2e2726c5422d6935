// Encodes parts of the scene with ffmpeg, as a camera of one kind would, and splits them into packets. Clips stay on the disk for the next run.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE_FOLDER, CACHE_VERSION, MOMENTS, SCENE_FPS, makeScene } from './scene.js';

const run = promisify(execFile);

export type VideoCodec = 'h264' | 'h265' | 'jpeg';

export interface ClipOrder {
  codec: VideoCodec;
  widthPx: number;
  heightPx: number;
  /** Frames per second of the stream. */
  fps: number;
  /** Part of the scene, in milliseconds. Default: the whole scene. */
  fromMs?: number;
  toMs?: number;
  /** Factor by which the scene is slowed down. Default: 1. */
  slower?: number;
  /** Holds the first picture of the part for this time before the part begins, without any noise. */
  heldMs?: number;
  /** Distance of two key frames. Default: 1000. */
  keyEveryMs?: number;
  /** Further filters of ffmpeg, after scaling. */
  filters?: readonly string[];
  /** Further options of the encoder. */
  encoder?: readonly string[];
}

/** One access unit: the data of one picture, Annex B or a JPEG. */
export interface Packet {
  data: Buffer;
  isKey: boolean;
  /** Time at which the camera sends it, and its presentation time, in milliseconds from the start of the clip. */
  sentMs: number;
  stampMs: number;
  /** Moment of the scene that it shows. */
  sceneMs: number;
}

export interface Clip {
  order: ClipOrder;
  packets: readonly Packet[];
  durationMs: number;
  /** The same clip as an MPEG transport stream; only of H.264 and H.265. */
  transportStream: string;
}

const FORMATS = { h264: 'h264', h265: 'hevc', jpeg: 'mjpeg' } as const;

/** Encodes a clip, or reads it where an earlier run has made it. */
export async function makeClip(order: ClipOrder, folder: string = CACHE_FOLDER): Promise<Clip> {
  const scene = await makeScene(folder);
  const key = createHash('sha256')
    .update(JSON.stringify([CACHE_VERSION, order]))
    .digest('hex')
    .slice(0, 16);
  const made = join(folder, `clip-${key}`);
  if (!existsSync(made)) {
    const part = mkdtempSync(`${made}.`);
    const outputs = [`[f=${FORMATS[order.codec]}]${part}/data`, `[f=framecrc]${part}/index`];
    if (order.codec !== 'jpeg') outputs.push(`[f=mpegts]${part}/clip.ts`);
    const options = ['-an', '-map', '0:v', '-vf', listFilters(order).join(','), ...listEncoderOptions(order)];
    await run('ffmpeg', ['-v', 'error', '-y', '-i', scene.video, ...options, '-f', 'tee', outputs.join('|')]);
    // Another stream may have made the same clip meanwhile.
    if (existsSync(made)) rmSync(part, { recursive: true });
    else renameSync(part, made);
  }
  return readClip(order, made);
}

function listFilters({ fromMs = 0, toMs = MOMENTS.end, ...order }: ClipOrder): string[] {
  const { widthPx, heightPx, fps, slower = 1, heldMs = 0, filters = [] } = order;
  const cut = `trim=start=${(fromMs - 1) / 1_000}:end=${(toMs - 1) / 1_000}`;
  const hold = heldMs > 0 ? [`tpad=start_duration=${heldMs / 1_000}:start_mode=clone`] : [];
  const fit = `scale=${widthPx}:${heightPx}:force_original_aspect_ratio=increase:flags=bilinear,crop=${widthPx}:${heightPx}`;
  return [
    cut,
    `setpts=${slower}*(PTS-STARTPTS)`,
    ...hold,
    ...(fps === SCENE_FPS ? [] : [`fps=${fps}`]),
    fit,
    ...filters,
  ];
}

function listEncoderOptions({ codec, fps, keyEveryMs = 1_000, encoder = [] }: ClipOrder): string[] {
  const distance = Math.max(1, Math.round((keyEveryMs * fps) / 1_000));
  const keys = ['-g', String(distance), '-keyint_min', String(distance), '-sc_threshold', '0', '-threads', '1'];
  switch (codec) {
    case 'h264':
      return ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-bf', '0', ...keys, ...encoder];
    case 'h265': {
      const parameters = `log-level=none:pools=1:bframes=0:scenecut=0:keyint=${distance}:min-keyint=${distance}`;
      return ['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-x265-params', parameters, ...encoder];
    }
    case 'jpeg':
      // RTP carries JPEGs with the standard Huffman tables only.
      return ['-c:v', 'mjpeg', '-huffman', 'default', '-q:v', '4', '-pix_fmt', 'yuvj420p', ...encoder];
  }
}

/** Splits the data by the index that ffmpeg wrote: one line for each packet, with its times and its size. */
function readClip(order: ClipOrder, folder: string): Clip {
  const data = readFileSync(join(folder, 'data'));
  const { fromMs = 0, slower = 1, heldMs = 0, fps } = order;
  const packets: Packet[] = [];
  let tickMs = 1;
  let at = 0;
  for (const line of readFileSync(join(folder, 'index'), 'utf8').split('\n')) {
    const base = /^#tb 0: (\d+)\/(\d+)/.exec(line);
    if (base) tickMs = (1_000 * Number(base[1])) / Number(base[2]);
    const found = /^0,\s*(-?\d+),\s*(-?\d+),\s*\d+,\s*(\d+),\s*0x[0-9a-f]+(.*)$/.exec(line);
    if (!found) continue;
    const [, dts, pts, size, flags = ''] = found;
    const stampMs = Number(pts) * tickMs;
    packets.push({
      data: data.subarray(at, at + Number(size)),
      isKey: !flags.includes('F='),
      sentMs: Number(dts) * tickMs,
      stampMs,
      sceneMs: fromMs + Math.max(0, stampMs - heldMs) / slower,
    });
    at += Number(size);
  }
  if (packets.length === 0 || at !== data.length) throw new Error('a clip could not be split into packets');
  // With B-frames the first decoding time is negative.
  const firstMs = packets[0]!.sentMs;
  for (const packet of packets) packet.sentMs -= firstMs;
  const durationMs = Math.max(...packets.map(({ sentMs }) => sentMs)) + 1_000 / fps;
  return { order, packets, durationMs, transportStream: join(folder, 'clip.ts') };
}
