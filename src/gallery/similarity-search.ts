// Search by similarity: the vector index finds candidates by cosine, and the scale of each pair decides.
import { CONDITION_CLASSES } from '../domain/condition.js';
import { cosineFloor, roundSimilarity } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { SimilarityScale } from '../domain/similarity.js';
import type { Template } from '../domain/template.js';
import type { RowClasses } from './condition-column.js';
import type { Hits, VectorIndex } from './vector-index.js';

/** A search that is not certain yet asks for this number of times as many candidates. */
const MORE = 4;
/** Cosine that is far above the rounding errors of a scale, and far below the difference of two faces. */
const TOLERANCE = 1e-9;

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
  /** Orders rows of equal similarity and cosine; negative: a comes first. */
  compareTies: (a: number, b: number) => number;
}

/**
 * Finds the most similar rows, as a scan of all rows would. Equal similarities are ordered by cosine. A row of another condition may need
 * a greater cosine for the same similarity, so the nearest rows are not always the most similar ones: candidates are asked for until the
 * order is certain. Where all rows have one condition, the first attempt is.
 */
export function searchBySimilarity(index: VectorIndex, classes: RowClasses, search: SimilaritySearch): SimilarRows {
  const { probe, limit, threshold, except, compareTies } = search;
  const scales = listScales(classes, search);
  const inForce = scales.filter((scale) => scale !== undefined);
  if (inForce.length === 0 || limit < 1) return { rows: [], cosines: [], similarities: [] };
  // Below this cosine no scale in force gives the wanted similarity.
  let minCosine = Math.min(...inForce.map((scale) => cosineFloor(scale, threshold)));
  for (let asked = limit; ; asked *= MORE) {
    const options = { limit: asked, minCosine, compareTies, ...(except !== undefined && { except }) };
    const hits = index.search(probe.embedding, options);
    // The index orders exactly, but its cosines are rounded: across two scales the order needs exact ones.
    if (inForce.length > 1) hits.cosines = hits.rows.map((row) => index.cosine(row, probe.embedding));
    const found = selectMatches(hits, scales, classes.codes, search);
    const last = hits.cosines.at(-1);
    if (last === undefined || hits.rows.length < asked) return found;
    const worst = found.similarities[limit - 1];
    if (worst === undefined) continue;
    // No row beyond the last candidate is more similar than its cosine makes it on the most generous scale.
    if (worst >= Math.max(...inForce.map((scale) => scale.fromCosine(last)))) return found;
    minCosine = Math.max(minCosine, Math.min(...inForce.map((scale) => scale.toCosine(worst))) - TOLERANCE);
  }
}

/** Returns the scale by the code of the row's class; undefined where no row has the class, or such a pair never matches. */
function listScales({ counts }: RowClasses, { probe, scales }: SimilaritySearch): (SimilarityScale | undefined)[] {
  const own = scales.classify(probe.condition);
  return CONDITION_CLASSES.map((other, code) => (counts[code] === 0 ? undefined : scales.between(own, other)));
}

/** Returns the candidates that match, up to the limit. */
function selectMatches(
  hits: Hits,
  scales: readonly (SimilarityScale | undefined)[],
  codes: Uint8Array,
  { limit, threshold, isLeftOut, compareTies }: SimilaritySearch,
): SimilarRows {
  const found: SimilarRows = { rows: [], cosines: [], similarities: [] };
  let isSorted = true;
  let previous = Infinity;
  for (let i = 0; i < hits.rows.length; i++) {
    const row = hits.rows[i]!;
    const cosine = hits.cosines[i]!;
    const similarity = scales[codes[row]!]?.fromCosine(cosine);
    if (similarity === undefined || roundSimilarity(similarity) < threshold || isLeftOut?.(row) === true) continue;
    found.rows.push(row);
    found.cosines.push(cosine);
    found.similarities.push(similarity);
    isSorted &&= similarity <= previous;
    previous = similarity;
  }
  // Candidates of one condition come in the order of their similarity.
  return isSorted ? cut(found, limit) : sortRows(found, limit, compareTies);
}

function cut({ rows, cosines, similarities }: SimilarRows, limit: number): SimilarRows {
  rows.length = cosines.length = similarities.length = Math.min(rows.length, limit);
  return { rows, cosines, similarities };
}

function sortRows(
  { rows, cosines, similarities }: SimilarRows,
  limit: number,
  compareTies: SimilaritySearch['compareTies'],
): SimilarRows {
  const places = rows.map((_, place) => place);
  places.sort(
    (a, b) => similarities[b]! - similarities[a]! || cosines[b]! - cosines[a]! || compareTies(rows[a]!, rows[b]!),
  );
  places.length = Math.min(places.length, limit);
  return {
    rows: places.map((place) => rows[place]!),
    cosines: places.map((place) => cosines[place]!),
    similarities: places.map((place) => similarities[place]!),
  };
}
