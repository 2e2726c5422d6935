// The typed interface of the C++ addon, which holds only what must be native: pictures, captures and systemd's notify socket.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Point } from '../domain/face.js';
import { AppError } from '../errors.js';

/**
 * A picture in native memory: 8-bit, three channels, never copied between threads. The addon knows its channel order. The owner releases it.
 * Garbage collection also frees a picture that was not released, but late.
 */
export interface NativeImage {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Drops the pixels now. A second call does nothing; any other use of the image throws TypeError afterwards. */
  release(): void;
}

/** A frame of a capture. Its pixels are shared with the other threads that took it, and read-only. */
export interface CapturedFrame extends NativeImage {
  /** Number of the frame, from 1. Dropped frames count as well. */
  readonly frameNumber: number;
  /** Time at which the frame was read: wall clock, milliseconds since the epoch. */
  readonly capturedAtMs: number;
  /** Number of times that the stream had changed before this frame (see CaptureState). Frames from both sides of a change are not comparable. */
  readonly streamChanges: number;
}

export type ChannelOrder = 'rgb' | 'bgr';

/** Conversion of bytes to floats: (v - mean[c]) / std[c], with v in 0..255 and c counting the channels in the order of the tensor. */
export interface TensorFormat {
  /** Order of the tensor's channels, whatever the order of the image is. */
  order: ChannelOrder;
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

export interface LetterboxOptions extends TensorFormat {
  /** Size of the tensor [1, 3, heightPx, widthPx], planar; 1..16384. */
  widthPx: number;
  heightPx: number;
  /** Tensor pixels per image pixel, greater than 0. The scaled image must fit into the tensor. */
  scale: number;
  /** Position of the scaled image's top left corner in the tensor, in whole pixels. Around the image the tensor holds (0 - mean) / std. */
  offsetX: number;
  offsetY: number;
}

export interface WarpOptions {
  /** Size of the output; 1..16384. */
  widthPx: number;
  heightPx: number;
  /**
   * Transform from image to output, in pixels: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5]; whole numbers are pixel centres.
   * An image that shrinks by a factor of 2 or more is averaged over areas first.
   */
  matrix: readonly [number, number, number, number, number, number];
  /** Pixels outside the image: black (`constant`), or its mirror image (`reflect`). */
  border: 'constant' | 'reflect';
}

export interface CaptureOptions {
  source:
    | { type: 'device'; path: string }
    | { type: 'gstreamer'; pipeline: string }
    // `transport` of RTSP, default tcp; auto begins with tcp.
    | { type: 'url'; url: string; transport?: 'tcp' | 'udp' | 'auto' }
    | { type: 'snapshot'; url: string; everyMs: number }
    | { type: 'file'; path: string; loop: boolean; realTime: boolean };
  /** Size and frame rate requested from a device; 0 keeps the device's own. */
  widthPx: number;
  heightPx: number;
  fps: number;
  /** Time in which the source must open, and in which each frame must arrive. The capture fails when one passes; 1..3,600,000. */
  openTimeoutMs: number;
  readTimeoutMs: number;
  /** Clockwise rotation in degrees, then mirroring, then cropping to a part in fractions of the sides (0..1). Default: none of them. */
  rotate?: 0 | 90 | 180 | 270;
  flip?: 'none' | 'horizontal' | 'vertical';
  region?: { x0: number; y0: number; x1: number; y1: number };
}

/** `opening` lasts until the first frame; `ended` is the end of a file; `failed` means that the source could not be opened or was lost. */
export type CaptureStatus = 'opening' | 'running' | 'ended' | 'failed' | 'closed';

export interface CaptureState {
  status: CaptureStatus;
  /** Reason for which the capture failed, in words without URL or path; empty otherwise. */
  error: string;
  /** Number of the newest frame; 0 before the first. */
  frameNumber: number;
  /** Number of frames that were replaced by a newer one before anybody took them. */
  dropped: number;
  /** Number of pictures that were skipped because they are damaged, or rest on one that is missing. */
  damaged: number;
  /** Number of times that the format of the pictures changed. */
  streamChanges: number;
  /** Format of the newest picture; absent before the first. */
  format?: StreamFormat;
  /** Size of the frames as captureFrame returns them: rotated and cropped. */
  widthPx: number;
  heightPx: number;
  /** Frame rate that the source declares; 0 where it declares none. */
  fps: number;
  /** State of the newest picture; absent before the first. */
  picture?: PictureState;
}

/** Geometry and coding of a picture, as the picture itself says and not as the opening of the stream said. */
export interface StreamFormat {
  /** Names as FFmpeg has them, such as h264 and yuv420p; empty where the reader does not know them. */
  codec: string;
  pixelFormat: string;
  /** Size after the rotation that the stream asks for. */
  widthPx: number;
  heightPx: number;
  /** Clockwise rotation that the stream asks for, and that was made; then mirroring from left to right. */
  rotate: number;
  isMirrored: boolean;
  /** True where the brightness goes from 0 to 255, false where it goes from 16 to 235. */
  isFullRange: boolean;
}

/**
 * Meaning of the presentation times of a source. `none`: nothing, there are none or the reader makes them up. `segments`: the pictures come in
 * segments of some seconds; the times go on where the source lives, but each picture is late. `live`: when the pictures were taken.
 */
export type SourceClock = 'none' | 'segments' | 'live';

/** Measurements of the newest picture of a source, before it is rotated and cropped. */
export interface PictureState {
  rawWidthPx: number;
  rawHeightPx: number;
  /** Mean and standard deviation of the grey levels, 0..255. Measured five times a second on the picture reduced to about 320 px. */
  mean: number;
  deviation: number;
  /** Standard deviation of the Laplacian, in grey levels: the amount of fine detail. */
  sharpness: number;
  /** Number of frames before this one that were identical to it, byte for byte, and the time that they lasted. */
  unchangedFrames: number;
  unchangedMs: number;
  /** Time for which the pictures have shown the same, apart from changes that a video encoder makes to a still picture. */
  stillMs: number;
  /** Arrival of the picture on the monotonic clock, in milliseconds from any origin. */
  arrivedMs: number;
  /** Presentation time of the frame, in milliseconds from any origin of the source; absent where the source gives none. */
  timestampMs?: number;
  /** Number of frames whose presentation time was not later than that of the frame before. */
  timestampFaults: number;
  clock: SourceClock;
  /** True where the picture holds two fields that were taken at different times. */
  isInterlaced: boolean;
}

/** A HEIC picture as libheif decodes it. */
export interface HeifPicture {
  /** Interleaved 8-bit RGB, or RGBA where the picture has transparency: widthPx * heightPx * channels bytes. */
  data: Uint8Array;
  widthPx: number;
  heightPx: number;
  channels: 3 | 4;
  /** The colour profile (ICC) that the pixels have; absent for sRGB, or where the file names none. */
  profile: Uint8Array | undefined;
}

/** Options of a JPEG apart from its quality. */
export interface JpegOptions {
  /** Size of the JPEG. Default: the image's. */
  widthPx?: number;
  heightPx?: number;
  /** Rectangles to draw, in pixels of the image. They are drawn on a copy. */
  boxes?: readonly { x0: number; y0: number; x1: number; y1: number; colour: 'green' | 'red' }[];
}

/** Rows of float32 vectors with their int8 copies, as a search reads them. */
export interface CopiedRows {
  /** Copies and vectors, row by row: count * dimensions values, or more. */
  copies: Int8Array;
  vectors: Float32Array;
  count: number;
  /** The true inner product of a row and the probe is at most `error` away from scale * (product of the copies). Neither is negative. */
  scale: number;
  error: number;
}

/** Rows, numbered through all blocks, in ascending order, with their inner products in float64, clamped to -1..1. */
export interface NearestRows {
  rows: Uint32Array;
  cosines: Float64Array;
}

/** One picture of an MJPEG stream. */
export interface StreamPart {
  /** Bytes from the marker SOI to the marker EOI; to the end of the part where the EOI is missing. */
  jpeg: Buffer;
  /** Header X-Timestamp in milliseconds; absent where the part has none. */
  timestampMs?: number;
}

/**
 * The addon's functions. All but closeCapture work on the calling thread. A C++ exception becomes an Error, an argument of the wrong type a
 * TypeError, an argument outside its range a RangeError.
 */
/** Four straight edges around a face. */
export interface FoundBorder {
  /** Share of each side, from corner to corner, that is an edge, 0..1: left, right, top, bottom. */
  coverage: readonly [number, number, number, number];
  /** Corners in pixels of the view: upper left, upper right, lower left, lower right. */
  corners: readonly [Point, Point, Point, Point];
}

export interface Addon {
  /**
   * Returns the versions of OpenCV and FFmpeg, and the video back-ends that OpenCV was built with (GSTREAMER, V4L2, …). The last two are
   * getters: they load the libraries of the cameras, which the service otherwise does when a camera needs them.
   * @throws Error in these getters where such a library is missing
   */
  info(): { opencv: string; backends: string[]; ffmpeg: string };

