// The exact search of blocks of rows: a scan with a known error names candidates, and float64 decides where the scan cannot.
import { loadAddon, type Addon } from '../native/addon.js';
import { CandidateList } from './candidate-list.js';
import type { CompareTies, Hits } from './candidate-list.js';
import type { CopiedProbe } from './int8-copy.js';
import type { Probe, RowBlock } from './row-block.js';
import { SearchedBlock } from './searched-block.js';

export interface IndexSearch {
  limit: number;
  minCosine: number;
  /** Row that is left out of the hits. */
  except?: number;
  /** Orders rows of equal cosine; negative: a comes first. */
  compareTies: CompareTies;
}

/** A search of at least this many rows is one of many rows: most of its cosines stay those of a scan of float32 rows. */
const MANY = 256;
/** Rows that a first scan asks for, where minCosine may leave only few hits of many. */
const SHALLOW = 32;
/** Rows that a first scan asks for beyond its share: rows are not spread evenly, and the bound leaves a few more. */
const MORE_THAN_SHARE = 1.1;
const SPARE = 16;
/** Bisections that find the estimate of the last wanted row: after these, the rest of the interval holds hardly a row. */
const BISECTIONS = 30;

/**
 * Finds the nearest rows, and orders them as a float64 scan of all rows would: no row is left out unless the bound of its scan proves that
 * it is below the last row that is returned, or below minCosine.
 * @param blockRows rows of every block but the last one
 */
export function searchBlocks(blocks: readonly RowBlock[], blockRows: number, probe: Probe, search: IndexSearch): Hits {
  const size = (blocks.length - 1) * blockRows + blocks.at(-1)!.size;
  const wanted = Math.min(size, search.limit + (search.except === undefined ? 0 : 1));
  const candidates = new CandidateList(blocks, blockRows, probe.vector);
  if (probe.copy) searchCopies(blocks, probe.vector, probe.copy, { wanted, minCosine: search.minCosine }, candidates);
  else searchFloats(blocks, blockRows, probe, { wanted, minCosine: search.minCosine, size }, candidates);
  return candidates.order(search);
}

let addon: Addon | undefined;

interface Wanted {
  wanted: number;
  minCosine: number;
}

/** Finds the nearest rows by a scan of their int8 copies. */
function searchCopies(
  blocks: readonly RowBlock[],
  vector: Float32Array,
  copy: CopiedProbe,
  { wanted, minCosine }: Wanted,
  candidates: CandidateList,
): void {
  addon ??= loadAddon();
  const described = blocks.map((block) => block.describeCopy(copy));
  const { rows, cosines } = addon.findNearestRows(described, copy.values, vector, wanted, minCosine);
  candidates.addAll(rows, cosines);
}

/** Finds the nearest rows by scans of usearch. */
function searchFloats(
  blocks: readonly RowBlock[],
  blockRows: number,
  probe: Probe,
  { wanted, minCosine, size }: Wanted & { size: number },
  candidates: CandidateList,
): void {
  const isMany = wanted >= MANY;
  const searched = blocks.map((block, i) => {
    const share = Math.ceil((wanted * block.size) / size);
    return new SearchedBlock(block, i * blockRows, probe, { share, isExact: !isMany });
  });
  const isShallow = isMany && minCosine > -1 && searched[0]!.scan(SHALLOW).excludes(minCosine);
  for (const block of searched) block.scan(isShallow ? SHALLOW : Math.ceil(block.share * MORE_THAN_SHARE) + SPARE);
  const floor = isShallow ? minCosine : findFloor(searched, wanted, minCosine);
  // Cosines end at -1: a row whose inner product is below -1 is no worse than one of -1.
  for (const block of searched) block.collect(floor <= -1 ? -Infinity : floor, candidates);
}

/**
 * Returns a cosine that every hit reaches: minCosine, or the least one of as many rows as are wanted, those with the greatest estimates.
 */
function findFloor(searched: readonly SearchedBlock[], wanted: number, minCosine: number): number {
  const countFrom = (estimate: number): number => searched.reduce((sum, block) => sum + block.countFrom(estimate), 0);
  let least = Math.min(...searched.map((block) => block.lastEstimate));
  let above = Math.max(...searched.map((block) => block.firstEstimate));
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (least + above) / 2;
    if (countFrom(middle) >= wanted) least = middle;
    else above = middle;
  }
  if (searched.every((block) => least + block.error < minCosine)) return minCosine;
  const bound = Math.min(...searched.map((block) => block.boundFrom(least)));
  // A sum that overflowed proves nothing.
  return Number.isFinite(bound) ? Math.max(minCosine, bound) : minCosine;
}
