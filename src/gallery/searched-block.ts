// One block of rows during a search: its scan, and the rows that the bound of the scan does not exclude.
import type { CandidateList } from './candidate-list.js';
import { clampedDot } from './inner-product.js';
import type { BlockScan, Probe, RowBlock } from './row-block.js';

/** A scan that is not deep enough is made again with this many times the rows. */
const DEEPER = 4;
/**
 * Part of a block from which the candidates of an int8 scan cost more than a scan of the float32 rows: 100,000 x 144 took 3.4 ms with
 * 600 candidates of 32,768 rows, and 8 ms with 2,300 (2026-11, x64); the float32 rows take 3 ms and 5 ms.
 */
const MOST_CANDIDATES = 1 / 32;
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
  #isOfCopy = false;
  /** Rows of the scan, from its beginning, that no bound excludes, and whose places in the candidates are known. */
  #candidates = 0;
  /** Cosines of the first rows of the scan, or of all rows of the block where there is no scan. */
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

  /** Scans the block, of its copy where it has one. @param count number of rows that are asked for */
  scan(count: number): this {
    this.#cosines = new Float64Array(0);
    if (this.#block.hasCopy && count <= this.#block.size * MOST_CANDIDATES) {
      this.#isOfCopy = true;
      this.#scan = this.#block.scanCopy(this.#probe, count);
    } else {
      this.#scanFloats(Math.min(count, Math.ceil(this.share * 1.1) + 16));
    }
    return this;
  }

  #scanFloats(count: number): void {
    this.#isOfCopy = false;
    this.#cosines = new Float64Array(0);
    const { size } = this.#block;
    if (size >= FEW_ROWS && count <= size * MOST_SCANNED) {
      this.#scan = this.#block.scanFloats(this.#probe, count);
      return;
    }
    this.#scan = undefined;
    this.#cosines = Float64Array.from({ length: size }, (_, row) => this.#cosine(row));
    this.#sorted = this.#cosines.toSorted();
  }

  get isOfCopy(): boolean {
    return this.#isOfCopy;
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

  /** Number of rows that the bound did not exclude. */
  get candidates(): number {
    return this.#candidates;
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
    if (!this.#isOfCopy) return this.#estimate(count - 1) - this.error;
    const cosines = this.#rank(this.#scan.rows.subarray(0, count));
    this.#cosines = cosines;
    return cosines.reduce((least, cosine) => Math.min(least, cosine), Infinity);
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
        this.#candidates = end;
        this.#collectScanned(scan, end, floor, candidates);
        return;
      }
      if (this.#isOfCopy && count * DEEPER <= this.#block.size * MOST_CANDIDATES) this.scan(count * DEEPER);
      else this.#scanFloats(this.#isOfCopy ? Math.ceil(this.share * 1.1) + 16 : count * DEEPER);
    }
  }

  #collectScanned(scan: BlockScan, end: number, floor: number, candidates: CandidateList): void {
    if (!this.#isOfCopy && !this.#isExact) {
      candidates.addScan(scan, end, this.#firstRow);
      return;
    }
    const ranked = this.#cosines.length;
    for (let i = 0; i < Math.min(ranked, end); i++) candidates.add(this.#firstRow + scan.rows[i]!, this.#cosines[i]!);
    const places: number[] = [];
    for (let i = ranked; i < end; i++) {
      // The bound of the scan covers its worst row. That of the row itself may exclude it.
      const error = this.#isOfCopy ? this.#block.boundRowError(this.#probe, scan.rows[i]!) : scan.error;
      if (!(this.#estimate(i) + error < floor)) places.push(i);
    }
    const rows = Uint32Array.from(places, (place) => scan.rows[place]!);
    this.#rank(rows).forEach((cosine, i) => candidates.add(this.#firstRow + rows[i]!, cosine));
  }

  #estimate(i: number): number {
    return this.#scan!.scale * (1 - this.#scan!.distances[i]!);
  }

  #rank(rows: Uint32Array): Float64Array {
    const cosines = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i++) cosines[i] = this.#cosine(rows[i]!);
    return cosines;
  }

  #cosine(row: number): number {
    const { vector } = this.#probe;
    return clampedDot(this.#block.rows, row * vector.length, vector);
  }
}
