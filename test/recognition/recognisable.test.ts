// Shots that are not recognisable: they count as no shot at all, and cost few embeddings.
import { expect, test } from 'vitest';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { openDoor, type SceneFace } from './door.js';

const anna = 0;
const zoe = 9;
const points = [
  { cosine: 0.333, similarity: 70, far: 1e-3 },
  { cosine: 0.403, similarity: 80, far: 1e-4 },
  { cosine: 0.464, similarity: 90, far: 1e-5 },
];
const scales = new SimilarityScales({ points, bounds: { bare: 0.4, masked: 0.4 } });
const clear = { recognisability: 0.9, masked: false };
const covered = { recognisability: 0.1, masked: false };

async function openDoorWithAnna(keys: object = {}) {
  const door = await openDoor({ keys, parts: { scales } });
  await door.enrol(anna, 'anna');
  return door;
}

const shown = (face: Partial<SceneFace>): SceneFace[] => [{ person: anna, x: 320, condition: clear, ...face }];

test('a face that is never recognisable has no event, and few embeddings', async () => {
  const door = await openDoorWithAnna({ liveness: 'required' });
  await door.play(10_000, () => shown({ condition: covered, liveness: 9 }));
  await door.play(3_000, () => []);
  expect(door.events.published).toEqual([]);
  expect(door.recogniser.stats()).toMatchObject({ matches: 0, unknowns: 0, undecided: 1 });
  // One at most in 200 ms.
  expect(door.vision.embedded).toBeGreaterThan(10);
  expect(door.vision.embedded).toBeLessThanOrEqual(51);
  expect(door.recogniser.stats().unrecognisable).toBe(door.vision.embedded);
});

test('a covered face agrees on nobody, is no evidence of a stranger, and no sample of liveness', async () => {
  const door = await openDoorWithAnna({ liveness: 'required' });
  // A hand before the face for two seconds, as like anna as she is herself.
  await door.play(2_000, () => shown({ condition: covered, liveness: -9 }));
  await door.play(2_000, () => shown({ liveness: 9 }));
  expect(door.events.published).toEqual(['match anna']);
  expect(door.sinceStart(door.events.first.decidedAt)).toBeGreaterThanOrEqual(2_000);
  expect(door.events.first.liveness).toMatchObject({ verdict: 'live' });
});

test('a decided track that is covered goes on, and shows the next person as soon as they are recognisable', async () => {
  const door = await openDoorWithAnna();
  await door.play(1_000, () => shown({}));
  await door.play(12_000, () => shown({ condition: covered }));
  await door.play(1_000, () => shown({}));
  expect(door.events.published).toEqual(['match anna']);
  expect(door.recogniser.stats().tracks).toBe(1);
  await door.play(6_000, () => shown({ person: zoe }));
  expect(door.events.published).toEqual(['match anna', 'unknown']);
});

test('an enrolled face that is not recognisable matches nobody', async () => {
  const door = await openDoor({ parts: { scales } });
  const { embedding } = (
    await door.vision.embedCrops([Buffer.from(JSON.stringify({ person: anna, likeness: 0.99 }))])
  )[0]!;
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  const group = { owner: 'owner-1', groupId: 'staff' };
  await door.gallery.enrol(group, [
    { externalImageId: 'blur', bbox, detectionScore: 0.9, embedding, condition: covered },
  ]);
  await door.play(1_500, () => shown({}));
  expect(door.events.reasons).toEqual(['unknown empty-group']);
});

test('five shots of a person that are each just too little like the enrolled face match by their mean', async () => {
  // The shots differ: each of them has noise of its own, which the mean does not have.
  const door = await openDoorWithAnna();
  const embeddings = [1, 2, 3, 4, 5].map((i) => {
    const vector = new Float32Array(128);
    vector[anna] = 0.44;
    vector[20] = 0.6;
    vector[30 + i] = Math.sqrt(1 - 0.44 ** 2 - 0.6 ** 2);
    return vector;
  });
  let n = 0;
  door.vision.embedCrops = async (crops) => crops.map(() => ({ embedding: embeddings[n++ % 5]!, condition: clear }));
  await door.play(1_000, () => shown({}));
  expect(door.events.published).toEqual(['match anna']);
  expect(door.events.first.similarity).toBeGreaterThan(90);
});
