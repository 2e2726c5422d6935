// Work over many items in slices, between which other work gets its turn.
import { setImmediate as nextRound } from 'node:timers/promises';

/** Items of one slice. 50 faces of 512 numbers take about 3 ms to decode, and as long to seal (2026-11-28, x64 under load). */
const SLICE_ITEMS = 50;

export async function inSlices<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (const [i, item] of items.entries()) {
    if (i > 0 && i % SLICE_ITEMS === 0) await nextRound();
    work(item);
  }
}
