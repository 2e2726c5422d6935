// The second embedding of an enrolment, for the successor of its group.
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { SuccessorEnrolment } from '../../src/enrolment/successor-enrolment.js';
import { newFace, randomEmbedding, staff } from '../gallery/faces.js';
import { openGallery } from '../gallery/support.js';
import { temporaryDirectory } from '../store/support.js';
import { randomNumbers } from '../store/values.js';

const random = randomNumbers(8);
const next = { ...staff, groupId: 'staff--next' };

async function openBoth(modelVersion = 'v2') {
  const directory = await temporaryDirectory();
  const old = await openGallery(directory);
  await old.gallery.createGroup(staff, 'v1');
  await old.stop();
  const { gallery } = await openGallery(directory, { successors: { groups: ['staff'], modelVersion } });
  onTestFinished(() => gallery.stop());
  const asked: (string | undefined)[] = [];
  let failure: AppError | undefined;
  const warnings: object[] = [];
  const successor = new SuccessorEnrolment({
    successors: gallery.successors,
    vision: {
      modelVersion: 'v2',
      embedCrops: async (crops, version) => {
        asked.push(version);
        if (failure) throw failure;
        return crops.map(() => ({ embedding: randomEmbedding(random, 64) }));
      },
    },
    log: { ...silentLog, warn: (fields) => warnings.push(fields) },
  });
  const enrol = async (person: string): Promise<void> => {
    const { enrolled } = await gallery.enrol(staff, [newFace(random, { externalImageId: person })]);
    const crops = enrolled.map(({ faceId }) => ({ faceId, crop: new Uint8Array(112 * 112 * 3) }));
    await successor.follow(staff, crops, 'test');
  };
  return { gallery, successor, asked, warnings, enrol, fail: (error?: AppError) => (failure = error) };
}

test('the crops are embedded under the next models, and a failure costs nothing but the place there', async () => {
  const { gallery, successor, asked, warnings, enrol, fail } = await openBoth();
  expect(successor.isWanted(staff)).toBe(true);
  expect(successor.isWanted(next)).toBe(false);
  await enrol('anna');
  expect(asked).toEqual(['v2']);
  expect(gallery.successors.describe(staff)).toMatchObject({ people: 1, missing: 0 });
  fail(new AppError('SERVER_BUSY', 'the queue is full'));
  await enrol('bert');
  expect(gallery.group(staff).faceCount).toBe(2);
  expect(gallery.successors.describe(staff)).toMatchObject({ people: 2, missing: 1 });
  expect(warnings).toEqual([{ groupId: 'staff', faces: 1, error: 'the queue is full' }]);
  fail(undefined);
  await enrol('bert');
  expect(gallery.successors.describe(staff)).toMatchObject({ people: 2, missing: 0 });
});

test('where the models of the successor are not installed, nothing is embedded', async () => {
  const { successor, asked, enrol } = await openBoth('v3');
  expect(successor.isWanted(staff)).toBe(false);
  await enrol('anna');
  expect(asked).toEqual([]);
});
