// Groups that were enrolled under other models than those in use: searched by embeddings of their models, on their scale.
import { randomBytes, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createModelScales } from '../support/model-scales.js';
import { markMasked } from '../../src/domain/bias.js';
import type { EmbeddedFace } from '../../src/domain/embedding.js';
import type { OtherModels } from '../../src/domain/other-models.js';
import { AppError } from '../../src/errors.js';
import type { RecognitionEvent } from '../../src/events/event.js';
import { encodeFace } from '../../src/gallery/face-record.js';
import type { GroupRef } from '../../src/gallery/gallery.types.js';
import { createEmbedding, CropReader, openDoor, openGallery, staff, type SceneFace } from './door.js';

const OLDER = 'older-1';
const SHIFT = 10;
const anna = 0;
const bert = 1;
const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
const guests = { ...staff, groupId: 'guests' };
const points = [
  { cosine: 0.5, similarity: 91, far: 1e-3 },
  { cosine: 0.95, similarity: 95, far: 1e-5 },
];
const otherModels: OtherModels = new Map([[OLDER, createModelScales(points)]]);

/** The older models have every person on another axis: no embedding of one version is similar to one of the other. */
class TwoModels extends CropReader {
  readonly asked: string[] = [];
  /** Of the older models. */
  failure: Error | undefined;

  override async embedCrops(crops: readonly Uint8Array[], modelVersion = this.modelVersion): Promise<EmbeddedFace[]> {
    this.asked.push(modelVersion);
    const faces = await super.embedCrops(crops);
    if (modelVersion === this.modelVersion) return faces;
    if (this.failure) throw this.failure;
    return faces.map(({ embedding: one, ...rest }) => ({
      embedding: one.map((_, i) => one[(i + one.length - SHIFT) % one.length]!),
      ...rest,
    }));
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
const standing = (shown: SceneFace) => () => [shown];

test('people of both groups are recognised, each event with the version and the scale of its group', async () => {
  const door = await openDoors(both, otherModels);
  expect(door.recogniser.health()).toEqual({ status: 'ok' });
  await door.play(1_000, () => [
    { person: anna, x: 160 },
    { person: bert, x: 480 },
  ]);
  expect(door.events.published.toSorted()).toEqual(['match anna', 'match bert']);
  const of = (name: string) => door.events.all.find(({ externalImageId }) => externalImageId === name);
  expect(of('anna')).toMatchObject({ groupId: 'staff', modelVersion: OLDER });
  expect(of('anna')?.similarity).toBeCloseTo(otherModels.get(OLDER)?.scales.scale.fromCosine(0.9) ?? 0, 1);
  expect(of('bert')).toMatchObject({ groupId: 'guests', modelVersion: 'model-1' });
});

test.each([
  { masked: false, expected: 'match anna' },
  { masked: true, expected: 'unknown' },
])(
  'the verdict of the mask model counts under the older models as well: masked $masked, $expected',
  async ({ masked, expected }) => {
    const door = await openDoors({ group: 'staff' }, otherModels);
    await door.gallery.deleteGroup(staff);
    await door.gallery.createGroup(staff, OLDER);
    const condition = { recognisability: 0.9, masked: false };
    const enrolled = { embedding: createEmbedding(anna + SHIFT, 1), condition: markMasked(condition) };
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    await door.gallery.enrol(staff, [{ externalImageId: 'anna', bbox, detectionScore: 0.9, ...enrolled }]);
    // Two faces with masks are alike by 0.2 whoever they are; 0.5 is needed.
    await door.play(1_000, standing({ person: anna, x: 320, likeness: 0.6, masked, condition }));
    expect(door.events.published).toEqual([expected]);
  },
);

test('faces are embedded under a version only where a group of it is watched', async () => {
  const door = await openDoors({ group: 'guests' }, otherModels);
  await door.play(1_000, standing({ person: bert, x: 320 }));
  expect(door.events.published).toEqual(['match bert']);
  expect(new Set(door.vision.asked)).toEqual(new Set(['model-1']));
});

test.each([
  { group: 'staff', person: anna, expected: 'unknown' },
  { group: 'guests', person: bert, expected: 'match bert' },
])(
  'a target of false accepts is met on the curve of the group: $group, $expected',
  async ({ group, person, expected }) => {
    const door = await openDoors({ group, targetFalseAcceptPerAttempt: 1e-4 }, otherModels);
    // It takes 0.78 on the older curve, and 0.42 on the one in use.
    await door.play(1_000, standing({ person, x: 320, likeness: 0.7 }));
    expect(door.events.published).toEqual([expected]);
  },
);

test('without those models it is declared, and nobody of the group is matched', async () => {
  const door = await openDoors({ group: 'staff' }, undefined);
  expect(door.recogniser.health()).toMatchObject({
    status: 'degraded',
    detail: 'group staff was enrolled under older-1, whose models are not installed',
  });
  await door.play(1_000, standing({ person: anna, x: 320 }));
  expect(door.events.published).not.toContain('match anna');
});

const unloadable = new AppError('MODEL_VERSION_MISMATCH', 'older-1 cannot be loaded: its file is gone', {
  detail: 'The models of older-1 cannot be loaded.',
});

test.each([unloadable, new AppError('WORKER_FAILED', 'a vision worker ended')])(
  'where those models fail (%s), the people of the other group are recognised, and the failure is declared and logged once',
  async (failure) => {
    const door = await openDoors(both, otherModels);
    door.vision.failure = failure;
    await door.play(2_000, () => [
      { person: anna, x: 160 },
      { person: bert, x: 480 },
    ]);
    // Nobody can say that she is a stranger.
    expect(door.events.reasons.toSorted()).toEqual(['match agreed', 'uncertain group-unusable']);
    expect(door.events.published).toContain('match bert');
    const detail = `group staff cannot be searched: ${failure.detail ?? failure.message}`;
    expect(door.recogniser.health()).toEqual({ status: 'degraded', detail });
    expect(door.recogniser.stats()).toMatchObject({ errors: 0, refused: 0 });
    const warnings = door.log.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      {
        level: 'warn',
        message: 'a face could not be embedded for the groups of other models',
        fields: { cameraId: 'front', modelVersion: OLDER, code: failure.code, reason: failure.message },
      },
    ]);
  },
);

