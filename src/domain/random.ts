// Numbers for samples: the same seed gives the same sample. Not for secrets.

/** Returns a generator of numbers from 0 to below 1 (mulberry32). @param seed a whole number; its lowest 32 bits count */
export function createSampler(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