  /**
   * Wraps pixels without copying them.
   * @param data interleaved 8-bit RGB, widthPx * heightPx * 3 bytes; the image keeps the buffer alive, and shows later changes of it
   * @returns an image that the caller must release
   */
  wrapRgb(data: Uint8Array, widthPx: number, heightPx: number): NativeImage;
  /** Scales the image into a tensor, with padding around it. @param out 3 * heightPx * widthPx floats, planar, which are all written */
  letterbox(image: NativeImage, out: Float32Array, options: LetterboxOptions): void;
  /** Warps the image into bytes. @param out heightPx * widthPx * 3 bytes, written as interleaved 8-bit RGB */
  warp(image: NativeImage, out: Uint8Array, options: WarpOptions): void;
  /** Warps the image into a tensor. @param out 3 * heightPx * widthPx floats, planar */
  warpToTensor(image: NativeImage, out: Float32Array, options: WarpOptions & TensorFormat): void;
  /**
   * Decodes a plain JPEG on this thread: sequential, one scan, grey or YCbCr, 80 to 2048 px a side, without Exif data and colour profile,
   * and with undamaged data (see isWholeJpeg). The memory of the pixels is used again after the image is released.
   * @returns an image that the caller must release; undefined for everything else: another kind of JPEG, a broken one, or no JPEG
   */
  decodeJpeg(bytes: Uint8Array): NativeImage | undefined;
  /**
   * Reads all data of any JPEG on this thread, whatever its size: the caller has checked its size and its scans.
   * @param cancelled ends the reading, with the result false, when another thread sets its first element to a number other than 0
   * @returns false where data are damaged or missing. Bytes that do not belong to the picture, and a missing end marker after the last
   * scan, are no damage.
   */
  isWholeJpeg(bytes: Uint8Array, cancelled?: Int32Array): boolean;
  /** Encodes an image as JPEG. @param quality 1..100 */
  encodeJpeg(image: NativeImage, quality: number, options?: JpegOptions): Buffer;
  /**
   * Decodes the primary picture of a HEIC file on this thread, with the libheif of the platform: upright, cropped and mirrored as the file has it.
   * Only the decoder process calls it, because the decoder is a large one that no deadline can interrupt.
   * @throws Error whose message says that the library or its decoder is not installed, or what is wrong with the file; it contains `pixel
   * limit` for a picture of more than maxPixels
   */
  decodeHeif(bytes: Uint8Array, maxPixels: number): HeifPicture;
  /** Number of native images of the whole process, all threads together, that were neither released nor garbage-collected. */
  liveImageCount(): number;

