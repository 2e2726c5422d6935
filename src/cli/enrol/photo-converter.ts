// Photos that the REST API does not take as they are: other formats, and files that are too large. They become JPEGs that it takes.
import { describeFormat, detectFormat, type FileFormat } from '../../domain/file-format.js';
import type { Timers } from '../../domain/time.js';
import { AppError, clientError, describeError } from '../../errors.js';
import type { Addon, NativeImage } from '../../native/addon.js';
import { DecoderProcess } from '../../vision/decoder-process.js';
import {
  PHOTO_FORMATS,
  type DecodedPixels,
  type PhotoDecoder,
  type PictureDecoder,
} from '../../vision/picture-decoder.js';

/** Largest photo file, in bytes. A HEIC of 48 megapixels has 10 MB, and a PNG of them 80 MB at most. */
export const MAX_PHOTO_BYTES = 100_000_000;
/** Time for one photo. */
const TIMEOUT_MS = 60_000;
/** Qualities of the JPEG, tried one after the other until it is small enough. */
const QUALITIES = [95, 90, 80, 70];
const MIN_SIDE_PX = 80;

/** The decoder of photos, in a process of its own. */
export interface PhotoProcess extends PictureDecoder, PhotoDecoder {
  /** Ends the process at once; what it decodes fails. */
  abandon(): void;
}

export interface PhotoConverterOptions {
  addon: Addon;
  /** Largest picture that the service takes, in bytes. */
  maxImageBytes: number;
  timers: Timers;
  decoder?: PhotoProcess;
}

export class PhotoConverter {
  readonly #options: PhotoConverterOptions;
  readonly #decoder: PhotoProcess;
  /** Settles when the photo before has been decoded: the decoder takes one at a time. */
  #previous: Promise<unknown> = Promise.resolve();

  constructor(options: PhotoConverterOptions) {
    this.#options = options;
    this.#decoder = options.decoder ?? new DecoderProcess();
  }

  /**
   * Returns a file that the REST API takes: the same one where it is a JPEG or PNG that is small enough, else a JPEG of at most 2048 px a side.
   * @throws AppError INVALID_IMAGE_FORMAT, INVALID_IMAGE_FILE, IMAGE_TOO_LARGE: the reason for which this photo cannot be used; WORKER_FAILED
   */
  async prepare(file: Buffer): Promise<Buffer> {
    const { maxImageBytes } = this.#options;
    const format = detectFormat(file);
    if (isUploaded(format) && file.length <= maxImageBytes) return file;
    if (!format || !PHOTO_FORMATS.includes(format)) {
      if (file.length > maxImageBytes) throw createTooLargeError(file.length, maxImageBytes);
      const what = format ? describeFormat(format) : 'no picture in a known format';
      throw clientError('INVALID_IMAGE_FORMAT', `the file is ${what}; save the picture as JPEG or PNG`);
    }
    const image = await this.#takeTurn(() => this.#decode(file, format));
    try {
      return this.#encode(image, file.length);
    } finally {
      image.release();
    }
  }

  /** Ends the decoder. */
  close(): void {
    this.#decoder.abandon();
  }

  #takeTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#previous.then(work);
    this.#previous = turn.catch(() => undefined);
    return turn;
  }

  async #decode(file: Buffer, format: FileFormat): Promise<NativeImage> {
    const { addon, timers } = this.#options;
    let isOverdue = false;
    const timer = timers.setTimeout(() => {
      isOverdue = true;
      this.#decoder.abandon();
    }, TIMEOUT_MS);
    try {
      if (isUploaded(format)) {
        // Loaded here, so that the other commands work where a library cannot be loaded.
        const { decodePicture } = await import('../../vision/decode.js');
        return await decodePicture(file, addon, { decoder: this.#decoder });
      }
      return wrap(await this.#decoder.decodePhoto(file), addon);
    } catch (error) {
      if (error instanceof AppError) throw error;
      const reason = isOverdue ? `it takes longer than ${TIMEOUT_MS / 1_000} s` : describeError(error);
      const detail = `the ${format} picture cannot be decoded: ${reason}; you can save it as JPEG or PNG`;
      throw clientError('INVALID_IMAGE_FILE', detail, error);
    } finally {
      timers.clearTimeout(timer);
    }
  }

  #encode(image: NativeImage, fileBytes: number): Buffer {
    const { addon, maxImageBytes } = this.#options;
    for (const quality of QUALITIES) {
      const jpeg = addon.encodeJpeg(image, quality);
      if (jpeg.length <= maxImageBytes) return jpeg;
    }
    throw createTooLargeError(fileBytes, maxImageBytes);
  }
}

/** Tells whether a format is one that the REST API takes. */
function isUploaded(format: FileFormat | undefined): boolean {
  return format === 'JPEG' || format === 'PNG';
}

function wrap({ rgb, widthPx, heightPx }: DecodedPixels, addon: Addon): NativeImage {
  if (Math.min(widthPx, heightPx) < MIN_SIDE_PX) {
    throw clientError('INVALID_IMAGE_FILE', `the picture is smaller than ${MIN_SIDE_PX} x ${MIN_SIDE_PX} px`);
  }
  return addon.wrapRgb(rgb, widthPx, heightPx);
}

function createTooLargeError(bytes: number, maxBytes: number): AppError {
  return clientError('IMAGE_TOO_LARGE', `the file has ${bytes} bytes; at most ${maxBytes} are allowed`);
}
