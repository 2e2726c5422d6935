// An HNSW graph of usearch for the question whether anybody is near a probe, as the gallery would use it: built to be measured.
import { Index, MetricKind, ScalarKind } from 'usearch';
import type { VectorIndex } from '../../src/gallery/vector-index.js';

/** Rows that the graph names for a probe. */
const NAMED = 4;
/** usearch would take all cores for one vector. */
const THREADS = 1;

/**
 * A graph over the rows of an index. It may say that somebody is near, since a named row is computed exactly; a graph that names nobody
 * has perhaps missed somebody, so that only the exact search may say "nobody".
 */
export class NearGraph {
  readonly #rows: VectorIndex;
  readonly #graph: Index;

  constructor(rows: VectorIndex) {
    this.#rows = rows;
    this.#graph = new Index({
      dimensions: rows.dimensions,
      metric: MetricKind.IP,
      quantization: ScalarKind.I8,
      connectivity: 16,
      expansion_add: 64,
      expansion_search: 64,
      multi: false,
    });
  }

  /** Adds a row of the index. */
  add(row: number): void {
    this.#graph.add(BigInt(row), this.#rows.vector(row), THREADS);
  }

  /** Tells whether a row reaches a cosine. @returns undefined where the graph names none: the exact search has to answer */
  isAnybodyNear(probe: Float32Array, cosine: number): true | undefined {
    const { keys } = this.#graph.search(probe, NAMED, THREADS);
    return keys.some((row) => this.#rows.cosine(Number(row), probe) >= cosine) || undefined;
  }
}
