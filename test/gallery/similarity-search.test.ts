// Search by similarity against a scan of all rows: mixed conditions, limits, thresholds, removals.
import { describe, expect, test } from 'vitest';
import type { FaceCondition } from '../../src/domain/condition.js';
import { BIAS_LENGTH, correctedCosine, joinBias } from '../../src/domain/bias.js';
import { compareTemplates, roundSimilarity } from '../../src/domain/reported-similarity.js';
import type { Template } from '../../src/domain/template.js';
import { ConditionColumn } from '../../src/gallery/condition-column.js';
import { searchBySimilarity, type SimilaritySearch } from '../../src/gallery/similarity-search.js';
import { VectorIndex } from '../../src/gallery/vector-index.js';
import { randomNumbers } from '../store/values.js';
import { BLURRED, CLEAR, conditionScales as scales, MASKED, WEAK, withBias } from './conditions.js';
import { randomEmbedding } from './faces.js';

const CONDITIONS = [CLEAR, withBias(WEAK, 0.4), withBias(MASKED, 0.1, 0.5), BLURRED, undefined] as const;
/** Few dimensions: the cosines fill -1..1, as those of one person's faces and of strangers do together. */
const DIMENSIONS = 6;

interface Row {
  template: Template;
  sequence: number;
}

class Rows {
  readonly index = new VectorIndex(DIMENSIONS + BIAS_LENGTH);
  readonly conditions = new ConditionColumn();
  readonly rows: Row[] = [];
  #sequence = 0;

  add(embedding: Float32Array, condition: FaceCondition | undefined): void {
    const template = { embedding, ...(condition && { condition }) };
    this.index.append(joinBias(template));
    this.conditions.append(condition);
    this.rows.push({ template, sequence: ++this.#sequence });
  }

  remove(row: number): void {
    this.index.remove(row);
    this.conditions.remove(row);
    this.rows[row] = this.rows.at(-1)!;
    this.rows.pop();
  }

  search(options: Omit<SimilaritySearch, 'compareTies' | 'scales'>): { row: number; similarity: number }[] {
    const compareTies = (a: number, b: number): number => this.rows[a]!.sequence - this.rows[b]!.sequence;
    const found = searchBySimilarity(this.index, this.conditions.findRecognisable(scales), {
      ...options,
      scales,
      compareTies,
    });
    return found.rows.map((row, i) => ({ row, similarity: roundSimilarity(found.similarities[i]!) }));
  }

  /** The same by the book. */
  scan({ probe, limit, threshold, except, isLeftOut }: Omit<SimilaritySearch, 'compareTies' | 'scales'>) {
    return this.rows
      .flatMap(({ template, sequence }, row) => {
        const mayMatch = scales.isRecognisable(template.condition) && scales.isRecognisable(probe.condition);
        if (!mayMatch || row === except || isLeftOut?.(row)) return [];
        const cosine = correctedCosine(template, probe);
        const exact = scales.scale.fromCosine(cosine);
        return [{ row, sequence, cosine, exact, similarity: roundSimilarity(exact) }];
      })
      .filter(({ similarity }) => similarity >= threshold)
      .sort((a, b) => b.exact - a.exact || b.cosine - a.cosine || a.sequence - b.sequence)
      .slice(0, limit)
      .map(({ row, similarity }) => ({ row, similarity }));
  }
}

describe('a search among rows of mixed conditions finds what a scan finds', () => {
  test.each([1, 2, 3, 4, 5, 6])('whatever is added and removed (seed %i)', (seed) => {
    const random = randomNumbers(seed);
    const pick = (): FaceCondition | undefined => CONDITIONS[Math.floor(random() * CONDITIONS.length)];
    const rows = new Rows();
    let matches = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 12; i++) {
        // Every fifth face is there already, maybe in another condition: equal cosines.
        const twin = rows.rows[Math.floor(random() * rows.rows.length)];
        const embedding = twin && random() < 0.2 ? twin.template.embedding : randomEmbedding(random, DIMENSIONS);
        rows.add(embedding, pick());
      }
      for (let i = 0; i < 3; i++) rows.remove(Math.floor(random() * rows.rows.length));
      const condition = pick();
      const search = {
        probe: { embedding: randomEmbedding(random, DIMENSIONS), ...(condition && { condition }) },
        limit: [1, 2, 5, 20, 4_096][Math.floor(random() * 5)]!,
        threshold: [0, 1, 30, 60, 90][Math.floor(random() * 5)]!,
        ...(random() < 0.5 && { except: Math.floor(random() * rows.rows.length) }),
        ...(random() < 0.3 && { isLeftOut: (row: number) => rows.rows[row]!.sequence % 3 === 0 }),
      };
      const found = rows.search(search);
      const expected = rows.scan(search);
      expect(found.map(({ row }) => row)).toEqual(expected.map(({ row }) => row));
      found.forEach(({ similarity }, i) => expect(similarity).toBeCloseTo(expected[i]!.similarity, 3));
      matches += found.length;
    }
    expect(matches).toBeGreaterThan(100);
  });

  test('even where the nearest rows are not recognisable, or owe their cosine to their condition', () => {
    const rows = new Rows();
    const axis = Float32Array.of(1, 0, 0, 0, 0, 0);
    const at = (cosine: number): Float32Array => Float32Array.of(cosine, Math.sqrt(1 - cosine ** 2), 0, 0, 0, 0);
    for (let i = 0; i < 500; i++) rows.add(at(0.7 - i * 1e-5), withBias(MASKED, 0.5));
    for (let i = 0; i < 500; i++) rows.add(at(0.9), BLURRED);
    rows.add(at(0.6), CLEAR);
    const search = { probe: { embedding: axis, condition: withBias(CLEAR, 0.4) }, limit: 2, threshold: 30 };
    expect(rows.search(search)).toEqual([
      { row: 1_000, similarity: 60 },
      { row: 0, similarity: 50 },
    ]);
  });
});

test('a row or a probe that is not recognisable matches nobody', () => {
  const rows = new Rows();
  const embedding = randomEmbedding(randomNumbers(9), DIMENSIONS);
  rows.add(embedding, BLURRED);
  const search = { limit: 10, threshold: 0 };
  expect(rows.search({ ...search, probe: { embedding, condition: CLEAR } })).toEqual([]);
  rows.add(embedding, CLEAR);
  expect(rows.search({ ...search, probe: { embedding, condition: BLURRED } })).toEqual([]);
  expect(rows.search({ ...search, probe: { embedding, condition: CLEAR } })).toHaveLength(1);
  expect(compareTemplates({ embedding, condition: BLURRED }, { embedding, condition: CLEAR }, scales)).toBe(0);
  expect(compareTemplates({ embedding, condition: CLEAR }, { embedding }, scales)).toBeCloseTo(100, 3);
});
