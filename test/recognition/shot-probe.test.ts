// What a shot is searched by: which shots are averaged, and that no single shot decides through the others.
import { describe, expect, test } from 'vitest';
import { normalise } from '../../src/domain/embedding.js';
import { compareTemplates } from '../../src/domain/reported-similarity.js';
import { averageFaces, type Template } from '../../src/domain/template.js';
import { createShotProbes, judgeSimilarity, type AveragedShot } from '../../src/recognition/shot-probe.js';
import { CLEAR, conditionScales, MASKED } from '../gallery/conditions.js';
import { present } from '../support/present.js';
import { scales } from './door.js';

/** A shot of a person: cosines with the axes of three people. */
function shot(cosines: readonly number[], rest: Partial<AveragedShot> = {}): AveragedShot {
  const [x = 0, y = 0, z = 0] = cosines;
  return {
    embedding: Float32Array.of(x, y, z, Math.sqrt(Math.max(0, 1 - x * x - y * y - z * z))),
    quality: 0.8,
    ...rest,
  };
}

const anna = { embedding: Float32Array.of(1, 0, 0, 0) };
const withAnna = (template: Template): number => compareTemplates(template, anna, scales);
/** Similarity with anna of each shot of a track, in order. */
const judged = (shots: readonly AveragedShot[]): number[] =>
  shots.map((one, i) => judgeSimilarity(createShotProbes(one, shots.slice(0, i), scales).own, 90, withAnna));

describe('the shots that are averaged', () => {
  test('are the alike ones, weighted by quality', () => {
    const shots = [shot([0.5, 0.1]), shot([0.4, 0.2], { quality: 0.4 }), shot([0.45, 0.1])] as const;
    const { own } = createShotProbes(shots[2], shots.slice(0, 2), scales);
    expect(own.shots.map(({ weight }) => weight)).toEqual([0.8, 0.8, 0.4]);
    expect(own.mean).toEqual(averageFaces(own.shots));
  });

  test('are not those of another person in the same place', () => {
    const before = [shot([0.95, 0]), shot([0.94, 0])];
    const after = shot([0, 0.95]);
    const { own } = createShotProbes(after, before, scales);
    expect(own.shots).toHaveLength(1);
    expect(own.mean.faces).toBeUndefined();
    expect(own.mean.embedding).toEqual(after.embedding);
  });

  test('are all bare, or all masked', () => {
    const bare = shot([0.9], { condition: CLEAR });
    const masked = shot([0.9], { condition: MASKED });
    expect(createShotProbes(masked, [bare], conditionScales).own.shots).toHaveLength(1);
    expect(createShotProbes(masked, [bare, masked], conditionScales).own.shots).toHaveLength(2);
  });

  test('are averaged under every model version that has all of them', () => {
    const others = (x: number) => new Map([['older', { embedding: Float32Array.of(x, Math.sqrt(1 - x * x)) }]]);
    const first = shot([0.5], { others: others(0.9) });
    const without = shot([0.5]);
    const probes = createShotProbes(shot([0.5], { others: others(0.8) }), [first, without], scales);
    expect(probes.own.mean.faces).toBe(3);
    expect(probes.others.get('older')?.mean.faces).toBe(2);
    expect(createShotProbes(without, [first], scales).others.size).toBe(0);
  });
});

describe('the similarity of a shot with a person', () => {
  test('that reaches the threshold by itself is its own', () => {
    const shots = [shot([0.2]), shot([0.5]), shot([0.6])];
    expect(judged(shots)).toEqual(shots.map(withAnna));
  });

  test('is lifted by no single shot that happens to resemble the person', () => {
    const plain = [1, 2, 3, 4, 5].map((i) => shot([0.42, 0.01 * i]));
    for (let outlier = 0; outlier < 5; outlier++) {
      const shots = plain.toSpliced(outlier, 1, shot([0.6]));
      expect(
        judged(shots).filter((similarity) => similarity >= 90),
        `outlier ${outlier}`,
      ).toHaveLength(1);
    }
  });

  test('is lifted by several shots that differ, each of them too little like the person', () => {
    // Each of them looks like anna in part, and otherwise like nobody in particular.
    const noise = (i: number) => Float32Array.from({ length: 8 }, (_, k) => (k === 0 ? 0.5 : k === i ? 0.866 : 0));
    const shots = [1, 2, 3, 4].map((i) => ({ embedding: normalise(noise(i)), quality: 0.8 }));
    const enrolled = { embedding: Float32Array.of(0.9, 0, 0, 0, 0, 0, 0, Math.sqrt(0.19)) };
    const compare = (template: Template): number => compareTemplates(template, enrolled, scales);
    const [first, ...others] = shots.map((one) => ({ ...one, weight: 1 }));
    const probe = { shots: [present(first), ...others] as const, mean: averageFaces([present(first), ...others]) };
    expect(Math.max(...shots.map(compare))).toBeLessThan(90);
    expect(judgeSimilarity(probe, 90, compare)).toBeGreaterThan(90);
  });
});
