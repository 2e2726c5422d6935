// Groups that were made under other models than those in use, at a camera: searched by their own embeddings, judged on their own scale.
import { expect, test } from 'vitest';
import { FalseAcceptCurve } from '../../src/domain/false-accept.js';
import type { OtherModels } from '../../src/domain/other-models.js';
import { SimilarityScale } from '../../src/domain/similarity.js';
import { CropReader, openDoor, staff, type Sight } from './door.js';

const OLDER = 'older-1';
const SHIFT = 10;
const anna = 0;
const bert = 1;
const guests = { ...staff, groupId: 'guests' };
const points = [
  { cosine: 0.5, similarity: 91, far: 1e-3 },
  { cosine: 0.95, similarity: 95, far: 1e-5 },
];
const otherModels: OtherModels = new Map([
  [OLDER, { scale: new SimilarityScale(points), falseAccepts: new FalseAcceptCurve(points) }],
]);

/** The older models have every person on another axis: no embedding of one version is like one of the other. */
class TwoModels extends CropReader {
  readonly asked: string[] = [];

  override async embedCrops(crops: readonly Uint8Array[], modelVersion = this.modelVersion): Promise<Float32Array[]> {
    this.asked.push(modelVersion);
    const embeddings = await super.embedCrops(crops);
    if (modelVersion === this.modelVersion) return embeddings;
    return embeddings.map((one) => one.map((_, i) => one[(i + one.length - SHIFT) % one.length]));
  }
}

/** Anna is of the staff, a group of the older models; Bert is a guest, in a group of those in use. */
async function openDoors(keys: object, others: OtherModels | undefined) {
  const vision = new TwoModels();
  const door = await openDoor({ keys, withGroup: false, parts: { vision, otherModels: others } });
  await door.gallery.createGroup(staff, OLDER);
  await door.gallery.createGroup(guests, vision.modelVersion);
  await door.enrol(anna + SHIFT, 'anna');
  await door.enrol(bert, 'bert', 1, guests);
  return { ...door, vision };
}

const both = { group: undefined, groups: [{ group: 'staff' }, { group: 'guests' }] };
const standing = (sight: Sight) => () => [sight];

test('people of both groups are recognised, each event with the version and the scale of its group', async () => {
  const door = await openDoors(both, otherModels);
  expect(door.recogniser.health()).toEqual({ status: 'ok' });
  await door.play(1_000, () => [
    { person: anna, x: 160 },
    { person: bert, x: 480 },
  ]);
  expect(door.events.told.toSorted()).toEqual(['match anna', 'match bert']);
  const of = (name: string) => door.events.all.find(({ externalImageId }) => externalImageId === name);
  expect(of('anna')).toMatchObject({ groupId: 'staff', modelVersion: OLDER });
  expect(of('anna')?.similarity).toBeCloseTo(otherModels.get(OLDER)?.scale.fromCosine(0.9) ?? 0, 1);
  expect(of('bert')).toMatchObject({ groupId: 'guests', modelVersion: 'model-1' });
});

test('faces are embedded under a version only where a group of it is watched', async () => {
  const door = await openDoors({ group: 'guests' }, otherModels);
  await door.play(1_000, standing({ person: bert, x: 320 }));
  expect(door.events.told).toEqual(['match bert']);
  expect(new Set(door.vision.asked)).toEqual(new Set(['model-1']));
});

test.each([
  { group: 'staff', person: anna, told: 'unknown' },
  { group: 'guests', person: bert, told: 'match bert' },
])('a target of false accepts is met on the curve of the group: $group, $told', async ({ group, person, told }) => {
  const door = await openDoors({ group, targetFalseAcceptPerAttempt: 1e-4 }, otherModels);
  // It takes 0.78 on the older curve, and 0.42 on the one in use.
  await door.play(1_000, standing({ person, x: 320, likeness: 0.7 }));
  expect(door.events.told).toEqual([told]);
});

test('without those models it is declared, and nobody of the group is matched', async () => {
  const door = await openDoors({ group: 'staff' }, undefined);
  expect(door.recogniser.health()).toMatchObject({
    status: 'degraded',
    detail: 'group staff was enrolled under older-1, not under model-1',
  });
  await door.play(1_000, standing({ person: anna, x: 320 }));
  expect(door.events.told).not.toContain('match anna');
});