test('a person who stands there while the models fail is let in when they work again', async () => {
  const door = await openDoors({ group: 'staff' }, otherModels);
  door.vision.failure = unloadable;
  await door.play(2_000, standing({ person: anna, x: 320 }));
  expect(door.events.reasons).toEqual(['uncertain group-unusable']);
  door.vision.failure = undefined;
  await door.play(8_000, standing({ person: anna, x: 320 }));
  expect(door.events.reasons).toEqual(['uncertain group-unusable', 'match agreed']);
  expect(door.recogniser.health()).toEqual({ status: 'ok' });
});

test('one failure between successes is declared for a while, and logged once', async () => {
  const door = await openDoors({ group: 'staff' }, otherModels);
  let asked = 0;
  door.vision.script = () => {
    // Two workers in turn, one of which has those models.
    door.vision.failure = asked++ % 4 < 2 ? unloadable : undefined;
  };
  for (let n = 0; n < 4; n++) {
    await door.play(400, (at) => (at < 3 ? [{ person: anna, x: 320, quality: 0.5 + n * 0.1 }] : []));
    expect(door.recogniser.health().status).toBe('degraded');
  }
  expect(door.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
});

test('a shot that finds the queue full under one version is tried again under both', async () => {
  const door = await openDoors({ group: 'staff' }, otherModels);
  let asked = 0;
  door.vision.script = () => {
    door.vision.failure = ++asked <= 4 ? new AppError('SERVER_BUSY', 'the vision queue is full') : undefined;
  };
  await door.play(1_500, standing({ person: anna, x: 320 }));
  expect(door.events.published).toEqual(['match anna']);
  expect(door.recogniser.stats()).toMatchObject({ refused: 2, errors: 0 });
  expect(door.recogniser.health()).toEqual({ status: 'ok' });
});

test('a gallery that cannot be read is declared, and no embedding is begun', async () => {
  const vision = new TwoModels();
  const unreadable = () => {
    throw new AppError('STORE_UNAVAILABLE', 'the disk refuses');
  };
  const door = await openDoor({
    parts: { vision, gallery: { group: unreadable, searchPersons: unreadable, compareWithPerson: unreadable } },
  });
  await door.play(1_000, standing({ person: anna, x: 320 }));
  expect(vision.asked).toEqual([]);
  expect(door.recogniser.health()).toMatchObject({
    status: 'degraded',
    detail: 'group staff cannot be read: the disk refuses',
  });
});

test('a door changes to the successor of its group when that has everybody, and back when it lacks somebody', async () => {
  const shared = await openGallery();
  const vision = new TwoModels();
  const next = { ...staff, groupId: 'staff--next' };
  const origin = { fleet: 'f'.repeat(32), group: 'a'.repeat(32), authority: 'head-office' };
  await shared.createCopy(staff, OLDER, origin);
  await shared.createCopy(next, vision.modelVersion, { ...origin, group: 'b'.repeat(32) });
  const faceIds = [randomUUID(), randomUUID()];
  /** Applies a version that has a person more. */
  const add = async (ref: GroupRef, person: number, embedding: Float32Array): Promise<void> => {
    const faceId = faceIds[person]!;
    const face = { faceId, imageId: randomUUID(), externalImageId: `p${person}`, bbox, detectionScore: 1 };
    const record = encodeFace(face, embedding);
    const put = { id: `${person}`.repeat(32), digest: randomBytes(32), sequence: person + 1, record };
    await shared.copies.apply(ref, { head: '{}', puts: [put], deletes: [] });
  };
  const parts = { vision, otherModels, successors: shared.successors };
  const door = await openDoor({ keys: { group: 'staff' }, shared, parts });
  const visit = async (person: number): Promise<RecognitionEvent | undefined> => {
    await door.play(4_000, () => []);
    await door.play(1_500, standing({ person, x: 320 }));
    return door.events.all.at(-1);
  };
  await add(staff, anna, createEmbedding(anna + SHIFT, 1));
  expect(await visit(anna)).toMatchObject({ type: 'match', externalImageId: 'p0', modelVersion: OLDER });
  await add(next, anna, createEmbedding(anna, 1));
  const moved = { type: 'match', faceId: faceIds[anna], groupId: 'staff', modelVersion: vision.modelVersion };
  expect(await visit(anna)).toMatchObject(moved);
  await add(staff, bert, createEmbedding(bert + SHIFT, 1));
  expect(await visit(bert)).toMatchObject({ type: 'match', externalImageId: 'p1', modelVersion: OLDER });
  await add(next, bert, createEmbedding(bert, 1));
  expect(await visit(bert)).toMatchObject({ type: 'match', modelVersion: vision.modelVersion });
  // Anna is dismissed: the successor has her still, and she is a stranger all the same.
  await shared.copies.apply(staff, { head: '{}', puts: [], deletes: ['0'.repeat(32)] });
  expect(await visit(anna)).toMatchObject({ type: 'unknown' });
  expect(await visit(bert)).toMatchObject({ type: 'match', modelVersion: vision.modelVersion });
});
