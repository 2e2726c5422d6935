// Search for people: one match for each person, by the mean of their faces or by a face that stands alone.
import type { Template } from '../domain/template.js';
import type { RecognisableRows } from './condition-column.js';
import type { SearchOptions } from './gallery.types.js';
import type { Persons } from './persons.js';
import { searchBySimilarity, type SimilarRows } from './similarity-search.js';
import type { VectorIndex } from './vector-index.js';

/** A search that is not complete yet asks for this number of times as many templates. */
const MORE = 4;
const NOTHING: SimilarRows = { rows: [], cosines: [], similarities: [] };

/** The faces of the group, by row. */
export interface SearchedFaces {
  index: VectorIndex;
  recognisable: RecognisableRows;
  persons: Persons;
  /** Returns the number of the face's enrolment. */
  sequence: (row: number) => number;
  /** Returns the key of the person of a face. */
  person: (row: number) => string;
}

/** A matched template. */
export interface MatchedTemplate {
  /** Rows of its faces. */
  rows: readonly number[];
  /** 0..100, not rounded. */
  similarity: number;
  cosine: number;
  /** Number of the first enrolment of its faces. */
  sequence: number;
}

/**
 * Finds the most similar people, each by the most similar template, as a comparison with all templates would. Equal similarities are
 * ordered by cosine, then by enrolment.
 */
export function searchTemplates(faces: SearchedFaces, probe: Template, options: SearchOptions): MatchedTemplate[] {
  for (let limit = options.limit; ; limit *= MORE) {
    const templates = findTemplates(faces, probe, { ...options, limit });
    const people = keepBestOfEach(templates, faces);
    if (people.length >= options.limit || templates.length < limit) return people.slice(0, options.limit);
  }
}

/** Finds the most similar templates, up to the limit. */
function findTemplates(faces: SearchedFaces, probe: Template, options: SearchOptions): MatchedTemplate[] {
  const { index, recognisable, persons, sequence } = faces;
  const firstSequence = (rows: readonly number[]): number => Math.min(...rows.map(sequence));
  const compareMeans = (a: number, b: number): number =>
    firstSequence(persons.mean(a).members) - firstSequence(persons.mean(b).members);
  const means = persons.index
    ? searchBySimilarity(persons.index, persons.findRecognisableMeans(), {
        ...options,
        probe,
        compareTies: compareMeans,
      })
    : NOTHING;
  // A face below the last mean that is wanted cannot be among the matches.
  const threshold = Math.max(options.threshold, floor(means.similarities[options.limit - 1] ?? 0));
  const alone =
    persons.aloneCount > 0
      ? searchBySimilarity(index, recognisable, {
          ...options,
          probe,
          threshold,
          isLeftOut: (row) => !persons.isAlone(row),
          compareTies: (a, b) => sequence(a) - sequence(b),
        })
      : NOTHING;
  const toMatch =
    ({ similarities, cosines }: SimilarRows, rows: (row: number) => readonly number[]) =>
    (row: number, i: number): MatchedTemplate => {
      const members = rows(row);
      return { rows: members, similarity: similarities[i]!, cosine: cosines[i]!, sequence: firstSequence(members) };
    };
  return [
    ...means.rows.map(toMatch(means, (row) => persons.mean(row).members)),
    ...alone.rows.map(toMatch(alone, (row) => [row])),
  ]
    .sort((a, b) => b.similarity - a.similarity || b.cosine - a.cosine || a.sequence - b.sequence)
    .slice(0, options.limit);
}

/** Returns a similarity that is not greater, and above which rounding cannot lift it. */
function floor(similarity: number): number {
  return Math.floor(similarity * 1e3) / 1e3;
}

function keepBestOfEach(templates: readonly MatchedTemplate[], { person }: SearchedFaces): MatchedTemplate[] {
  const best = new Map<string, MatchedTemplate>();
  for (const template of templates) {
    const key = person(template.rows[0]!);
    if (!best.has(key)) best.set(key, template);
  }
  return [...best.values()];
}
