// A registration into a group that has a successor: the crops of the registered faces are handed on.
import { expect, onTestFinished, test } from 'vitest';
import type { EnrolledCrop } from '../../../src/enrolment/successor-enrolment.js';
import { face, picture, startHarness } from '../harness.js';

test('each registered face is handed on with its crop, and the group alone decides what is registered', async () => {
  const followed: { groupId: string; faces: readonly EnrolledCrop[]; actor: string }[] = [];
  const harness = await startHarness({
    successor: {
      isWanted: ({ groupId }) => groupId === 'staff',
      follow: async ({ groupId }, faces, actor) => void followed.push({ groupId, faces, actor }),
    },
  });
  onTestFinished(() => harness.close());
  for (const groupId of ['staff', 'guests']) await harness.call('POST', '/groups', { groupId });
  const image = picture(face(0), face(90, { box: [400, 100, 500, 250] }));
  const { data } = await harness.call('POST', '/groups/staff', { image, externalImageId: 'anna', limit: 1 });
  const added = (data as { addedFaces: { faceId: string }[] }).addedFaces;
  expect(added).toHaveLength(1);
  expect(followed).toHaveLength(1);
  expect(followed[0]).toMatchObject({ groupId: 'staff', actor: 'app:default', faces: [{ faceId: added[0]!.faceId }] });
  expect(followed[0]!.faces[0]!.crop).toHaveLength(112 * 112 * 3);
  await harness.call('POST', '/groups/guests', { image });
  expect(followed.slice(1).every(({ faces }) => faces.length === 0)).toBe(true);
  expect(harness.vision.calls.map(({ crops = false }) => crops)).toEqual([true, false]);
});
