// Decisions on the shots of a guided enrolment, without a camera.
import { expect, test } from 'vitest';
import { chooseFaces, judgeLiveness, selectPersonShots, type EmbeddedShot } from '../../src/enrolment/person-shots.js';
import { createEmbedding, scales } from '../recognition/door.js';

const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };

function shot({
  person = 1,
  quality = 0.8,
  yaw = 0,
  score,
}: Partial<Record<'person' | 'quality' | 'yaw' | 'score', number>>): EmbeddedShot {
  return {
    crop: new Uint8Array(0),
    quality,
    measures: { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1, overall: quality },
    pose: { yaw, pitch: 0, roll: 0 },
    bbox,
    detectionScore: 0.9,
    embedding: createEmbedding(person, 0.99),
    ...(score === undefined ? {} : { livenessScore: score }),
  };
}

test('the shots of the person in the best one are selected, best first', () => {
  const shots = [0.5, 0.7, 0.9, 0.6].map((quality) => shot({ quality }));
  const other = shot({ person: 2, quality: 0.8 });
  expect(selectPersonShots([...shots, other], scales).map(({ quality }) => quality)).toEqual([0.9, 0.7, 0.6, 0.5]);
});

test('too few shots of the person in the best one are refused', () => {
  const shots = [shot({ quality: 0.9 }), shot({}), shot({}), shot({ person: 2 })];
  expect(() => selectPersonShots(shots, scales)).toThrow(expect.objectContaining({ reason: 'not-the-same-person' }));
});

test.each<[string, string, number[]]>([
  ['live', 'three shots that all are', [1, 1, 1]],
  ['spoof', 'three shots that all are', [0.9, 0.9, 0.9]],
  ['unsure', 'two shots', [9, 9]],
  ['unsure', 'four shots of which one differs', [9, 9, 9, 0]],
  ['live', 'two thirds of six shots', [1, 1, 1, 1, 0, 0]],
  ['unsure', 'half of six shots', [99, 99, 99, 0, 0, 0]],
])('liveness is %s for %s: %j', (verdict, _, scores) => {
  expect(
    judgeLiveness(
      scores.map((score) => shot({ score })),
      1,
    ),
  ).toBe(verdict);
});

test('a shot without a score does not count for liveness', () => {
  expect(judgeLiveness([shot({ score: 2 }), shot({ score: 2 }), shot({})], 1)).toBe('unsure');
});

test('further faces differ in pose from those chosen before', () => {
  const chosen = chooseFaces([shot({}), shot({ yaw: 5 }), shot({ yaw: 6 }), shot({ yaw: -7 }), shot({ yaw: 20 })], 3);
  expect(chosen.map(({ pose }) => pose.yaw)).toEqual([0, 6, -7]);
});
