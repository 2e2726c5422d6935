// Mutated pictures and texts from a seed: each one has a number, and the same seed and number give the same bytes.
import { seedRandom } from '../../test/hostile/files.js';
import { repairPng } from './repair-png.js';

/** Random choices of one mutation. */
export interface Dice {
  /** Returns a number 0..1. */
  next(): number;
  /** Returns a whole number 0..count - 1. */
  below(count: number): number;
  chance(share: number): boolean;
  pick<T>(values: readonly T[]): T;
}

/** Makes the choices of one number under a seed. */
export function rollDice(seed: number, number: number): Dice {
  // Neighbouring seeds of the generator begin alike: the numbers are spread, and the first results left out.
  const next = seedRandom(((seed * 7_919 + number * 104_729) % 2_147_483_629) + 1);
  for (let i = 0; i < 3; i++) next();
  const below = (count: number): number => Math.min(count - 1, Math.floor(next() * count));
  return { next, below, chance: (share) => next() < share, pick: (values) => values[below(values.length)]! };
}

type Mutator = (bytes: Buffer, dice: Dice, corpus: readonly Buffer[]) => Buffer;

/** Numbers at which counts, lengths and sizes are read wrongly. */
const ODD_BYTES = [
  0, 1, 2, 3, 4, 8, 0x10, 0x11, 0x7f, 0x80, 0xc0, 0xc2, 0xc4, 0xd0, 0xd8, 0xd9, 0xda, 0xdb, 0xdd, 0xe1, 0xfe, 0xff,
];

const flipBits: Mutator = (bytes, dice) => {
  const copy = Buffer.from(bytes);
  for (let left = 1 + dice.below(dice.chance(0.8) ? 4 : 100); left > 0; left--) {
    copy[dice.below(copy.length)]! ^= 1 << dice.below(8);
  }
  return copy;
};

/** Writes into the headers, where most of what a decoder decides upon is. */
const setBytes: Mutator = (bytes, dice) => {
  const copy = Buffer.from(bytes);
  const reach = dice.chance(0.7) ? Math.min(copy.length, 700) : copy.length;
  for (let left = 1 + dice.below(4); left > 0; left--) copy[dice.below(reach)] = dice.pick(ODD_BYTES);
  return copy;
};

const cut: Mutator = (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1));

const remove: Mutator = (bytes, dice) => {
  const from = dice.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + dice.below(60))]);
};

const repeat: Mutator = (bytes, dice) => {
  const from = dice.below(bytes.length);
  const piece = bytes.subarray(from, from + 1 + dice.below(200));
  const times = 1 + dice.below(dice.chance(0.9) ? 3 : 300);
  return Buffer.concat([bytes.subarray(0, from), ...new Array<Buffer>(times).fill(piece), bytes.subarray(from)]);
};

const insertNoise: Mutator = (bytes, dice) => {
  const at = dice.below(bytes.length + 1);
  const noise = Buffer.from(Array.from({ length: 1 + dice.below(40) }, () => dice.below(256)));
  return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
};

/** Goes on with another picture at some place. */
const splice: Mutator = (bytes, dice, corpus) => {
  const other = dice.pick(corpus);
  return Buffer.concat([bytes.subarray(0, dice.below(bytes.length)), other.subarray(dice.below(other.length))]);
};

/** Finds the marker segments of a JPEG, without its pixels. @returns begin and end of each */
function listSegments(bytes: Buffer): [from: number, to: number][] {
  const segments: [number, number][] = [];
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda;) {
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    segments.push([at, Math.min(end, bytes.length)]);
    at = end;
  }
  return segments;
}

/** Drops a segment of a JPEG, says it twice, or moves it. */
const shuffleSegments: Mutator = (bytes, dice) => {
  const segments = listSegments(bytes);
  if (segments.length === 0) return flipBits(bytes, dice, []);
  const [from, to] = dice.pick(segments);
  const segment = bytes.subarray(from, to);
  const without = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  if (dice.chance(0.3)) return without;
  const [at] = dice.pick(segments);
  const base = dice.chance(0.5) ? without : bytes;
  return Buffer.concat([base.subarray(0, at), segment, base.subarray(at)]);
};

const MUTATORS: readonly Mutator[] = [
  ...[flipBits, flipBits, setBytes, setBytes, setBytes],
  ...[cut, remove, repeat, insertNoise, splice, shuffleSegments],
];

/**
 * Makes the picture of one number: one of the corpus, changed in one to four ways. In most PNGs the checksums are then put right, since a
 * decoder looks no further where they are wrong.
 */
export function mutatePicture(corpus: readonly Buffer[], seed: number, number: number): Buffer {
  const dice = rollDice(seed, number);
  let bytes = dice.pick(corpus);
  for (let left = dice.chance(0.6) ? 1 : 2 + dice.below(3); left > 0 && bytes.length > 0; left--)
    bytes = dice.pick(MUTATORS)(bytes, dice, corpus);
  return dice.chance(0.8) ? repairPng(bytes) : bytes;
}
