// Columns that grow: typed arrays with room to spare.

const MIN_LENGTH = 64;

/** The array itself where it has `length` elements, else a copy half as large again; the rest is 0. */
export function grown<T extends Float32Array | Float64Array>(array: T, length: number): T {
  if (array.length >= length) return array;
  const capacity = Math.max(length, Math.ceil(array.length * 1.5), MIN_LENGTH);
  const larger = new (array.constructor as new (length: number) => T)(capacity);
  larger.set(array);
  return larger;
}
