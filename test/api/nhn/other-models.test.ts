// Groups of other models than the one in use: their embeddings and their scale; versions are never mixed.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createModelScales } from '../../support/model-scales.js';
import { face, MODEL, picture, startHarness, type Harness } from '../harness.js';

const OLDER = 'older-1';
const points = [
  { cosine: 0.2, similarity: 20, far: 1e-3 },
  { cosine: 0.99, similarity: 30, far: 1e-5 },
];
const models = createModelScales(points);
const image = picture(face(10));

let harness: Harness;
const ref = (): { owner: string; groupId: string } => ({ owner: harness.owner, groupId: 'old' });
beforeEach(async () => {
  harness = await startHarness({ otherModels: new Map([[OLDER, models]]) });
  await harness.gallery.createGroup(ref(), OLDER);
});
afterEach(() => harness.close());

test('faces are registered, searched and verified by embeddings of the group, on its scale', async () => {
  const added = await harness.call('POST', '/groups/old', { image });
  expect(added.data).toMatchObject({ modelVersion: OLDER, addedFaceCount: 1 });
  const { faceId } = (added.data as { addedFaces: { faceId: string }[] }).addedFaces[0]!;
  // A cosine of 0.98, which is 98 on the scale in use.
  const other = picture(face(21));
  const similarity = expect.closeTo(models.scales.scale.fromCosine(Math.cos((11 * Math.PI) / 180)), 2) as number;
  const found = await harness.call('POST', '/groups/old/search?threshold=1', { image: other });
  expect(found.data).toMatchObject({ modelVersion: OLDER, matchFaces: [{ similarity }] });
  const verified = await harness.call('POST', `/verify/groups/old/faces/${faceId}`, { compareImage: other });
  expect(verified.data).toMatchObject({ similarity });
  expect(harness.vision.calls.map(({ modelVersion }) => modelVersion)).toEqual([OLDER, OLDER, OLDER]);
});

test('a new group is made under the models in use', async () => {
  await harness.call('POST', '/groups', { groupId: 'new' });
  expect((await harness.call('POST', '/groups/new', { image })).data).toMatchObject({ modelVersion: MODEL });
});

test('a group that is created again while the picture is analysed gets no embedding of the older models', async () => {
  let open: () => void = () => undefined;
  harness.vision.gate = new Promise((resolve) => (open = resolve));
  const answer = harness.call('POST', '/groups/old', { image });
  await expect.poll(() => harness.vision.calls).toHaveLength(1);
  await harness.gallery.deleteGroup(ref());
  await harness.gallery.createGroup(ref(), MODEL);
  open();
  expect((await answer).header).toMatchObject({
    resultCode: -40080,
    detail: 'The group was created again, under other models, in the meantime.',
  });
  expect(harness.gallery.group(ref()).faceCount).toBe(0);
});
