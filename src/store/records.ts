// Records as the parts of the store see them: sealed bytes under ordered keys.

/** One change within an atomic batch. Without a value it deletes. */
export interface Operation {
  readonly key: Buffer;
  readonly value?: Buffer;
  /** True when the value from before must leave the files of the database soon, see eraser.ts. */
  readonly erase?: boolean;
}

/** Bounds of a walk, in the order of bytes. */
export interface KeyRange<K extends Uint8Array = Uint8Array> {
  gt?: K;
  gte?: K;
  lt?: K;
  lte?: K;
  /** Maximum number of entries. */
  limit?: number;
  /** Begins at the greatest key. */
  reverse?: boolean;
}

export interface Records {
  get(key: Buffer): Promise<Buffer | undefined>;
  /** Returns the values in the order of the keys. */
  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  /** Yields keys and values in order, in chunks, as they were when the walk began. */
  entries(range: KeyRange<Buffer>): AsyncGenerator<[Buffer, Buffer][]>;
  /** Yields keys in order, in chunks, as they were when the walk began. */
  keys(range: KeyRange<Buffer>): AsyncGenerator<Buffer[]>;
}

/** Returns the range of all keys that begin with `prefix`. */
export function prefixRange(prefix: Buffer): { gte: Buffer; lt: Buffer } {
  return { gte: prefix, lt: findSuccessor(prefix) };
}

/** Returns the least key that is greater than every key with this prefix. */
function findSuccessor(prefix: Buffer): Buffer {
  const last = prefix.findLastIndex((byte) => byte < 0xff);
  if (last < 0) throw new TypeError('a prefix without a successor');
  const next = Buffer.from(prefix.subarray(0, last + 1));
  next.writeUInt8(next.readUInt8(last) + 1, last);
  return next;
}
