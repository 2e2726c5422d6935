// Search by similarity: the vector index finds rows by corrected cosine; rows that are not recognisable never match.
import { joinBias, joinNegatedBias, SAME_PICTURE_COSINE } from '../domain/bias.js';
import { cosineFloor, roundSimilarity } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import type { RecognisableRows } from './condition-column.js';
import type { Hits, VectorIndex } from './vector-index.js';

/** A search that is not complete yet asks for this number of times as many rows. */
const MORE = 4;
/** Corrected cosine below which a row cannot be of the probe's own picture: biases are shorter than 0.8. */
const LEAST_OF_SAME_PICTURE = 0.35;

/** Matches, most similar first. */
export interface SimilarRows extends Hits {
  /** 0..100, not rounded. */
  similarities: number[];
}

export interface SimilaritySearch {
  probe: Template;
  scales: SimilarityScales;
  limit: number;
  /** Reported similarity that a match reaches, 0..100. */
  threshold: number;
  /** Row that is left out. */
  except?: number | undefined;
  /** Tells which rows are left out besides. */
  isLeftOut?: ((row: number) => boolean) | undefined;
  /** Orders rows of equal cosine; negative: a comes first. */
  compareTies: (a: number, b: number) => number;
}

/** Finds the most similar rows, as a scan of all rows would. */
export function searchBySimilarity(
  index: VectorIndex,
  recognisable: RecognisableRows,
  search: SimilaritySearch,
): SimilarRows {
  const { probe, scales, limit, threshold, except, compareTies } = search;
  if (limit < 1 || recognisable.count === 0 || !scales.isRecognisable(probe.condition)) {
    return { rows: [], cosines: [], similarities: [] };
  }
  const query = joinNegatedBias(probe);
  const minCosine = cosineFloor(scales.scale, threshold);
  // Where rows are left out, the nearest ones often are among them. More candidates cost less than a second search.
  for (let asked = search.isLeftOut ? limit * MORE + 128 : limit; ; asked *= MORE) {
    const options = { limit: asked, minCosine, compareTies, ...(except !== undefined && { except }) };
    const hits = index.search(query, options);
    const found = selectMatches(hits, recognisable.flags, search);
    raiseSamePictures(found, index, search);
    if (found.rows.length === limit || hits.rows.length < asked) return found;
    // The rows of `hits` are in order: those that fell below the threshold by rounding are at the end.
    const last = hits.cosines.at(-1);
    if (last === undefined || roundSimilarity(scales.scale.fromCosine(last)) < threshold) return found;
  }
}

/**
 * Gives the rows of the probe's own picture their plain cosine, as correctedCosine does, and the first places. Even with the greatest biases
 * they are among the nearest rows.
 */
function raiseSamePictures(
  found: SimilarRows,
  index: VectorIndex,
  { probe, scales, compareTies }: SimilaritySearch,
): void {
  if (!probe.condition?.bias) return;
  const query = joinBias({ embedding: probe.embedding });
  let hasRisen = false;
  for (let i = 0; i < found.rows.length && found.cosines[i]! >= LEAST_OF_SAME_PICTURE; i++) {
    const plain = index.cosine(found.rows[i]!, query);
    if (plain < SAME_PICTURE_COSINE) continue;
    found.cosines[i] = plain;
    found.similarities[i] = scales.scale.fromCosine(plain);
    hasRisen = true;
  }
  if (!hasRisen) return;
  const places = found.rows.map((_, place) => place);
  const { rows, cosines, similarities } = found;
  places.sort((a, b) => cosines[b]! - cosines[a]! || compareTies(rows[a]!, rows[b]!));
  found.rows = places.map((place) => rows[place]!);
  found.cosines = places.map((place) => cosines[place]!);
  found.similarities = places.map((place) => similarities[place]!);
}

/** Returns the rows that match, up to the limit. */
function selectMatches(
  hits: Hits,
  flags: Uint8Array,
  { scales, limit, threshold, isLeftOut }: SimilaritySearch,
): SimilarRows {
  const found: SimilarRows = { rows: [], cosines: [], similarities: [] };
  for (let i = 0; i < hits.rows.length && found.rows.length < limit; i++) {
    const row = hits.rows[i]!;
    const cosine = hits.cosines[i]!;
    const similarity = scales.scale.fromCosine(cosine);
    if (flags[row] !== 1 || roundSimilarity(similarity) < threshold || isLeftOut?.(row) === true) continue;
    found.rows.push(row);
    found.cosines.push(cosine);
    found.similarities.push(similarity);
  }
  return found;
}
