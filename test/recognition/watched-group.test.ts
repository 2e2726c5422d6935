// The watched groups of a camera: declared problems, thrown errors, nearest candidates, and the threshold in force.
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import { listWatchedGroups } from '../../src/config/camera-schema.js';
import { farPerComparison } from '../../src/domain/false-accept.js';
import { compareTemplates } from '../../src/domain/reported-similarity.js';
import { averageFaces } from '../../src/domain/template.js';
import { createShotProbes, type ShotProbes } from '../../src/recognition/shot-probe.js';
import { WatchedGroup, type WatchedGroupParts } from '../../src/recognition/watched-group.js';
import { WatchedGroups } from '../../src/recognition/watched-groups.js';
import { cameraConfig } from '../camera/test-camera.js';
import { openGallery, scales, staff } from './door.js';

const probe = Float32Array.of(1, 0);
const every = { threshold: 0, scales };
const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
const at = (cosine: number): Float32Array => Float32Array.of(cosine, Math.sqrt(1 - cosine ** 2));

/** A shot without others before it. */
function plain(embedding: Float32Array): ShotProbes {
  return createShotProbes({ embedding, quality: 1 }, [], scales);
}

function createParts(gallery: WatchedGroupParts['gallery'], parts: Partial<WatchedGroupParts> = {}): WatchedGroupParts {
  return {
    config: { appKey: 'default', group: 'staff', threshold: 90 },
    order: 0,
    rule: { margin: 2, agree: 3, outOf: 5 },
    findOwner: (name) => (name === 'default' ? 'owner-1' : undefined),
    gallery,
    modelVersion: 'm',
    scales,
    ...parts,
  };
}

async function openGalleryWith(...people: [externalImageId: string, cosine: number][]) {
  const gallery = await openGallery();
  await gallery.createGroup(staff, 'm');
  for (const [externalImageId, cosine] of people) {
    await gallery.enrol(staff, [{ externalImageId, bbox, detectionScore: 1, embedding: at(cosine) }]);
  }
  return gallery;
}

test('an unforeseen error of the gallery is declared, and thrown where a search was asked for', () => {
  const gallery = {
    group: () => {
      throw new AppError('STORE_UNAVAILABLE', 'the disk is gone');
    },
    searchPersons: () => [],
    compareWithPerson: () => 0,
  };
  const group = new WatchedGroup(createParts(gallery));
  expect(group.problem()).toBe('group staff cannot be read: the disk is gone');
  expect(() => group.findNearest(plain(probe))).toThrow('the disk is gone');
  const basis = { source: 'configured' };
  expect(group.state()).toEqual({ appKey: 'default', groupId: 'staff', order: 0, threshold: 90, basis });
});

test('of many enrolled faces of one person and one of another, both are found, the first one by the mean', async () => {
  const annas = Array.from({ length: 30 }, (_, n): [string, number] => ['anna', 0.95 - (n % 6) / 100]);
  const gallery = await openGalleryWith(...annas, ['bert', 0.5]);
  const nearest = new WatchedGroup(createParts(gallery)).findNearest(plain(probe));
  expect(nearest.map(({ face }) => face.externalImageId)).toEqual(['anna', 'bert']);
  // The most similar face stands for the person.
  expect(nearest[0]?.face.faceId).toBe(gallery.searchByEmbedding(staff, { embedding: probe }, { ...every, limit: 1 })[0]?.face.faceId); // prettier-ignore
  const mean = averageFaces(annas.map(([, cosine]) => ({ embedding: at(cosine), weight: 1 })));
  expect(nearest[0]?.similarity).toBeCloseTo(compareTemplates(mean, { embedding: probe }, scales), 2);
});

describe('the threshold in force', () => {
  test('is the configured one', async () => {
    expect(new WatchedGroup(createParts(await openGalleryWith())).state().threshold).toBe(90);
  });

  test('of a target follows from the number of faces and the frames that vote', async () => {
    const config = { appKey: 'default', group: 'staff', targetFalseAcceptPerAttempt: 1e-4 };
    const gallery = await openGalleryWith(['anna', 0.9]);
    const group = new WatchedGroup(createParts(gallery, { config }));
    for (let faces = 1; faces <= 3; faces++) {
      const far = farPerComparison(1e-4, { enrolledFaces: faces, agree: 3, outOf: 5 });
      expect(group.state().threshold).toBeCloseTo(scales.scale.fromCosine(scales.falseAccepts.cosineAt(far)), 9);
      expect(group.findNearest(plain(probe))[0]?.group.threshold).toBe(group.state().threshold);
      await gallery.enrol(staff, [{ bbox, detectionScore: 1, embedding: Float32Array.of(0, 1) }]);
    }
    const missing = new WatchedGroup(createParts(gallery, { config: { ...config, group: 'nowhere' } }));
    const far = farPerComparison(1e-4, { enrolledFaces: 0, agree: 3, outOf: 5 });
    expect(missing.state().threshold).toBeCloseTo(scales.scale.fromCosine(scales.falseAccepts.cosineAt(far)), 9);
  });
});

describe('several groups', () => {
  const config = cameraConfig({ group: undefined, groups: [{ group: 'staff' }, { group: 'guests', threshold: 70 }] });

  test('give the nearest of all, those of the earlier group first where they are as similar', async () => {
    const gallery = await openGalleryWith(['anna', 0.9], ['bert', 0.5]);
    await gallery.createGroup({ ...staff, groupId: 'guests' }, 'm');
    for (const [externalImageId, cosine] of [
      ['carl', 0.7],
      ['dora', 0.9],
    ] as const) {
      // prettier-ignore
      const embedding = Float32Array.of(cosine, Math.sqrt(1 - cosine ** 2));
      const face = { externalImageId, bbox, detectionScore: 1, embedding };
      await gallery.enrol({ ...staff, groupId: 'guests' }, [face]);
    }
    const groups = new WatchedGroups({ ...createParts(gallery), config });
    expect(groups.problem()).toBeUndefined();
    expect(
      groups.findNearest(plain(probe)).map(({ face, group }) => `${face.externalImageId} ${group.threshold}`),
    ).toEqual(['anna 90', 'dora 70', 'carl 70', 'bert 90']);
    expect(groups.first()).toMatchObject({ groupId: 'staff', threshold: 90 });
  });

  test('declare what is wrong with each', async () => {
    const gallery = await openGallery();
    await gallery.createGroup(staff, 'another');
    const groups = new WatchedGroups({ ...createParts(gallery), config });
    expect(groups.problem()).toBe(
      'group staff was enrolled under another, whose models are not installed; group guests does not exist',
    );
    expect(groups.findNearest(plain(probe))).toEqual([]);
  });

  test('take their rule from the camera, where they have none of their own', () => {
    const camera = cameraConfig({
      group: undefined,
      targetFalseAcceptPerAttempt: 1e-5,
      groups: [
        { group: 'a' },
        { group: 'b', threshold: 80 },
        { group: 'c', appKey: 'other', targetFalseAcceptPerAttempt: 1e-6 },
      ],
    });
    expect(listWatchedGroups(camera)).toEqual([
      { group: 'a', appKey: 'default', targetFalseAcceptPerAttempt: 1e-5 },
      { group: 'b', appKey: 'default', threshold: 80 },
      { group: 'c', appKey: 'other', targetFalseAcceptPerAttempt: 1e-6 },
    ]);
  });
});
