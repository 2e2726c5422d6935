// Writes a clip to a file that OpenCV and FFmpeg read: joined JPEGs (.mjpeg), or the same in an AVI that tells its frame rate (.avi).
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Addon } from '../../src/native/addon.js';
import { aviChunk, aviHeader, aviIndex, AVI_HEADER_BYTES } from './avi.js';
import { clipFrames, countFrames, type ClipScript } from './clip.js';
import type { Picture } from './head.js';

export interface ClipFileOptions {
  addon: Pick<Addon, 'wrapRgb' | 'encodeJpeg'>;
  /** Called after each frame, which counts from 1, with its JPEG. */
  onProgress?: (progress: { frame: number; frameCount: number; jpeg: Buffer }) => void;
  signal?: AbortSignal;
  /** JPEG quality of the frames, 1..100; 88 by default. */
  quality?: number;
}

export interface ClipFile {
  frameCount: number;
  bytes: number;
}

const JPEG_QUALITY = 88;

/** A picture as JPEG. @param quality 1..100 */
export function encodePicture(
  picture: Picture,
  addon: Pick<Addon, 'wrapRgb' | 'encodeJpeg'>,
  quality: number = JPEG_QUALITY,
): Buffer {
  const image = addon.wrapRgb(picture.rgb, picture.widthPx, picture.heightPx);
  try {
    return addon.encodeJpeg(image, quality);
  } finally {
    image.release();
  }
}

/**
 * Renders the clip into a file; it appears under its name when it is whole. An .mjpeg carries no frame rate and is played at 25
 * frames per second, whatever the script says; an .avi is played at the script's.
 * @throws RangeError on another extension or a bad script; the signal's reason; errors of the file system as they come
 */
export async function renderClip(script: ClipScript, path: string, options: ClipFileOptions): Promise<ClipFile> {
  const kind = extname(path);
  if (kind !== '.mjpeg' && kind !== '.avi') throw new RangeError('a clip is an .mjpeg or an .avi file');
  const temporary = `${path}.part`;
  const file = await open(temporary, 'w');
  try {
    const written = await writeFrames(file, script, kind === '.avi', options);
    await file.close();
    await rename(temporary, path);
    return written;
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeFrames(
  file: FileHandle,
  script: ClipScript,
  isAvi: boolean,
  options: ClipFileOptions,
): Promise<ClipFile> {
  const { addon, onProgress, signal, quality } = options;
  const sizes: number[] = [];
  let bytes = 0;
  const write = async (data: Buffer): Promise<void> => {
    await file.write(data, 0, data.length, bytes);
    bytes += data.length;
  };
  if (isAvi) await write(Buffer.alloc(AVI_HEADER_BYTES));
  for (const { index, picture } of clipFrames(script)) {
    signal?.throwIfAborted();
    const jpeg = encodePicture(picture, addon, quality);
    await write(isAvi ? aviChunk(jpeg) : jpeg);
    sizes.push(jpeg.length);
    onProgress?.({ frame: index + 1, frameCount: countFrames(script), jpeg });
  }
  if (isAvi) {
    await write(aviIndex(sizes));
    await file.write(aviHeader({ ...script, sizes }), 0, AVI_HEADER_BYTES, 0);
  }
  return { frameCount: sizes.length, bytes };
}
