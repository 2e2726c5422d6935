// The database as the parts of the store see it: sealed bytes under ordered keys.

/** One change within an atomic batch; without a value it deletes. */
export interface Operation {
  readonly key: Buffer;
  readonly value?: Buffer;
}

/** Bounds in the order of bytes; `limit` counts entries. */
export interface KeyRange<K extends Uint8Array = Uint8Array> {
  gt?: K;
  gte?: K;
  lt?: K;
  lte?: K;
  limit?: number;
  reverse?: boolean;
}

export interface Records {
  get(key: Buffer): Promise<Buffer | undefined>;
  /** In order, in chunks; each walk sees the database as it was when it began. */
  entries(range: KeyRange<Buffer>): AsyncGenerator<[Buffer, Buffer][]>;
  keys(range: KeyRange<Buffer>): AsyncGenerator<Buffer[]>;
}

/** The whole of the keys that begin with `prefix`. */
export function rangeOf(prefix: Buffer): { gte: Buffer; lt: Buffer } {
  return { gte: prefix, lt: successor(prefix) };
}

/** The least key that is greater than every key with this prefix. */
function successor(prefix: Buffer): Buffer {
  const next = Buffer.from(prefix);
  for (let i = next.length - 1; i >= 0; i--) {
    if (next[i] < 0xff) {
      next[i]++;
      return next.subarray(0, i + 1);
    }
  }
  throw new TypeError('a prefix without a successor');
}
