// Search by similarity: the vector index finds rows by corrected cosine; rows that are not recognisable never match.
import { joinBias, joinNegatedBias, MASK_BIAS, SAME_PICTURE_COSINE } from '../domain/bias.js';
import { cosineFloor, roundSimilarity } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import type { RecognisableRows } from './condition-column.js';
import type { Hits } from './candidate-list.js';
import type { VectorIndex } from './vector-index.js';

/** A search that is not complete yet asks for this number of times as many rows. */
const MORE = 4;
/** Rows that are asked for beyond the limit, so that one of the probe's own picture is among them. */
const SPARE = 8;

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
  const bias = measureBias(probe);
  const leastCosine = cosineFloor(scales.scale, threshold);
  // A row of the probe's own picture has its bias, with or without that of the mask.
  const minCosine = Math.min(leastCosine, SAME_PICTURE_COSINE - bias * (bias + MASK_BIAS));
  for (let asked = bias > 0 ? limit + SPARE : limit; ; asked *= MORE) {
    const options = { limit: asked, minCosine, compareTies, ...(except !== undefined && { except }) };
    const hits = index.search(query, options);
    const last = hits.cosines.at(-1) ?? -Infinity;
    const isAll = hits.rows.length < asked;
    if (bias > 0) raiseSamePictures(hits, index, search);
    const found = selectMatches(hits, recognisable.flags, search);
    // Rows beyond the last one match no better than it does.
    if (isAll || found.rows.length === limit || roundSimilarity(scales.scale.fromCosine(last)) < threshold)
      return found;
  }
}

/** Returns the length of a bias; 0 where none is known. */
function measureBias({ condition }: Template): number {
  return Math.hypot(...(condition?.bias ?? []));
}

/** Gives the rows of the probe's own picture their plain cosine, as correctedCosine does, and the places for it. */
function raiseSamePictures(hits: Hits, index: VectorIndex, { probe, compareTies }: SimilaritySearch): void {
  const plainQuery = joinBias({ embedding: probe.embedding });
  let hasRisen = false;
  const cosines = hits.rows.map((row, i) => {
    const plain = index.cosine(row, plainQuery);
    if (plain < SAME_PICTURE_COSINE) return hits.cosines[i]!;
    hasRisen = true;
    return plain;
  });
  if (!hasRisen) return;
  const { rows } = hits;
  const places = rows.map((_, place) => place);
  places.sort((a, b) => cosines[b]! - cosines[a]! || compareTies(rows[a]!, rows[b]!));
  hits.rows = places.map((place) => rows[place]!);
  hits.cosines = places.map((place) => cosines[place]!);
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
