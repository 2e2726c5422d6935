// The group of a camera: what is declared, and what is thrown.
import { expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import { WatchedGroup } from '../../src/recognition/watched-group.js';
import { openGallery, scale, staff } from './door.js';

const probe = Float32Array.of(1, 0);

test('an unforeseen error of the gallery is declared, and thrown where a search was asked for', () => {
  const gallery = {
    group: () => {
      throw new AppError('STORE_UNAVAILABLE', 'the disk is gone');
    },
    searchByEmbedding: () => [],
  };
  const parts = { appKey: 'default', groupId: 'staff', ownerOf: () => 'owner-1', gallery, modelVersion: 'm', scale };
  const group = new WatchedGroup(parts);
  expect(group.problem()).toBe('group staff cannot be read: the disk is gone');
  expect(() => group.nearest(probe)).toThrow('the disk is gone');
});

test('of nine enrolled faces of one person and one of another, both persons are found', async () => {
  const gallery = await openGallery();
  await gallery.createGroup(staff, 'm');
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  const enrol = (externalImageId: string, cosine: number) => {
    const embedding = Float32Array.of(cosine, Math.sqrt(1 - cosine ** 2));
    return gallery.enrol(staff, [{ externalImageId, bbox, detectionScore: 1, embedding }]);
  };
  for (let n = 0; n < 9; n++) await enrol('anna', 0.9 + n / 100);
  await enrol('bert', 0.5);
  const parts = { appKey: 'default', groupId: 'staff', ownerOf: () => 'owner-1', gallery, modelVersion: 'm', scale };
  const nearest = new WatchedGroup(parts).nearest(probe);
  expect(nearest.map(({ person }) => person)).toEqual(['external anna', 'external bert']);
  expect(nearest[0].similarity).toBeCloseTo(scale.fromCosine(0.98), 3);
});
