// A walk of 10,000 faces in pages of 200, while another client adds and deletes.
import { expect, it } from 'vitest';
import { openGallery } from './support.js';
import { randomNumbers } from '../store/values.js';
import { newFace } from './faces.js';
import { tempDir } from '../support/temp-dir.js';

it('a walk of 10,000 faces in pages of 200 sees every face that existed throughout exactly once', async () => {
  const ref = { owner: 'owner', groupId: 'staff' };
  const random = randomNumbers(1);
  const { gallery } = await openGallery(tempDir(), { limits: { maxGroups: 1, maxFacesPerGroup: 20_000 } });
  await gallery.createGroup(ref, 'm1');
  const before = new Set<string>();
  while (before.size < 10_000) {
    const { enrolled } = await gallery.enrol(
      ref,
      Array.from({ length: 20 }, () => newFace(random)),
    );
    for (const { faceId } of enrolled) before.add(faceId);
  }

  // The other client: after every page it deletes five faces, seen or not, and adds two pictures of three.
  const deleted = new Set<string>();
  const added = new Set<string>();
  const ids = [...before];
  const disturb = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      const faceId = ids[Math.floor(random() * ids.length)];
      if (deleted.has(faceId!)) continue;
      deleted.add(faceId!);
      await gallery.deleteFace(ref, faceId!);
    }
    for (let i = 0; i < 2; i++) {
      const { enrolled } = await gallery.enrol(ref, [newFace(random), newFace(random), newFace(random)]);
      for (const { faceId } of enrolled) added.add(faceId);
    }
  };

  const seen = new Map<string, number>();
  let pages = 0;
  let token: string | undefined;
  do {
    const [page] = await Promise.all([
      gallery.listFaces(ref, { limit: 200, ...(token === undefined ? {} : { token }) }),
      disturb(),
    ]);
    expect(page.items.length).toBeLessThanOrEqual(200);
    for (const { faceId } of page.items) seen.set(faceId, (seen.get(faceId) ?? 0) + 1);
    token = page.nextToken;
    pages++;
  } while (token !== undefined);

  expect(pages).toBeGreaterThanOrEqual(48);
  expect(deleted.size).toBeGreaterThan(200);
  expect([...seen.values()].filter((times) => times !== 1)).toEqual([]);
  expect(ids.filter((faceId) => !deleted.has(faceId) && !seen.has(faceId))).toEqual([]);
  expect([...seen.keys()].filter((faceId) => !before.has(faceId) && !added.has(faceId))).toEqual([]);
}, 60_000);
