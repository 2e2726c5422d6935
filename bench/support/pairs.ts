// Pairs of measurements that are taken in turns (A B B A ...), so that both sides see the same state of a shared machine.

/** One measurement of each of two sides, taken one directly after the other. */
export interface Pair {
  a: number;
  b: number;
}

/** Measures once. @returns a time or another figure, in the same unit on both sides */
export type Measure = () => Promise<number>;

/**
 * Measures two sides in turns: A B, then B A, and so on, so that neither side always comes first. A tenth of the rounds, at least one, is run before
 * them and not counted.
 * @param a side whose figure is the numerator of the ratio
 * @param b reference
 */
export async function interleavePairs(rounds: number, a: Measure, b: Measure): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let round = -Math.ceil(rounds / 10); round < rounds; round++) {
    const isAFirst = round % 2 === 0;
    const first = await (isAFirst ? a : b)();
    const second = await (isAFirst ? b : a)();
    if (round >= 0) pairs.push(isAFirst ? { a: first, b: second } : { a: second, b: first });
  }
  return pairs;
}

/** Makes a measurement of the time that work takes, in ms of wall clock. */
export function timed(work: () => Promise<unknown>): Measure {
  return async () => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
}

/** Makes a measurement of the processor time of this process while work runs, all threads together, in ms. */
export function cpuTimed(work: () => Promise<unknown>): Measure {
  return async () => {
    const start = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  };
}
