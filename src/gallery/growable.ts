// Typed arrays that grow, with spare room at the end.

const MIN_LENGTH = 64;

/** Returns the array itself if it has `length` elements, otherwise a copy that is half as large again; the rest is 0. */
export function growTo<T extends Float32Array | Float64Array | Uint8Array>(array: T, length: number): T {
  if (array.length >= length) return array;
  const capacity = Math.max(length, Math.ceil(array.length * 1.5), MIN_LENGTH);
  const larger = new (array.constructor as new (length: number) => T)(capacity);
  larger.set(array);
  return larger;
}
