// One block of rows during a search: its scan, and the rows that the bound of the scan does not exclude.
import type { CandidateList } from './candidate-list.js';
import { clampedDot } from './inner-product.js';
import type { BlockScan, Probe, RowBlock } from './row-block.js';

/** A scan that is not deep enough is made again with this many times the rows. */
const DEEPER = 4;
/** Part of a block from which computing all inner products costs less than a scan that sorts them. */
const MOST_SCANNED = 1 / 2;
/** Blocks below this size are not scanned: the call of usearch costs as much as 64 inner products. */
const FEW_ROWS = 64;

export class SearchedBlock {
  /** Rows of the block among the wanted ones, if they are spread evenly. */
  readonly share: number;
  readonly #block: RowBlock;
  readonly #firstRow: number;
  readonly #probe: Probe;
  readonly #isExact: boolean;
  /** Undefined: every row is ranked. */
  #scan: BlockScan | undefined;
  /** Cosines of all rows of the block, where there is no scan. */
  #cosines: Float64Array = new Float64Array(0);
  /** The cosines in ascending order, where there is no scan. */
  #sorted: Float64Array = new Float64Array(0);

  /** @param isExact whether every candidate gets its cosine in float64 */
  constructor(
    block: RowBlock,
    firstRow: number,
    probe: Probe,
    { share, isExact }: { share: number; isExact: boolean },
  ) {
    this.#block = block;
    this.#firstRow = firstRow;
    this.#probe = probe;
    this.share = share;
    this.#isExact = isExact;
  }

  /** Scans the block. @param count number of rows that are asked for, at most all are found */
  scan(count: number): this {
    this.#cosines = new Float64Array(0);
    const { size } = this.#block;
    if (size >= FEW_ROWS && count <= size * MOST_SCANNED) {
      this.#scan = this.#block.scanFloats(this.#probe, count);
      return this;
    }
    this.#scan = undefined;
    this.#cosines = Float64Array.from({ length: size }, (_, row) => this.#cosine(row));
    this.#sorted = this.#cosines.toSorted();
    return this;
  }

  /** Bound of the errors of the estimates. */
  get error(): number {
    return this.#scan?.error ?? 0;
  }

  get firstEstimate(): number {
    return this.#scan ? this.#estimate(0) : this.#sorted.at(-1)!;
  }

  get lastEstimate(): number {
    return this.#scan ? this.#estimate(this.#scan.rows.length - 1) : this.#sorted[0]!;
  }

  /** Tells whether no row that is missing in the scan reaches a cosine. */
  excludes(cosine: number): boolean {
    return this.#scan === undefined || this.lastEstimate + this.error < cosine;
  }

  /** Returns the number of rows of the scan whose estimates reach a number. */
  countFrom(estimate: number): number {
    const count = this.#scan ? this.#scan.rows.length : this.#sorted.length;
    let from = 0;
    let to = count;
    while (from < to) {
      const middle = (from + to) >> 1;
      const value = this.#scan ? this.#estimate(middle) : this.#sorted[count - 1 - middle]!;
      if (value >= estimate) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Returns a bound that the cosines of all rows reach whose estimates reach a number; Infinity where there are none. */
  boundFrom(estimate: number): number {
    const count = this.countFrom(estimate);
    if (count === 0) return Infinity;
    if (!this.#scan) return this.#sorted.at(-count)!;
    return this.#estimate(count - 1) - this.error;
  }

  /** Collects all rows that the bound does not prove to be below the floor. */
  collect(floor: number, candidates: CandidateList): void {
    for (;;) {
      const scan = this.#scan;
      if (!scan) {
        this.#cosines.forEach((cosine, row) => {
          if (cosine >= floor) candidates.add(this.#firstRow + row, cosine);
        });
        return;
      }
      const count = scan.rows.length;
      const end = this.countFrom(floor - scan.error);
      if (end < count || count === this.#block.size) {
        this.#collectScanned(scan, end, candidates);
        return;
      }
      this.scan(count * DEEPER);
    }
  }

  #collectScanned(scan: BlockScan, end: number, candidates: CandidateList): void {
    if (!this.#isExact) {
      candidates.addScan(scan, end, this.#firstRow);
      return;
    }
    for (const row of scan.rows.subarray(0, end)) candidates.add(this.#firstRow + row, this.#cosine(row));
  }

  #estimate(i: number): number {
    return this.#scan!.scale * (1 - this.#scan!.distances[i]!);
  }

  #cosine(row: number): number {
    const { vector } = this.#probe;
    return clampedDot(this.#block.rows, row * vector.length, vector);
  }
}
