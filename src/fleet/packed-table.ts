// A table of values of a fixed size by random id, packed into 256 sorted buckets: 1,000,000 records take little more than their bytes.
import { FLEET_ID_BYTES } from './record-seal.js';

export const BUCKETS = 256;

/** Changes of a bucket that wait until they are merged into its bytes. */
const MAX_WAITING = 512;
const EMPTY = Buffer.alloc(0);

const ID = /^[0-9a-f]{32}$/;

/** Returns whether a text is an id of the fleet: FLEET_ID_BYTES in hexadecimal. */
export function isFleetId(text: string): boolean {
  return ID.test(text);
}

/** Returns the bucket of a record: the first byte of its random id. @param id hexadecimal */
export function findBucket(id: string): number {
  return parseInt(id.slice(0, 2), 16);
}

/** Ids are FLEET_ID_BYTES in hexadecimal. */
export class PackedTable {
  readonly #valueBytes: number;
  readonly #entryBytes: number;
  /** Per bucket: id and value of each entry, in the order of the ids. The bytes of a bucket are never changed, but replaced. */
  readonly #packed: Buffer[];
  /** Per bucket: changes since it was packed; undefined for an entry that is deleted. */
  readonly #waiting: Map<string, Buffer | undefined>[];
  #size: number;

  /** @param from table whose content this one begins with; the two share its bytes until one of them changes */
  constructor(valueBytes: number, from?: PackedTable) {
    this.#valueBytes = valueBytes;
    this.#entryBytes = FLEET_ID_BYTES + valueBytes;
    this.#packed = Array.from({ length: BUCKETS }, (_, bucket) => from?.encode(bucket) ?? EMPTY);
    this.#waiting = Array.from({ length: BUCKETS }, () => new Map<string, Buffer | undefined>());
    this.#size = from?.size ?? 0;
  }

  get size(): number {
    return this.#size;
  }

  get(id: string): Buffer | undefined {
    const bucket = findBucket(id);
    const waiting = this.#waiting[bucket]!;
    if (waiting.has(id)) return waiting.get(id);
    return findPacked(this.#packed[bucket]!, id, this.#valueBytes);
  }

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  set(id: string, value: Buffer): void {
    if (value.length !== this.#valueBytes || id.length !== 2 * FLEET_ID_BYTES) {
      throw new TypeError('an id or a value of another length');
    }
    if (!this.has(id)) this.#size++;
    this.#change(id, value);
  }

  /** @returns whether there was such an entry */
  delete(id: string): boolean {
    if (!this.has(id)) return false;
    this.#size--;
    this.#change(id, undefined);
    return true;
  }

  /** Returns the entries of a bucket: id and value, one after the other, in the order of the ids. The bytes must not be changed. */
  encode(bucket: number): Buffer {
    this.#merge(bucket);
    return this.#packed[bucket]!;
  }

  /** Replaces a bucket by bytes like those of `encode`, which are in order: see `isPacked`. */
  replace(bucket: number, encoded: Buffer): void {
    this.#size += (encoded.length - this.encode(bucket).length) / this.#entryBytes;
    this.#packed[bucket] = encoded;
  }

  /** Yields the entries of a bucket in the order of their ids. */
  *entries(bucket: number): Generator<[id: string, value: Buffer]> {
    const packed = this.encode(bucket);
    for (let at = 0; at < packed.length; at += this.#entryBytes) {
      yield [
        packed.toString('hex', at, at + FLEET_ID_BYTES),
        packed.subarray(at + FLEET_ID_BYTES, at + this.#entryBytes),
      ];
    }
  }

  #change(id: string, value: Buffer | undefined): void {
    const bucket = findBucket(id);
    const waiting = this.#waiting[bucket]!;
    waiting.set(id, value);
    if (waiting.size >= MAX_WAITING) this.#merge(bucket);
  }

  #merge(bucket: number): void {
    const waiting = this.#waiting[bucket]!;
    if (waiting.size === 0) return;
    const packed = this.#packed[bucket]!;
    const parts: Buffer[] = [];
    let from = 0;
    for (const [id, value] of [...waiting].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const key = Buffer.from(id, 'hex');
      const at = findPlace(packed, key, this.#entryBytes);
      parts.push(packed.subarray(from, at));
      if (value) parts.push(key, value);
      from = isAt(packed, at, key) ? at + this.#entryBytes : at;
    }
    parts.push(packed.subarray(from));
    this.#packed[bucket] = Buffer.concat(parts);
    waiting.clear();
  }
}

/** Returns whether bytes are a bucket of this number: whole entries, in order, each of this bucket. */
export function isPacked(bucket: number, encoded: Buffer, valueBytes: number): boolean {
  const entryBytes = FLEET_ID_BYTES + valueBytes;
  if (encoded.length % entryBytes !== 0) return false;
  for (let at = 0; at < encoded.length; at += entryBytes) {
    if (encoded[at] !== bucket) return false;
    if (at > 0 && compareIds(encoded, at - entryBytes, encoded, at) >= 0) return false;
  }
  return true;
}

/** Finds the value of an id in the bytes of a bucket. */
export function findPacked(packed: Buffer, id: string, valueBytes: number): Buffer | undefined {
  const key = Buffer.from(id, 'hex');
  const at = findPlace(packed, key, FLEET_ID_BYTES + valueBytes);
  if (!isAt(packed, at, key)) return undefined;
  return packed.subarray(at + FLEET_ID_BYTES, at + FLEET_ID_BYTES + valueBytes);
}

/** Returns where an entry begins, or would begin. */
function findPlace(packed: Buffer, key: Buffer, entryBytes: number): number {
  let low = 0;
  let high = packed.length / entryBytes;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareIds(packed, middle * entryBytes, key, 0) < 0) low = middle + 1;
    else high = middle;
  }
  return low * entryBytes;
}

function isAt(packed: Buffer, at: number, key: Buffer): boolean {
  return at < packed.length && compareIds(packed, at, key, 0) === 0;
}

function compareIds(a: Buffer, aAt: number, b: Buffer, bAt: number): number {
  return a.compare(b, bAt, bAt + FLEET_ID_BYTES, aAt, aAt + FLEET_ID_BYTES);
}
