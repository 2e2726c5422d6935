// Reads FlatBuffers that nobody has checked: every offset is checked before it is followed, and the work is limited by the size of the file.
import { AppError } from '../../errors.js';

/** Bytes of a reference to a table, a vector or a string. */
const REFERENCE_BYTES = 4;
/** A layout begins with its own size and the size of the table, two bytes each. */
const LAYOUT_HEADER_BYTES = 4;
/** Greatest number of tables, vectors and strings. Each becomes an object of some hundred bytes, and the largest model of the manifest has 4,430. */
const MAX_PARTS = 500_000;

/**
 * A table of a FlatBuffer. Its fields are numbered in the order of the schema, from 0; a field that the file leaves out has its default.
 * All methods throw AppError MODEL_INVALID where the file is damaged.
 */
export class FlatTable {
  readonly #buffer: CheckedBuffer;
  readonly #at: number;
  readonly #layout: number;
  readonly #layoutBytes: number;

  private constructor(buffer: CheckedBuffer, at: number) {
    this.#buffer = buffer;
    this.#at = at;
    buffer.countPart();
    // A table begins with the distance back to its layout: the layout's size, the table's size, and the place of each field.
    this.#layout = at - buffer.int32(at);
    this.#layoutBytes = buffer.uint16(this.#layout);
    buffer.require(this.#layout, this.#layoutBytes);
  }

  /** Opens the table at the root of a FlatBuffer, whose bytes it reads in place. */
  static open(bytes: Uint8Array): FlatTable {
    const buffer = new CheckedBuffer(bytes);
    return new FlatTable(buffer, buffer.follow(0));
  }

  int32(field: number, fallback = 0): number {
    const at = this.#find(field);
    return at === undefined ? fallback : this.#buffer.int32(at);
  }

  int64(field: number, fallback = 0): number {
    const at = this.#find(field);
    return at === undefined ? fallback : this.#buffer.int64(at);
  }

  float32(field: number, fallback = 0): number {
    const at = this.#find(field);
    return at === undefined ? fallback : this.#buffer.float32(at);
  }

  /** Returns an empty text where the field is absent. */
  string(field: number): string {
    const at = this.#find(field);
    return at === undefined ? '' : this.#buffer.string(this.#buffer.follow(at));
  }

  table(field: number): FlatTable | undefined {
    const at = this.#find(field);
    return at === undefined ? undefined : new FlatTable(this.#buffer, this.#buffer.follow(at));
  }

  tables(field: number): FlatTable[] {
    return this.#elements(field, REFERENCE_BYTES).map((at) => new FlatTable(this.#buffer, this.#buffer.follow(at)));
  }

  strings(field: number): string[] {
    return this.#elements(field, REFERENCE_BYTES).map((at) => this.#buffer.string(this.#buffer.follow(at)));
  }

  int64s(field: number): number[] {
    return this.#elements(field, 8).map((at) => this.#buffer.int64(at));
  }

  /** Returns the bytes of a vector, which share the memory of the file. @param elementBytes size of one element */
  bytes(field: number, elementBytes = 1): Uint8Array {
    const at = this.#find(field);
    return at === undefined ? new Uint8Array(0) : this.#buffer.vector(this.#buffer.follow(at), elementBytes);
  }

  /** Returns the place of a field; undefined where the file leaves it out. */
  #find(field: number): number | undefined {
    const entry = LAYOUT_HEADER_BYTES + 2 * field;
    if (entry + 2 > this.#layoutBytes) return undefined;
    const offset = this.#buffer.uint16(this.#layout + entry);
    return offset === 0 ? undefined : this.#at + offset;
  }

  /** Returns the places of a vector's elements. */
  #elements(field: number, elementBytes: number): number[] {
    const at = this.#find(field);
    if (at === undefined) return [];
    const start = this.#buffer.follow(at);
    const count = this.#buffer.vector(start, elementBytes).length / elementBytes;
    return Array.from({ length: count }, (_, i) => start + REFERENCE_BYTES + i * elementBytes);
  }
}

/** The bytes of a file, with a check before each access. */
class CheckedBuffer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /**
   * Bytes of vectors and strings that may still be read. A file that was written honestly contains each of them once; in a damaged one,
   * many references can lead to the same long vector.
   */
  #left: number;
  #parts = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#left = bytes.length;
  }

  require(at: number, length: number): void {
    if (at < 0 || length > this.#bytes.length - at) throw damaged('a reference leads out of the file');
  }

  countPart(): void {
    if (++this.#parts > MAX_PARTS) throw damaged(`it has more than ${MAX_PARTS} parts`);
  }

  uint16(at: number): number {
    this.require(at, 2);
    return this.#view.getUint16(at, true);
  }

  int32(at: number): number {
    this.require(at, 4);
    return this.#view.getInt32(at, true);
  }

  int64(at: number): number {
    this.require(at, 8);
    const value = Number(this.#view.getBigInt64(at, true));
    if (!Number.isSafeInteger(value)) throw damaged('a number is out of range');
    return value;
  }

  float32(at: number): number {
    this.require(at, 4);
    return this.#view.getFloat32(at, true);
  }

  /** Returns the place to which the reference at this place leads. References lead forward only, so that nothing contains itself. */
  follow(at: number): number {
    this.require(at, REFERENCE_BYTES);
    const distance = this.#view.getUint32(at, true);
    if (distance === 0) throw damaged('a reference leads nowhere');
    this.require(at, distance);
    return at + distance;
  }

  /** Returns the bytes of the vector that begins at this place with the number of its elements. */
  vector(at: number, elementBytes: number): Uint8Array {
    this.countPart();
    this.require(at, REFERENCE_BYTES);
    const length = this.#view.getUint32(at, true) * elementBytes;
    const start = at + REFERENCE_BYTES;
    this.require(start, length);
    this.#left -= length;
    if (this.#left < 0) throw damaged('its parts contain more than the whole file');
    return this.#bytes.subarray(start, start + length);
  }

  string(at: number): string {
    return Buffer.from(this.vector(at, 1)).toString('utf8');
  }
}

function damaged(reason: string): AppError {
  return new AppError('MODEL_INVALID', `the file is no ESP-DL model, or it is damaged: ${reason}`);
}