  /**
   * Opens a source on a separate thread, which keeps only the newest frame. With a file that is not played in real time it waits until
   * each frame was taken. Frames are rotated and cropped in the thread that takes them.
   * @param onChange called in the calling thread after a new frame or a new status; several changes may cause one call
   * @returns at once, a handle that is valid in every thread of the process until closeCapture
   */
  openCapture(options: CaptureOptions, onChange: () => void): number;
  /** Returns the state of a capture; `closed` after closeCapture. @throws RangeError for a number that was never a handle */
  captureState(handle: number): CaptureState;
  /**
   * Takes the newest frame of a capture.
   * @returns a frame that the caller must release; undefined when there is none whose number is greater than `after`
   * @throws RangeError for a number that was never a handle
   */
  captureFrame(handle: number, after: number): CapturedFrame | undefined;
  /** Stops the thread of a capture. Resolves when it has ended, or when it hangs beyond its time-out and is abandoned. A second call is harmless. */
  closeCapture(handle: number): Promise<void>;

  /**
   * Splits the body of an MJPEG stream into its pictures, as a capture of an HTTP stream does.
   * @param contentType value of the header Content-Type of the answer; it may be empty
   * @param chunks the body, in pieces of any length
   * @returns the JPEGs in their order, with the time stamps that the camera gave; they are not decoded
   * @throws RangeError where a picture is larger than 16 MiB
   */
  splitParts(contentType: string, chunks: readonly Uint8Array[]): StreamPart[];

