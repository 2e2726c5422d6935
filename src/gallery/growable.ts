// Typed arrays that grow, with spare room at the end.

const MIN_LENGTH = 64;

type Growable = Float32Array | Float64Array | Uint16Array | Uint8Array | Int8Array;

/**
 * Returns the array itself if it has `length` elements, otherwise a copy that is half as large again; the rest is 0.
 * @param most length that the copy does not exceed, unless `length` does; default: no limit
 */
export function growTo<T extends Growable>(array: T, length: number, most = Infinity): T {
  if (array.length >= length) return array;
  const capacity = Math.max(length, Math.min(most, Math.max(Math.ceil(array.length * 1.5), MIN_LENGTH)));
  const larger = new (array.constructor as new (length: number) => T)(capacity);
  larger.set(array);
  return larger;
}
