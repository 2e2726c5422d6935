// Search by similarity: the vector index finds rows by corrected cosine; rows that are not recognisable never match.
import { joinNegatedBias } from '../domain/bias.js';
import { cosineFloor, roundSimilarity } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import type { RecognisableRows } from './condition-column.js';
import type { Hits, VectorIndex } from './vector-index.js';

/** A search that is not complete yet asks for this number of times as many rows. */
const MORE = 4;

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
    if (found.rows.length === limit || hits.rows.length < asked) return found;
    // The rows of `hits` are in order: those that fell below the threshold by rounding are at the end.
    const last = hits.cosines.at(-1);
    if (last === undefined || roundSimilarity(scales.scale.fromCosine(last)) < threshold) return found;
  }
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
