// Searches of the vector index alone, at sizes and dimensions that no gallery on the disk is made for, against the bare exactSearch.
import { exactSearch, MetricKind } from 'usearch';
import { BIAS_LENGTH } from '../../src/domain/bias.js';
import { normalise } from '../../src/domain/embedding.js';
import { VectorIndex } from '../../src/gallery/vector-index.js';
import { makeUpEmbeddings } from './fill-gallery.js';
import { NearGraph } from './near-graph.js';
import { cpuTimed, interleavePairs } from './pairs.js';
import { median, pairedRatio, result, type Bound, type Result } from './report.js';

/** Cosine of a face to another picture of the same person, in the middle between a clear and a poor one. */
const SAME_PERSON = 0.6;
/** Cosine from which somebody is near. */
const NEAR = 0.45;

export interface IndexMeasurement {
  size: number;
  /** Dimensions of the embeddings. The index has the bias beside them, and the bare search has not. */
  dimensions: number;
  limits: readonly number[];
  rounds: number;
  bounds?: Partial<Record<number, Bound>>;
  /** Whether an HNSW graph is built and measured as well. */
  hasGraph: boolean;
}

/** Compares searches of an index with the bare exactSearch of float32, by processor time. */
export async function measureIndex(measurement: IndexMeasurement): Promise<Result[]> {
  const { size, dimensions, limits, rounds, bounds = {}, hasGraph } = measurement;
  const name = `${size >= 1e6 ? `${size / 1e6}m` : `${size / 1e3}k`}.d${dimensions}`;
  const index = new VectorIndex(dimensions + BIAS_LENGTH, { rows: size });
  const bare = new Float32Array(size * dimensions);
  const next = makeUpEmbeddings(1, dimensions);
  for (let row = 0; row < size; row++) {
    const embedding = next();
    bare.set(embedding, row * dimensions);
    index.append(joinZeros(embedding));
  }
  const nextProbe = makeUpEmbeddings(7, dimensions);
  const probes = Array.from({ length: 16 }, nextProbe);
  const results = [result(`index.${name}.copy`, Number(index.hasCopies), '1: has an int8 copy')];
  for (const limit of limits) {
    let round = 0;
    const count = Math.min(limit, size);
    const search = { limit, minCosine: -Infinity, compareTies: (a: number, b: number) => a - b };
    const pick = (): Float32Array => probes[round++ % probes.length]!;
    const pairs = await interleavePairs(
      rounds,
      cpuTimed(async () => index.search(joinZeros(pick()), search)),
      cpuTimed(async () => exactSearch(bare, pick(), dimensions, count, MetricKind.IP, 1)),
    );
    results.push(
      result(`index.bare.${name}.k${limit}`, median(pairs.map(({ b }) => b)), 'ms of processor time'),
      result(`index.${name}.k${limit}`, median(pairs.map(({ a }) => a)), 'ms of processor time'),
      pairedRatio(`index.ratio.${name}.k${limit}`, pairs, 'ratio', bounds[limit]),
    );
  }
  return hasGraph ? [...results, ...(await measureGraph(name, index, probes, rounds))] : results;
}

/**
 * Measures an HNSW graph for the question whether anybody is near: what building it costs, and the time of an answer by the graph first
 * (the exact search after it, where the graph names nobody) against that of the exact search alone.
 */
async function measureGraph(
  name: string,
  index: VectorIndex,
  strangers: readonly Float32Array[],
  rounds: number,
): Promise<Result[]> {
  const before = process.memoryUsage.rss();
  const start = process.cpuUsage();
  const graph = new NearGraph(index);
  for (let row = 0; row < index.size; row++) graph.add(row);
  const { user, system } = process.cpuUsage(start);
  const perRow = (process.memoryUsage.rss() - before) / index.size;
  const search = { limit: 1, minCosine: NEAR, compareTies: (a: number, b: number) => a - b };
  const exact = (probe: Float32Array): boolean => index.search(probe, search).rows.length > 0;
  const results = [
    result(`near.build.${name}.s`, (user + system) / 1e6, 's of processor time'),
    result(`near.memory.${name}`, perRow, 'bytes for each face'),
  ];
  const known = strangers.map((stranger, i) => resemble(index, (i * 7919) % index.size, stranger));
  const unknown = strangers.map(joinZeros);
  for (const [who, probes] of [
    ['known', known],
    ['unknown', unknown],
  ] as const) {
    let round = 0;
    const pick = (): Float32Array => probes[round++ % probes.length]!;
    const pairs = await interleavePairs(
      rounds,
      cpuTimed(async () => {
        const probe = pick();
        return graph.isAnybodyNear(probe, NEAR) ?? exact(probe);
      }),
      cpuTimed(async () => exact(pick())),
    );
    results.push(
      result(`near.${name}.${who}`, median(pairs.map(({ a }) => a)), 'ms of processor time'),
      pairedRatio(`near.ratio.${name}.${who}`, pairs, 'ratio to the exact search'),
    );
  }
  const found = known.filter((probe) => graph.isAnybodyNear(probe, NEAR)).length;
  return [...results, result(`near.recall.${name}`, found / known.length, 'of those who are near')];
}

/** Makes another face of the person in a row. */
function resemble(index: VectorIndex, row: number, stranger: Float32Array): Float32Array {
  const face = index.view(row);
  const rest = Math.sqrt(1 - SAME_PERSON ** 2);
  return joinZeros(normalise(stranger.map((value, i) => SAME_PERSON * face[i]! + rest * value)));
}

/** Joins an embedding and a bias of zeros. */
function joinZeros(embedding: Float32Array): Float32Array {
  const joined = new Float32Array(embedding.length + BIAS_LENGTH);
  joined.set(embedding);
  return joined;
}
