// The newest JPEGs of one camera, shared by all viewers: each frame is encoded at most once for each size and quality.
import type { Clock } from '../domain/time.js';
import type { EncodedFrame, EncodeOptions } from '../vision/vision.js';

/**
 * Age up to which a JPEG is given to a further viewer in place of a newer frame. So viewers of the same picture together ask for no more
 * frames than the fastest of them.
 */
export const SHARED_MS = 100;
/** Limit of sizes and qualities that are kept; beyond it the one that was asked for first is forgotten. */
const MAX_SHARED = 4;

/** A JPEG, with the time at which its encoding began, in epoch milliseconds. */
export interface SharedPicture extends EncodedFrame {
  encodedAtMs: number;
}

export interface PictureShareParts {
  /** Returns the newest frame; undefined when there is none newer than `after`. */
  encode: (options: EncodeOptions) => Promise<EncodedFrame | undefined>;
  clock: Clock;
}

type Encoding = { after: number; result: Promise<SharedPicture | undefined> };

/** The last JPEG of one size and quality, and the encoding that is under way. */
interface Shared {
  picture?: SharedPicture;
  encoding?: Encoding;
}

export class PictureShare {
  readonly #parts: PictureShareParts;
  #shared = new Map<string, Shared>();

  constructor(parts: PictureShareParts) {
    this.#parts = parts;
  }

  /** Returns the newest frame, or one that is at most SHARED_MS old; undefined when there is none newer than `after`. */
  async take(options: EncodeOptions): Promise<SharedPicture | undefined> {
    const shared = this.#findShared(options);
    const { picture } = shared;
    const nowMs = this.#parts.clock();
    const ageMs = picture ? nowMs - picture.encodedAtMs : Infinity;
    if (picture && picture.frameNumber > options.after && ageMs >= 0 && ageMs <= SHARED_MS) return picture;
    // An encoding takes the frame that is newest when its turn comes, so one that waits for its turn serves this viewer as well.
    const isServed = shared.encoding && (picture !== undefined || shared.encoding.after <= options.after);
    const encoding = isServed && shared.encoding ? shared.encoding : this.#begin(shared, options, nowMs);
    const found = (await encoding.result) ?? (this.#isKept(shared) ? shared.picture : undefined);
    return found && found.frameNumber > options.after ? found : undefined;
  }

  /** Forgets all pictures: the camera was closed, or its stream changed. */
  forget(): void {
    this.#shared = new Map();
  }

  #begin(shared: Shared, options: EncodeOptions, nowMs: number): Encoding {
    // A frame that is encoded already is not encoded again; with boxes it is, because they have moved.
    const encoded = options.boxes.length === 0 ? (shared.picture?.frameNumber ?? 0) : 0;
    const after = Math.max(options.after, encoded);
    const encode = async (): Promise<SharedPicture | undefined> => {
      try {
        const frame = await this.#parts.encode({ ...options, after });
        if (!frame || !this.#isKept(shared)) return undefined;
        shared.picture = { ...frame, encodedAtMs: nowMs };
        return shared.picture;
      } finally {
        if (shared.encoding === encoding) delete shared.encoding;
      }
    };
    const encoding: Encoding = { after, result: Promise.resolve().then(encode) };
    shared.encoding = encoding;
    return encoding;
  }

  #isKept(shared: Shared): boolean {
    return [...this.#shared.values()].includes(shared);
  }

  #findShared({ quality, maxWidthPx, boxes }: EncodeOptions): Shared {
    const key = `${quality} ${maxWidthPx} ${boxes.length > 0}`;
    const shared = this.#shared.get(key) ?? {};
    this.#shared.set(key, shared);
    const [first] = this.#shared.keys();
    if (this.#shared.size > MAX_SHARED && first !== undefined) this.#shared.delete(first);
    return shared;
  }
}
