// Sources of a request's picture: base64 in the body, a URL, or a file of a form.
import { clientError, type AppError } from '../../errors.js';
import { createTooLargeError, decodeBase64, type DecodedText } from './base64.js';

/** The picture that a request gives. Only the request uses the bytes of a file, and the whole ArrayBuffer that holds them. */
export type ImageInput = { url: string } | { bytes: string | LongBase64 } | { file: Uint8Array };

/** A long base64 text of a JSON body, which was decoded while the body was read. */
export class LongBase64 {
  readonly #picture: Uint8Array | undefined;
  readonly #problem: AppError | undefined;

  constructor(decoded: DecodedText) {
    this.#picture = 'bytes' in decoded ? decoded.bytes : undefined;
    this.#problem = 'problem' in decoded ? decoded.problem : undefined;
  }

  /** Returns the picture. @throws AppError INVALID_IMAGE_BYTES, IMAGE_TOO_LARGE */
  read(): Uint8Array {
    if (this.#picture) return this.#picture;
    throw this.#problem ?? new TypeError('a text is either decoded or refused');
  }
}

export interface ImageSource {
  /**
   * @param cancelled ends the fetch of a URL when it is aborted
   * @returns the bytes of the file, not yet examined. They belong to the caller alone, together with their whole ArrayBuffer, and may be
   * transferred to another thread.
   * @throws AppError IMAGE_TOO_LARGE, INVALID_IMAGE_BYTES, INVALID_IMAGE_FORMAT, INVALID_IMAGE_URL, IMAGE_TIMEOUT, SERVER_BUSY; the
   * reason of `cancelled`
   */
  load(input: ImageInput, cancelled?: AbortSignal): Promise<Uint8Array>;
}

export interface ImageLoaderOptions {
  maxImageBytes: number;
  /** Fetches the picture of a URL. @throws like ImageSource.load */
  fetcher: { fetch(url: string, cancelled?: AbortSignal): Promise<Uint8Array> };
}

export class ImageLoader implements ImageSource {
  readonly #options: ImageLoaderOptions;

  constructor(options: ImageLoaderOptions) {
    this.#options = options;
  }

  async load(input: ImageInput, cancelled?: AbortSignal): Promise<Uint8Array> {
    const { maxImageBytes, fetcher } = this.#options;
    if ('bytes' in input) {
      const { bytes } = input;
      return typeof bytes === 'string' ? decodeBase64(bytes, maxImageBytes) : bytes.read();
    }
    const bytes = 'file' in input ? input.file : await fetcher.fetch(input.url, cancelled);
    if (bytes.length > maxImageBytes) throw createTooLargeError(maxImageBytes);
    if (bytes.length === 0) throw clientError('INVALID_IMAGE_FORMAT', 'The picture is an empty file.');
    return bytes;
  }
}

/** Makes the source of the pictures in a body that was too long to be read. It refuses each one as too large. */
export function createOversizeImages(maxImageBytes: number): ImageSource {
  return {
    load: async () => {
      const detail = `The request is too long: a picture may have at most ${maxImageBytes} bytes.`;
      throw clientError('IMAGE_TOO_LARGE', detail);
    },
  };
}
