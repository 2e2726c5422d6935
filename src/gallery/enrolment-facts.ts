// The short forms of quality and origin in a stored face, and the column of the enrolment facts of the rows of an index.
import type { EnrolmentFacts, FaceOrigin } from './gallery.types.js';
import { growTo } from './growable.js';

const QUALITY_STEPS = 10_000;
const NO_QUALITY = 0xffff;
/** Bytes of the origins. Records hold them: a byte never gets another meaning. */
const ORIGIN_BYTES: Readonly<Record<FaceOrigin, number>> = { nhn: 1, camera: 2, file: 3, bulk: 4, stranger: 5 };
const NO_ORIGIN = 0;
const ORIGINS = new Map(Object.entries(ORIGIN_BYTES).map(([origin, byte]) => [byte, origin as FaceOrigin]));
/** 1 January 1970: no face was enrolled then. */
const NO_TIME = 0;

/** Encodes a quality in 16 bits, in steps of 0.0001. */
export function encodeQuality(quality: number | undefined): number {
  return quality === undefined ? NO_QUALITY : Math.round(quality * QUALITY_STEPS);
}

/** Decodes what encodeQuality wrote. @returns NaN for bits that are no quality */
export function decodeQuality(bits: number): number | undefined {
  if (bits === NO_QUALITY) return undefined;
  return bits <= QUALITY_STEPS ? bits / QUALITY_STEPS : Number.NaN;
}

/** Encodes an origin in one byte. */
export function encodeOrigin(origin: FaceOrigin | undefined): number {
  return origin === undefined ? NO_ORIGIN : ORIGIN_BYTES[origin];
}

/** Decodes what encodeOrigin wrote. @throws TypeError: the byte is no origin */
export function decodeOrigin(byte: number): FaceOrigin | undefined {
  const origin = ORIGINS.get(byte);
  if (origin === undefined && byte !== NO_ORIGIN) throw new TypeError('the byte is no origin of a face');
  return origin;
}

/**
 * Rows are numbered as in VectorIndex: a removal moves the last row into the gap. A row takes 11 bytes.
 */
export class EnrolmentColumn {
  /** Epoch, ms; NO_TIME where it is not known. */
  #times: Float64Array;
  #qualities: Uint16Array;
  #origins: Uint8Array;
  #size = 0;

  /** @param rows number of rows for which memory is reserved */
  constructor(rows = 0) {
    this.#times = new Float64Array(rows);
    this.#qualities = new Uint16Array(rows);
    this.#origins = new Uint8Array(rows);
  }

  append({ enrolledAtMs = NO_TIME, quality, origin }: EnrolmentFacts): void {
    const row = this.#size++;
    this.#times = growTo(this.#times, this.#size);
    this.#qualities = growTo(this.#qualities, this.#size);
    this.#origins = growTo(this.#origins, this.#size);
    this.#times[row] = enrolledAtMs;
    this.#qualities[row] = encodeQuality(quality);
    this.#origins[row] = encodeOrigin(origin);
  }

  remove(row: number): void {
    const last = --this.#size;
    this.#times[row] = this.#times[last]!;
    this.#qualities[row] = this.#qualities[last]!;
    this.#origins[row] = this.#origins[last]!;
  }

  time(row: number): number | undefined {
    const time = this.#times[row]!;
    return time === NO_TIME ? undefined : time;
  }

  quality(row: number): number | undefined {
    return decodeQuality(this.#qualities[row]!);
  }

  origin(row: number): FaceOrigin | undefined {
    return decodeOrigin(this.#origins[row]!);
  }
}
