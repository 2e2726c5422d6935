// Randomness of the demo pictures: everything follows from a seed, so that a picture can be made again.

/** Numbers in [0, 1), the same ones for the same seed. */
export type Random = () => number;

/** Scrambles two integers into an unsigned 32-bit one. */
export function hash(a: number, b: number): number {
  let h = Math.imul(a ^ 0x5bd1e995, 0x2c1b3c6d) ^ Math.imul(b + 0x3c6ef372, 0x297a2d39);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

/** A generator of its own for each seed and purpose; streams of different purposes do not disturb each other. */
export function seededRandom(seed: number, purpose = 0): Random {
  let counter = 0;
  const key = hash(seed, purpose);
  return () => hash(key, counter++) / 4_294_967_296;
}

/** Uniform in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

/** Smooth noise over the plane with a period of 1 in both directions of the lattice. @returns 0..1 */
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

/** 0 up to `from`, 1 beyond `to`, smooth between; `from` may be the greater one. */
export function smoothstep(from: number, to: number, value: number): number {
  const t = (value - from) / (to - from);
  return t <= 0 ? 0 : t >= 1 ? 1 : smooth(t);
}

export function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}
