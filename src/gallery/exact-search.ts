// The exact search of blocks of rows: a scan with a known error names candidates, and float64 decides where the scan cannot.
import { CandidateList } from './candidate-list.js';
import type { CompareTies, Hits } from './candidate-list.js';
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

/**
 * Number of rows that a scan of a block asks for, learnt from the searches before. It decides how long a search takes, never what it finds:
 * a scan that was not deep enough is made again.
 */
export interface ScanDepth {
  /** Rows beyond the share of the block, for searches of few rows. */
  spare: number;
  /** Rows for one row of the share, for searches of many rows. */
  factor: number;
}

export const FIRST_DEPTH: Readonly<ScanDepth> = { spare: 32, factor: 1.75 };

/** A search of at least this many rows is one of many rows: most of its cosines stay those of a scan of float32 rows. */
const MANY = 256;
/** Rows that a first scan asks for, where minCosine may leave only few hits of many. */
const SHALLOW = 32;
/** Bisections that find the estimate of the last wanted row: after these, the rest of the interval holds hardly a row. */
const BISECTIONS = 30;

/**
 * Finds the nearest rows, and orders them as a float64 scan of all rows would: no row is left out unless the bound of its scan proves that
 * it is below the last row that is returned, or below minCosine.
 * @param blockRows rows of every block but the last one
 */
export function searchBlocks(
  blocks: readonly RowBlock[],
  blockRows: number,
  probe: Probe,
  search: IndexSearch,
  depth: ScanDepth,
): Hits {
  const { limit, minCosine, except } = search;
  const size = (blocks.length - 1) * blockRows + blocks.at(-1)!.size;
  const wanted = Math.min(size, limit + (except === undefined ? 0 : 1));
  const isMany = wanted >= MANY;
  const searched = blocks.map((block, i) => {
    const share = Math.ceil((wanted * block.size) / size);
    return new SearchedBlock(block, i * blockRows, probe, { share, isExact: !isMany });
  });
  const isShallow = isMany && minCosine > -1 && searched[0]!.scan(SHALLOW).excludes(minCosine);
  for (const block of searched) {
    if (isShallow) block.scan(SHALLOW);
    else block.scan(Math.ceil(isMany ? block.share * depth.factor : block.share + depth.spare));
  }
  const floor = isShallow ? minCosine : findFloor(searched, wanted, minCosine);
  const candidates = new CandidateList(blocks, blockRows, probe.vector);
  // Cosines end at -1: a row whose inner product is below -1 is no worse than one of -1.
  for (const block of searched) block.collect(floor <= -1 ? -Infinity : floor, candidates);
  if (!isShallow) learnDepth(depth, searched, isMany);
  return candidates.order(search);
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

function learnDepth(depth: ScanDepth, searched: readonly SearchedBlock[], isMany: boolean): void {
  if (!searched.every((block) => block.isOfCopy)) return;
  if (isMany) {
    const factor = Math.max(...searched.map((block) => block.candidates / block.share));
    depth.factor = Math.min(8, Math.max(1.25, factor * 1.1));
  } else {
    const spare = Math.max(...searched.map((block) => block.candidates - block.share));
    // Falls slowly: one scan too many costs more than some rows.
    depth.spare = Math.min(1024, Math.max(8, Math.ceil(spare * 1.25), Math.floor(depth.spare * 0.95)));
  }
}
