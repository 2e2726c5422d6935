// Comparisons of whole lists: pairs are counted by person, class and threshold, and a refused face matches nobody.
import { describe, expect, it } from 'vitest';
import { Comparer, type SeenFace } from '../../bench/support/comparisons.js';
import { BIAS_LENGTH } from '../../src/domain/bias.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';

const points = (at90: number) => [
  { cosine: at90 - 0.2, similarity: 70, far: 1e-3, tar: 1 },
  { cosine: at90 - 0.1, similarity: 80, far: 1e-4, tar: 1 },
  { cosine: at90, similarity: 90, far: 1e-5, tar: 1 },
];
const scales = new SimilarityScales({
  points: points(0.5),
  bounds: { bare: 0.2, masked: 0.5 },
});
const comparer = new Comparer(scales, 4);

/** Makes a face whose cosine to another face is the cosine of the difference of their angles, in degrees. */
function face(person: string, degrees: number, recognisability: number, photo = `${person}_${degrees}`): SeenFace {
  // A face that is less recognisable has a bias.
  const angle = (degrees * Math.PI) / 180;
  const embedding = Float32Array.from([Math.cos(angle), Math.sin(angle), 0, 0]);
  const bias = new Float32Array(BIAS_LENGTH).fill(recognisability < 0.8 ? 0.8 : 0.2, 0, 1);
  return { person, photo, found: true, embedding, condition: { recognisability, masked: false, bias }, yaw: 0 };
}

describe('Comparer', () => {
  it('counts pairs of one person and of different people, by their corrected cosines', () => {
    // Cosines: a to b 0.64 (50°), a to c 0.87 (30°), b to c 0.94 (20°).
    const clear = comparer.compareAmong([face('a', 0, 0.9), face('b', 50, 0.9), face('a', 30, 0.9)]);
    expect(clear.genuinePairs).toBe(1);
    expect(clear.impostorPairs).toBe(2);
    expect(clear.judged.map(({ genuine, impostor }) => [genuine, impostor])).toEqual([
      [1, 2],
      [1, 2],
    ]);
    // 0.64 is above 80 and below 90 for a weak and a clear face; 0.94 stays above.
    const weak = comparer.compareAmong([face('a', 0, 0.9), face('b', 50, 0.5), face('a', 30, 0.9)]);
    expect(weak.judged.map(({ impostor }) => impostor)).toEqual([1, 2]);
    expect(weak.plain.map(({ impostor }) => impostor)).toEqual([2, 2]);
  });

  it('counts a refused face, and one that was not embedded, as pairs that do not match', () => {
    const missing: SeenFace = { person: 'c', photo: 'c_1', found: false, yaw: 0 };
    const gallery = [face('a', 0, 0.9), face('b', 0, 0.1), missing];
    const compared = comparer.compareWith([face('d', 0, 0.9)], gallery);
    expect(compared.impostorPairs).toBe(3);
    expect(compared.judged[0]).toMatchObject({ impostor: 1, far: 1 / 3 });
    expect(compared.plain[0].impostor).toBe(2);
    expect(gallery.map((one) => comparer.isUnrecognisable(one))).toEqual([false, true, false]);
  });

  it('does not compare two pictures of one photo', () => {
    const list = [face('a', 0, 0.9, 'photo'), face('a', 5, 0.9, 'photo')];
    expect(comparer.compareAmong(list)).toMatchObject({ genuinePairs: 0, impostorPairs: 0 });
  });
});
