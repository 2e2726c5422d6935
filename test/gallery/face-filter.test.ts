// Listing the faces of a group that have what is asked for, page by page, while others come and go.
import { describe, expect, it } from 'vitest';
import type { EnrolledFace, FaceFilter } from '../../src/gallery/gallery.types.js';
import { tempDir } from '../support/temp-dir.js';
import { newFace, staff } from './faces.js';
import { openGallery } from './support.js';

/** The same numbers in every run. */
function sequence(): () => number {
  let state = 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

async function enrolledBadges(count: number) {
  const { gallery } = await openGallery(tempDir());
  await gallery.createGroup(staff, 'test-1');
  const random = sequence();
  const enrol = async (externalImageId?: string) => {
    const overrides = externalImageId === undefined ? {} : { externalImageId };
    const { enrolled } = await gallery.enrol(staff, [newFace(random, overrides), newFace(random)]);
    return enrolled;
  };
  const all: EnrolledFace[] = [];
  for (let i = 0; i < count; i++) all.push(...(await enrol(`badge-${i % 3}`)));
  const walk = async (filter: FaceFilter, limit: number, between: () => Promise<unknown> = async () => undefined) => {
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await gallery.listFaces(staff, { limit, token }, filter);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items.map(({ faceId }) => faceId));
      token = page.nextToken;
      if (token !== undefined) await between();
    } while (token !== undefined);
    return seen;
  };
  const expected = (filter: (face: EnrolledFace) => boolean) =>
    all
      .filter(filter)
      .reverse()
      .map(({ faceId }) => faceId);
  return { gallery, enrol, all, walk, expected };
}

describe('a filter', () => {
  it.each([1, 2, 7, 200])(
    'yields every face that fits, newest first, in pages of %i, and no empty last page',
    async (limit) => {
      const { walk, expected, all } = await enrolledBadges(21);
      const badge = { externalImageId: 'badge-1' };
      expect(await walk(badge, limit)).toEqual(expected((face) => face.externalImageId === 'badge-1'));
      const { imageId, faceId } = all[20]!;
      expect(await walk({ imageId }, limit)).toEqual(expected((face) => face.imageId === imageId));
      expect(await walk({ faceId }, limit)).toEqual([faceId]);
      expect(await walk({ faceId, imageId, externalImageId: 'badge-1' }, limit)).toEqual([faceId]);
      expect(await walk({ faceId, externalImageId: 'badge-2' }, limit)).toEqual([]);
      expect(await walk({}, limit)).toEqual(expected(() => true));
    },
  );

  it('sees what existed throughout exactly once while others of it are enrolled and deleted', async () => {
    const { gallery, enrol, all, walk, expected } = await enrolledBadges(30);
    const doomed = all.filter(({ externalImageId }, i) => externalImageId === 'badge-0' && i % 4 === 0);
    const seen = await walk({ externalImageId: 'badge-0' }, 2, async () => {
      await enrol('badge-0');
      const next = doomed.pop();
      if (next) await gallery.deleteFace(staff, next.faceId);
    });
    expect(new Set(seen).size).toBe(seen.length);
    const left = await gallery.listFaces(staff, { limit: 200 }, { externalImageId: 'badge-0' });
    const stayed = new Set(left.items.map(({ faceId }) => faceId));
    const throughout = expected((face) => face.externalImageId === 'badge-0' && stayed.has(face.faceId));
    expect(seen.filter((faceId) => stayed.has(faceId))).toEqual(throughout);
  });

  it('has tokens of its own', async () => {
    const { gallery } = await enrolledBadges(6);
    const filter = { externalImageId: 'badge-0' };
    const { nextToken: token } = await gallery.listFaces(staff, { limit: 1 }, filter);
    expect((await gallery.listFaces(staff, { limit: 1, token }, { ...filter })).items).toHaveLength(1);
    const others: FaceFilter[] = [
      {},
      { externalImageId: 'badge-1' },
      { imageId: 'badge-0' },
      { ...filter, faceId: '' },
    ];
    for (const other of others) {
      const listed = gallery.listFaces(staff, { limit: 1, token }, other);
      await expect(listed).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    }
  });
});