  /**
   * Decodes a picture of a camera on this thread, as a capture of an HTTP stream does: any JPEG, turned as its Exif orientation says, or a
   * PNG; at most 40 million pixels, and 16,384 px a side.
   * @returns an image that the caller must release; undefined where the picture is damaged, cut short, too large or of another kind
   */
  decodeCameraPicture(bytes: Uint8Array): NativeImage | undefined;

  /**
   * Returns memory that the process has freed, but its allocator still holds, to the kernel. The work is done on a thread of the pool; for
   * some milliseconds an allocation of another thread may wait for it. Without glibc it does nothing.
   */
  trimMemory(): Promise<void>;
  /**
   * Has V8 collect the garbage of the calling thread, and give the memory of its heap that is free to the allocator: 10 ms for a heap of 20 MB. V8
   * itself waits for new objects, and a thread without work makes none. Freed buffers follow some milliseconds later; what was made while V8 had
   * begun a collection by itself is left to the next one.
   */
  collectGarbage(): void;
  /**
   * Drops the pages of code and constants that the program and its libraries have read. Those still in use come back from the page cache at
   * the next access; those that only the start needed do not.
   * @returns size of the dropped mappings in bytes, more than was resident
   */
  dropProgramPages(): number;

  /**
   * Finds the rows that are nearest to a probe: a scan of the int8 copies excludes those that the error proves to be too far away, and the
   * float32 vectors of the rest are multiplied in float64, with four sums side by side.
   * @param copy the probe as the copies are multiplied with it; 128 times the sum of its magnitudes must fit into 32 bits
   * @param probe the probe itself, of the same length
   * @param wanted 1 or more
   * @returns every row whose cosine is at least minCosine, and at least the `wanted`-th greatest one
   * @throws RangeError for a block whose arrays do not hold `count` rows
   */
  findNearestRows(
    blocks: readonly CopiedRows[],
    copy: Int16Array,
    probe: Float32Array,
    wanted: number,
    minCosine: number,
  ): NearestRows;

  /**
   * Finds the four lines that are edges over most of their length and enclose a face. It judges one picture: a window or a door behind a person
   * looks the same, and only movement tells them from a sheet.
   * @param grey grey levels of 160 x 160 px, with the face's box in the middle, upright, and 3.6 times as far from side to side
   * @param inside 1 for each of these pixels that is inside the picture
   * @returns undefined where no four lines enclose the face
   */
  findBorder(grey: Uint8Array, inside: Uint8Array): FoundBorder | undefined;

  /** Sends one datagram to systemd's notify socket. @param socketPath an absolute path, or '@' and an abstract name */
  sdNotify(socketPath: string, message: string): void;

  /** Returns the processor time that the calling thread has used, in milliseconds. Other threads and processes do not lengthen it. */
  threadCpuMs(): number;
}

/** Path of the addon that `scripts/build-native` makes: build/lintel.node under the project's root, two folders above src/native and dist/native. */
export const ADDON_PATH = fileURLToPath(new URL('../../build/lintel.node', import.meta.url));

/** Loads the addon. All threads that load it share the captures. @throws AppError ADDON_MISSING */
export function loadAddon(path: string = ADDON_PATH): Addon {
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new AppError('ADDON_MISSING', 'the native addon could not be loaded: build it with scripts/build-native', {
      cause,
    });
  }
}
