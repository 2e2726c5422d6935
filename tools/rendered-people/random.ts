// Random numbers and noise for rendered pictures. All of it follows from a seed, so that a picture can be rendered again.

/** Returns the next random number, in [0, 1). */
export type Random = () => number;

/** Hashes two integers to an unsigned 32-bit integer. */
export function hash(a: number, b: number): number {
  let h = Math.imul(a ^ 0x5bd1e995, 0x2c1b3c6d) ^ Math.imul(b + 0x3c6ef372, 0x297a2d39);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

/** Creates a generator. The same seed and purpose give the same numbers; different purposes give independent numbers. */
export function seededRandom(seed: number, purpose = 0): Random {
  let counter = 0;
  const key = hash(seed, purpose);
  return () => hash(key, counter++) / 4_294_967_296;
}

/** Draws a number uniformly from [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

/** Returns smooth noise at a point of the plane, on a lattice of step 1. @returns 0..1 */
export function valueNoise(x: number, y: number, seed: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const u = smooth(x - x0);
  const v = smooth(y - y0);
  const row = hash(y0, seed);
  const nextRow = hash(y0 + 1, seed);
  const top = hash(x0, row) * (1 - u) + hash(x0 + 1, row) * u;
  const bottom = hash(x0, nextRow) * (1 - u) + hash(x0 + 1, nextRow) * u;
  return (top * (1 - v) + bottom * v) / 4_294_967_296;
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

/** Returns 0 up to `from`, 1 beyond `to`, and a smooth transition between them. `from` may be greater than `to`. */
export function smoothstep(from: number, to: number, value: number): number {
  const t = (value - from) / (to - from);
  return t <= 0 ? 0 : t >= 1 ? 1 : smooth(t);
}

export function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}
