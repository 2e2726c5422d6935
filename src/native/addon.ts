// The typed door of the C++ addon: what must be native, and nothing else.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { AppError } from '../errors.js';

/** A picture the addon can work on: a cv::Mat, shared and never copied between threads. Freed with its JavaScript object. */
export interface NativeImage {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Drops the pixels now, instead of at garbage collection. Using the image afterwards throws TypeError. */
  release(): void;
}

/** A captured frame: BGR inside; the order that a tensor or crop wants is asked for where it is made. */
export interface CapturedFrame extends NativeImage {
  /** Counts from 1 for every frame that was read, the dropped ones included. */
  readonly frameNumber: number;
  /** Wall clock, milliseconds since the epoch, when the frame was read. */
  readonly capturedAtMs: number;
}

export type ChannelOrder = 'rgb' | 'bgr';

/** How bytes become floats: (v - mean[c]) / std[c], v in 0..255, c in the order of the tensor's channels. */
export interface TensorFormat {
  order: ChannelOrder;
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

export interface LetterboxOptions extends TensorFormat {
  /** Of the tensor [1, 3, heightPx, widthPx], planar. */
  widthPx: number;
  heightPx: number;
  /** Tensor pixels per image pixel; the scaled image must fit. */
  scale: number;
  /** Where the scaled image's corner lies in the tensor, in whole pixels. Around it the tensor holds (0 - mean) / std. */
  offsetX: number;
  offsetY: number;
}

export interface WarpOptions {
  /** Of the output. */
  widthPx: number;
  heightPx: number;
  /**
   * Image to output: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5]. Where it shrinks by more than 2 the image is
   * area-averaged first.
   */
  matrix: readonly [number, number, number, number, number, number];
  /** Outside the image: black, or its mirror image. */
  border: 'constant' | 'reflect';
}

export interface CaptureOptions {
  source:
    | { type: 'device'; path: string }
    | { type: 'gstreamer'; pipeline: string }
    | { type: 'url'; url: string }
    | { type: 'file'; path: string; loop: boolean; realTime: boolean };
  /** Asked of a device; 0 leaves the source's own. */
  widthPx: number;
  heightPx: number;
  fps: number;
  openTimeoutMs: number;
  readTimeoutMs: number;
  /** Clockwise, in degrees; then mirrored, and of that the part, in fractions of its sides. Left out: as it is. */
  rotate?: 0 | 90 | 180 | 270;
  flip?: 'none' | 'horizontal' | 'vertical';
  region?: { x0: number; y0: number; x1: number; y1: number };
}

/** `opening` until the first frame; `ended` is the end of a file; `failed` is a source that could not be opened or was lost. */
export type CaptureStatus = 'opening' | 'running' | 'ended' | 'failed' | 'closed';

export interface CaptureState {
  status: CaptureStatus;
  /** Why it failed, in words; empty otherwise. */
  error: string;
  /** Frames read so far. */
  frameNumber: number;
  /** Frames that were overwritten before anyone took them. */
  dropped: number;
  /** Of the frames as captureFrame gives them: turned and cut. */
  widthPx: number;
  heightPx: number;
  /** As the source declares it; 0 where it does not. */
  fps: number;
  /** Of the newest frame that was read; absent before the first. */
  picture?: PictureState;
}

/** The newest picture of a source, as the source gives it. */
export interface PictureState {
  rawWidthPx: number;
  rawHeightPx: number;
  /** Mean and standard deviation in grey levels, 0..255; of the picture reduced to about 320 px, five times a second. */
  mean: number;
  deviation: number;
  /** Standard deviation of its Laplacian, in grey levels: how much fine detail there is. */
  sharpness: number;
  /** So many frames before this one were the very same picture, to the last byte; and for how long. */
  unchangedFrames: number;
  unchangedMs: number;
  /** For so long they have shown the same, but for what a video encoder does to a picture that stands still. */
  stillMs: number;
  /** On a clock that is never set, from any beginning. */
  arrivedMs: number;
  /** The frame's presentation time, from wherever the source counts; absent where it has none. */
  timestampMs?: number;
  /** Frames whose time was not later than that of the frame before them. */
  timestampFaults: number;
}

/** What a JPEG is made with, beyond its quality. */
export interface JpegOptions {
  /** Of the JPEG; the image's own where they are left out. */
  widthPx?: number;
  heightPx?: number;
  /** Rectangles to draw, in pixels of the image. The image itself stays as it is. */
  boxes?: readonly { x0: number; y0: number; x1: number; y1: number; colour: 'green' | 'red' }[];
}

/** The addon's functions. Every C++ exception arrives as an Error; wrong arguments as TypeError or RangeError. */
export interface Addon {
  /** `opencv` is its version, `backends` the video back-ends it was built with (FFMPEG, GSTREAMER, V4L2, …). */
  info(): { opencv: string; backends: string[] };

  /** Wraps interleaved 8-bit RGB, widthPx * heightPx * 3 bytes, without copying; the buffer is kept alive by the image. */
  wrapRgb(data: Uint8Array, widthPx: number, heightPx: number): NativeImage;
  /** Fills `out` (3 * heightPx * widthPx floats). */
  letterbox(image: NativeImage, out: Float32Array, options: LetterboxOptions): void;
  /** Warps into `out`: heightPx * widthPx * 3 bytes, interleaved RGB. */
  warp(image: NativeImage, out: Uint8Array, options: WarpOptions): void;
  /** Warps into the tensor `out`: 3 * heightPx * widthPx floats, planar. */
  warpToTensor(image: NativeImage, out: Float32Array, options: WarpOptions & TensorFormat): void;
  /**
   * Decodes a plain JPEG on this thread: sequential, one scan, grey or YCbCr, 80 to 2048 px a side, without Exif and colour profile,
   * and clean to its last byte. The pixels lie in memory that is used again once the image is released.
   * @returns undefined for everything else, be it another kind of JPEG, a broken one or none
   */
  decodeJpeg(bytes: Uint8Array): NativeImage | undefined;
  /** @param quality 1..100 */
  encodeJpeg(image: NativeImage, quality: number, options?: JpegOptions): Buffer;
  /** Number of native images of the whole process, all threads together, that were neither released nor garbage-collected. */
  liveImageCount(): number;

  /**
   * Opens a source on a thread of its own and returns at once with a handle that is valid in every thread of the process. The
   * thread keeps the newest frame only, except for a file that is not in real time: there it waits until a frame was taken.
   * Frames are turned and cut in the thread that takes them.
   * @param onChange called in this thread after a new frame or a new status, coalesced; look at captureState and captureFrame.
   */
  openCapture(options: CaptureOptions, onChange: () => void): number;
  captureState(handle: number): CaptureState;
  /** The newest frame if its number is greater than `after`, else undefined. */
  captureFrame(handle: number, after: number): CapturedFrame | undefined;
  /** Stops the thread and joins it, off the JavaScript thread. A second close is harmless. */
  closeCapture(handle: number): Promise<void>;

  /** Sends one datagram to systemd's notify socket (a path, or '@' for the abstract namespace). */
  sdNotify(socketPath: string, message: string): void;
}

/** Where `scripts/build-native` puts the addon: build/lintel.node under the project's root, two rooms up from here and from dist/native. */
export const ADDON_PATH = fileURLToPath(new URL('../../build/lintel.node', import.meta.url));

/** Loads the addon; loading it again, also in another worker thread, gives the same captures. @throws AppError ADDON_MISSING */
export function loadAddon(path: string = ADDON_PATH): Addon {
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new AppError('ADDON_MISSING', `the native addon could not be loaded: build it with scripts/build-native`, {
      cause,
    });
  }
}
