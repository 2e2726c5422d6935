// Writes a clip to a file that OpenCV and FFmpeg read: joined JPEGs (.mjpeg), or the same in an AVI, which declares its frame rate (.avi).
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Addon } from '../../src/native/addon.js';
import { makeAviChunk, makeAviHeader, makeAviIndex, AVI_HEADER_BYTES } from './avi.js';
import { renderFrames, countFrames, type ClipScript } from './clip.js';
import type { Picture } from './head.js';

export interface ClipFileOptions {
  addon: Pick<Addon, 'wrapRgb' | 'encodeJpeg'>;
  /** Called after each frame with its number, from 1, and its JPEG. */
  onProgress?: (progress: { frame: number; frameCount: number; jpeg: Buffer }) => void;
  signal?: AbortSignal;
  /** JPEG quality of the frames, 1..100. Default: 88. */
  quality?: number;
}

export interface ClipFile {
  frameCount: number;
  bytes: number;
}

const JPEG_QUALITY = 88;

/** Encodes a picture as JPEG. @param quality 1..100 */
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
 * Renders the clip into a file. The file gets its name when it is complete. An .mjpeg has no frame rate and is played at 25
 * frames per second, whatever the script says; an .avi is played at the frame rate of the script.
 * @throws RangeError for another extension or an invalid script; the signal's reason; errors of the file system unchanged
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
  for (const { index, picture } of renderFrames(script)) {
    signal?.throwIfAborted();
    const jpeg = encodePicture(picture, addon, quality);
    await write(isAvi ? makeAviChunk(jpeg) : jpeg);
    sizes.push(jpeg.length);
    onProgress?.({ frame: index + 1, frameCount: countFrames(script), jpeg });
  }
  if (isAvi) {
    await write(makeAviIndex(sizes));
    await file.write(makeAviHeader({ ...script, sizes }), 0, AVI_HEADER_BYTES, 0);
  }
  return { frameCount: sizes.length, bytes };
}
