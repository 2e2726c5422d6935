// The gallery over a real store: groups, faces, searches, quotas, and all of them at once.
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import type { EnrolledFace, GroupInfo, Page } from '../../src/gallery/gallery.types.js';
import { LevelGallery, type LoadProgress } from '../../src/gallery/leveldb-gallery.js';
import { forever, openStore, temporaryDirectory, withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { anything, newFace, percent, randomEmbedding, scan, staff } from './faces.js';
import { openGallery } from './support.js';

describe('groups', () => {
  test('are created, shown, listed by id and deleted, each owner for itself', async () => {
    const { gallery } = await openGallery(await temporaryDirectory(), { clock: () => 1_234 });
    for (const groupId of ['b', 'a', 'c']) await gallery.createGroup({ owner: 'one', groupId }, 'm1');
    await gallery.createGroup({ owner: 'two', groupId: 'a' }, 'm2');
    const expected = (groupId: string): GroupInfo => ({
      groupId,
      modelVersion: 'm1',
      createdAtMs: 1_234,
      faceCount: 0,
    });
    expect(gallery.group({ owner: 'one', groupId: 'a' })).toEqual(expected('a'));
    expect(await gallery.listGroups('one', { limit: 10 })).toEqual({ items: ['a', 'b', 'c'].map(expected) });
    expect((await gallery.listGroups('two', { limit: 10 })).items.map((group) => group.modelVersion)).toEqual(['m2']);
    expect(await gallery.listGroups('nobody', { limit: 10 })).toEqual({ items: [] });

    await gallery.deleteGroup({ owner: 'one', groupId: 'a' });
    expect((await gallery.listGroups('one', { limit: 10 })).items.map((group) => group.groupId)).toEqual(['b', 'c']);
    expect(gallery.group({ owner: 'two', groupId: 'a' }).modelVersion).toBe('m2');
    expect(gallery.stats()).toEqual({ groups: 3, faces: 0, damagedGroups: 0, damagedFaces: 0 });
  });

  test('of the same id are created once, however many try', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => gallery.createGroup(staff, 'm1')));
    const failures = tries.filter((result) => result.status === 'rejected');
    expect(failures.map((result) => result.reason as unknown)).toEqual(Array(7).fill(withCode('DUPLICATED_GROUP')));
    await expect(gallery.createGroup(staff, 'm1')).rejects.toEqual(withCode('DUPLICATED_GROUP'));
  });

  test('are never more than their quota, for each owner', async () => {
    const { gallery } = await openGallery(await temporaryDirectory(), {
      limits: { maxGroups: 3, maxFacesPerGroup: 10 },
    });
    const create = (owner: string, i: number): Promise<unknown> =>
      gallery.createGroup({ owner, groupId: `g${i}` }, 'm1');
    const tries = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => create('one', i)));
    const failures = tries.filter((result) => result.status === 'rejected');
    expect(failures.map((result) => result.reason as unknown)).toEqual(Array(3).fill(withCode('QUOTA_EXCEEDED')));
    await create('two', 0);
    await expect(create('one', 9)).rejects.toEqual(withCode('QUOTA_EXCEEDED'));
    await gallery.deleteGroup({ owner: 'one', groupId: 'g0' });
    await create('one', 9);
  });

  test('are empty when they are deleted and created again', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const { enrolled } = await gallery.enrol(staff, [newFace(randomNumbers(1))]);
    const deletion = gallery.deleteGroup(staff);
    // Waits for the deletion, and does not find the group there any more.
    await gallery.createGroup(staff, 'm2');
    await deletion;
    expect(gallery.group(staff)).toMatchObject({ modelVersion: 'm2', faceCount: 0 });
    expect(() => gallery.face(staff, enrolled[0]!.faceId)).toThrow(withCode('FACE_NOT_FOUND'));
  });

  test('are deleted once', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const tries = await Promise.allSettled([gallery.deleteGroup(staff), gallery.deleteGroup(staff)]);
    expect(tries).toEqual([
      { status: 'fulfilled', value: {} },
      { status: 'rejected', reason: withCode('GROUP_NOT_FOUND') },
    ]);
  });
});

describe('what is not there', () => {
  const random = randomNumbers(1);
  const probe = randomEmbedding(random);
  const faceId = '00000000-0000-4000-8000-000000000000';
  const operations: [string, (gallery: LevelGallery) => unknown][] = [
    ['group', (g) => g.group(staff)],
    ['deleteGroup', (g) => g.deleteGroup(staff)],
    ['freePlaces', (g) => g.freePlaces(staff)],
    ['enrol', (g) => g.enrol(staff, [newFace(random)])],
    ['listFaces', (g) => g.listFaces(staff, { limit: 1 })],
    ['searchByEmbedding', (g) => g.searchByEmbedding(staff, { embedding: probe }, anything)],
  ];
  const faceOperations: [string, (gallery: LevelGallery) => unknown][] = [
    ['face', (g) => g.face(staff, faceId)],
    ['deleteFace', (g) => g.deleteFace(staff, faceId)],
    ['searchByFace', (g) => g.searchByFace(staff, faceId, anything)],
    ['compareWithFace', (g) => g.compareWithFace(staff, faceId, { embedding: probe }, percent)],
  ];
  test.each([...operations, ...faceOperations])('%s of no group is GROUP_NOT_FOUND', async (_, operation) => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup({ ...staff, owner: 'another' }, 'm1');
    await expect(async () => operation(gallery)).rejects.toEqual(withCode('GROUP_NOT_FOUND'));
  });
  test.each(faceOperations)('%s of no face is FACE_NOT_FOUND', async (_, operation) => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    await gallery.enrol(staff, [newFace(random)]);
    await expect(async () => operation(gallery)).rejects.toEqual(withCode('FACE_NOT_FOUND'));
  });
  test.each([...operations, ...faceOperations])('%s outside of start and stop is STOPPED', async (_, operation) => {
    const store = await openStore(await temporaryDirectory());
    const limits = { maxGroups: 10, maxFacesPerGroup: 10 };
    const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
    await expect(async () => operation(gallery)).rejects.toEqual(withCode('STOPPED'));
    await gallery.start(forever);
    await gallery.stop();
    await gallery.stop();
    await expect(async () => operation(gallery)).rejects.toEqual(withCode('STOPPED'));
    expect(gallery.health().status).toBe('failed');
  });
});

describe('enrolment', () => {
  test('gives every face its own id and the picture one, in the order given', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(2);
    const faces = [newFace(random, { externalImageId: 'anna.jpg' }), newFace(random)];
    const { imageId, enrolled } = await gallery.enrol(staff, faces);
    expect(enrolled).toEqual(
      faces.map(({ bbox, detectionScore, externalImageId }) => ({
        faceId: expect.any(String) as string,
        imageId,
        ...(externalImageId ? { externalImageId } : {}),
        bbox,
        detectionScore,
        enrolledAtMs: expect.any(Number) as number,
      })),
    );
    expect(new Set([imageId, ...enrolled.map((face) => face.faceId)]).size).toBe(3);
    expect(enrolled.map((face) => gallery.face(staff, face.faceId))).toEqual(enrolled);
    expect(gallery.group(staff).faceCount).toBe(2);
  });

  test('of no face writes nothing', async () => {
    const { gallery, store } = await openGallery(await temporaryDirectory(), {
      limits: { maxGroups: 1, maxFacesPerGroup: 1 },
    });
    await gallery.createGroup(staff, 'm1');
    await gallery.enrol(staff, [newFace(randomNumbers(1))]);
    const before = store.stats().batches;
    expect((await gallery.enrol(staff, [])).enrolled).toEqual([]);
    expect(store.stats().batches).toBe(before);
  });

  test('stops at the quota: the first faces fit, then none', async () => {
    const { gallery } = await openGallery(await temporaryDirectory(), {
      limits: { maxGroups: 1, maxFacesPerGroup: 5 },
    });
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(3);
    await gallery.enrol(staff, [newFace(random), newFace(random), newFace(random)]);
    expect(gallery.freePlaces(staff)).toBe(2);
    const faces = [newFace(random), newFace(random), newFace(random)];
    const { enrolled } = await gallery.enrol(staff, faces);
    expect(enrolled.map((face) => face.bbox)).toEqual([faces[0]!.bbox, faces[1]!.bbox]);
    await expect(gallery.enrol(staff, faces)).rejects.toEqual(withCode('QUOTA_EXCEEDED'));
    await gallery.deleteFace(staff, enrolled[0]!.faceId);
    expect((await gallery.enrol(staff, faces)).enrolled).toHaveLength(1);
  });

  test('by many at once never exceeds the quota', async () => {
    const { gallery } = await openGallery(await temporaryDirectory(), {
      limits: { maxGroups: 1, maxFacesPerGroup: 50 },
    });
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(4);
    const tries = Array.from({ length: 40 }, () =>
      gallery.enrol(staff, [newFace(random), newFace(random), newFace(random)]),
    );
    // Places are taken at once, not when the disk has answered.
    expect(gallery.freePlaces(staff)).toBe(0);
    const results = await Promise.allSettled(tries);
    const enrolled = results.flatMap((result) => (result.status === 'fulfilled' ? result.value.enrolled : []));
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(enrolled).toHaveLength(50);
    expect(gallery.group(staff).faceCount).toBe(50);
    expect(reasons).toEqual(Array(23).fill(withCode('QUOTA_EXCEEDED')));
  });

  test('keeps its own copy of the embedding', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const face = newFace(randomNumbers(5));
    const probe = face.embedding.slice();
    const enrolment = gallery.enrol(staff, [face]);
    face.embedding.fill(0);
    const { enrolled } = await enrolment;
    expect(gallery.compareWithFace(staff, enrolled[0]!.faceId, { embedding: probe }, percent)).toBeCloseTo(100, 3);
  });

  test('into a group that is being deleted resurrects nothing', async () => {
    const directory = await temporaryDirectory();
    const { gallery, store, stop } = await openGallery(directory);
    const random = randomNumbers(6);
    await gallery.createGroup(staff, 'm1');
    const before = gallery.enrol(staff, [newFace(random)]);
    const deletion = gallery.deleteGroup(staff);
    const after = gallery.enrol(staff, [newFace(random)]);
    await expect(after).rejects.toEqual(withCode('GROUP_NOT_FOUND'));
    expect(() => gallery.group(staff)).toThrow(withCode('GROUP_NOT_FOUND'));
    await Promise.all([before, deletion]);
    await store.idle();
    expect(gallery.stats()).toMatchObject({ groups: 0, faces: 0 });
    await stop();
    const again = await openGallery(directory);
    expect(again.gallery.stats()).toMatchObject({ groups: 0, faces: 0 });
  });

  test.each([
    ['not normalised', new Float32Array(128).fill(1)],
    ['zero', new Float32Array(128)],
    ['not a number', new Float32Array(128).fill(Number.NaN)],
    ['of other dimensions', randomEmbedding(randomNumbers(7), 64)],
  ])('and search of an embedding that is %s is a TypeError, and changes nothing', async (_, embedding) => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(8);
    const { enrolled } = await gallery.enrol(staff, [newFace(random)]);
    await expect(gallery.enrol(staff, [newFace(random), newFace(random, { embedding })])).rejects.toThrow(TypeError);
    expect(() => gallery.searchByEmbedding(staff, { embedding }, anything)).toThrow(TypeError);
    expect(() => gallery.compareWithFace(staff, enrolled[0]!.faceId, { embedding }, percent)).toThrow(TypeError);
    expect(gallery.group(staff).faceCount).toBe(1);
    expect(gallery.freePlaces(staff)).toBe(999);
  });
});

describe('search', () => {
  test('finds what a float64 scan finds, in its order', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(9);
    const faces = Array.from({ length: 600 }, () => newFace(random));
    const enrolled: EnrolledFace[] = [];
    for (let i = 0; i < faces.length; i += 20) {
      enrolled.push(...(await gallery.enrol(staff, faces.slice(i, i + 20))).enrolled);
    }
    for (const limit of [1, 10, 4_096]) {
      const probe = randomEmbedding(random);
      const expected = scan(
        faces.map((face) => face.embedding),
        probe,
      ).slice(0, limit);
      const matches = gallery.searchByEmbedding(staff, { embedding: probe }, { ...anything, limit });
      expect(matches.map((match) => match.face)).toEqual(expected.map((hit) => enrolled[hit.index]));
      const { face, similarity } = matches[0]!;
      expect(gallery.compareWithFace(staff, face.faceId, { embedding: probe }, percent)).toBeCloseTo(similarity, 3);
    }
    const probe = randomEmbedding(random);
    const similar = gallery.searchByEmbedding(staff, { embedding: probe }, { ...anything, threshold: 10 });
    expect(similar).toHaveLength(
      scan(
        faces.map((face) => face.embedding),
        probe,
      ).filter((hit) => hit.cosine >= 0.1).length,
    );
  });

  test('by face leaves out the face itself, and not its twin', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(10);
    const twin = newFace(random);
    const { enrolled } = await gallery.enrol(staff, [newFace(random), twin, { ...twin }, newFace(random), { ...twin }]);
    const ids = enrolled.map((face) => face.faceId);
    const found = (options = anything): string[] =>
      gallery.searchByFace(staff, ids[2]!, options).map((match) => match.face.faceId);
    expect(found().slice(0, 2)).toEqual([ids[1], ids[4]]);
    expect(found()).toHaveLength(4);
    expect(found({ ...anything, limit: 1, threshold: 99 })).toEqual([ids[1]]);
    await gallery.deleteFace(staff, ids[1]!);
    expect(found({ ...anything, limit: 1, threshold: 99 })).toEqual([ids[4]]);
  });

  test('in an empty group finds nothing', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const probe = randomEmbedding(randomNumbers(11));
    expect(gallery.searchByEmbedding(staff, { embedding: probe }, anything)).toEqual([]);
    const { enrolled } = await gallery.enrol(staff, [newFace(randomNumbers(12))]);
    expect(gallery.searchByFace(staff, enrolled[0]!.faceId, anything)).toEqual([]);
    await gallery.deleteFace(staff, enrolled[0]!.faceId);
    expect(gallery.searchByEmbedding(staff, { embedding: probe }, anything)).toEqual([]);
  });

  test('never gives a face whose deletion was acknowledged, and always one that stays', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(13);
    const faces = Array.from({ length: 60 }, () => newFace(random));
    const { enrolled } = await gallery.enrol(staff, faces);
    const gone = new Set<string>();
    const deletions = enrolled
      .filter((_, i) => i % 2 === 0)
      .map(async ({ faceId }) => {
        await gallery.deleteFace(staff, faceId);
        gone.add(faceId);
      });
    let running = true;
    const all = Promise.all(deletions).then(() => (running = false));
    for (let i = 1; running; i = (i + 2) % faces.length) {
      const matches = gallery.searchByEmbedding(staff, faces[i]!, anything);
      expect(matches[0]!.face).toEqual(enrolled[i]);
      expect(matches.some((match) => gone.has(match.face.faceId))).toBe(false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    expect(gallery.searchByEmbedding(staff, faces[0]!, anything)).toHaveLength(30);
  });
});

test('a face is deleted once, however many try', async () => {
  const { gallery } = await openGallery(await temporaryDirectory());
  await gallery.createGroup(staff, 'm1');
  const { enrolled } = await gallery.enrol(staff, [newFace(randomNumbers(14))]);
  const tries = await Promise.allSettled([1, 2, 3].map(() => gallery.deleteFace(staff, enrolled[0]!.faceId)));
  expect(tries.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(tries[2]).toEqual({ status: 'rejected', reason: withCode('FACE_NOT_FOUND') });
  expect(gallery.freePlaces(staff)).toBe(1_000);
});

describe('pages', () => {
  const walk = async <T>(next: (token?: string) => Promise<Page<T>>, between?: () => Promise<void>): Promise<T[][]> => {
    const pages: T[][] = [];
    for (let token: string | undefined; ;) {
      const page = await next(token);
      pages.push(page.items);
      token = page.nextToken;
      if (token === undefined) return pages;
      await between?.();
    }
  };

  test('of faces are newest first, and the last one has no token', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(15);
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.unshift((await gallery.enrol(staff, [newFace(random)])).enrolled[0]!.faceId);
    const list = async (limit: number): Promise<string[][]> =>
      (await walk((token) => gallery.listFaces(staff, { limit, ...(token ? { token } : {}) }))).map((page) =>
        page.map((face) => face.faceId),
      );
    expect(await list(4)).toEqual([ids.slice(0, 4), ids.slice(4)]);
    expect(await list(3)).toEqual([ids.slice(0, 3), ids.slice(3)]);
    expect(await list(6)).toEqual([ids]);
    expect(await list(200)).toEqual([ids]);
  });

  test('keep the limit they began with', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(16);
    await gallery.enrol(
      staff,
      Array.from({ length: 10 }, () => newFace(random)),
    );
    const { nextToken } = await gallery.listFaces(staff, { limit: 3 });
    expect((await gallery.listFaces(staff, { limit: 200, token: nextToken })).items).toHaveLength(3);
  });

  test('of faces show every face that was there throughout exactly once, whatever comes and goes', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(17);
    for (let round = 0; round < 5; round++) {
      while (gallery.group(staff).faceCount < 300) {
        await gallery.enrol(
          staff,
          Array.from({ length: 10 }, () => newFace(random)),
        );
      }
      const present = new Set((await gallery.listFaces(staff, { limit: 10_000 })).items.map((face) => face.faceId));
      const throughout = new Set(present);
      const change = async (): Promise<void> => {
        const { enrolled } = await gallery.enrol(staff, [newFace(random), newFace(random), newFace(random)]);
        enrolled.forEach((face) => present.add(face.faceId));
        for (let i = 0; i < 6; i++) {
          const faceId = [...present][Math.floor(random() * present.size)];
          present.delete(faceId!);
          throughout.delete(faceId!);
          await gallery.deleteFace(staff, faceId!);
        }
      };
      const pages = await walk((token) => gallery.listFaces(staff, { limit: 17, ...(token ? { token } : {}) }), change);
      const seen = pages.flat().map((face) => face.faceId);
      expect(new Set(seen).size).toBe(seen.length);
      expect([...throughout].filter((faceId) => !seen.includes(faceId))).toEqual([]);
    }
  });

  test('of groups show every group that was there throughout exactly once', async () => {
    const { gallery } = await openGallery(await temporaryDirectory(), {
      limits: { maxGroups: 100, maxFacesPerGroup: 10 },
    });
    const ref = (i: number): typeof staff => ({ owner: 'default', groupId: `g${String(i).padStart(3, '0')}` });
    for (let i = 0; i < 40; i += 2) await gallery.createGroup(ref(i), 'm1');
    let step = 0;
    const change = async (): Promise<void> => {
      step++;
      await gallery.createGroup(ref(2 * step + 1), 'm1');
      await gallery.deleteGroup(ref(6 * step));
    };
    const pages = await walk(
      (token) => gallery.listGroups('default', { limit: 4, ...(token ? { token } : {}) }),
      change,
    );
    const seen = pages.flat().map((group) => group.groupId);
    expect([...seen].sort()).toEqual(seen);
    expect(new Set(seen).size).toBe(seen.length);
    for (let i = 0; i < 40; i += 2) if (i % 6 !== 0 || i > 6 * step) expect(seen).toContain(ref(i).groupId);
  });

  test('have tokens for themselves alone, and for 10 minutes', async () => {
    let now = Date.UTC(2026, 8, 30);
    const { gallery } = await openGallery(await temporaryDirectory(), { clock: () => now });
    const random = randomNumbers(18);
    const refs = [staff, { owner: 'default', groupId: 'guests' }, { owner: 'other', groupId: 'staff' }];
    for (const ref of refs) {
      await gallery.createGroup(ref, 'm1');
      await gallery.enrol(ref, [newFace(random), newFace(random)]);
    }
    const faces = (await gallery.listFaces(staff, { limit: 1 })).nextToken as string;
    const groups = (await gallery.listGroups('default', { limit: 1 })).nextToken as string;
    const invalid = withCode('INVALID_TOKEN');
    await expect(gallery.listFaces(refs[1]!, { limit: 1, token: faces })).rejects.toEqual(invalid);
    await expect(gallery.listFaces(refs[2]!, { limit: 1, token: faces })).rejects.toEqual(invalid);
    await expect(gallery.listFaces(staff, { limit: 1, token: groups })).rejects.toEqual(invalid);
    await expect(gallery.listGroups('default', { limit: 1, token: faces })).rejects.toEqual(invalid);
    await expect(gallery.listGroups('other', { limit: 1, token: groups })).rejects.toEqual(invalid);
    await expect(gallery.listFaces(staff, { limit: 1, token: '' })).rejects.toEqual(invalid);
    now += 10 * 60_000 - 1;
    expect((await gallery.listFaces(staff, { limit: 1, token: faces })).items).toHaveLength(1);
    now += 1;
    await expect(gallery.listFaces(staff, { limit: 1, token: faces })).rejects.toEqual(invalid);
    await expect(gallery.listGroups('default', { limit: 1, token: groups })).rejects.toEqual(invalid);
  });

  test('of a deleted group are not valid for a new one of the same name', async () => {
    const { gallery } = await openGallery(await temporaryDirectory());
    const random = randomNumbers(19);
    const make = async (): Promise<string> => {
      await gallery.createGroup(staff, 'm1');
      await gallery.enrol(staff, [newFace(random), newFace(random)]);
      return (await gallery.listFaces(staff, { limit: 1 })).nextToken as string;
    };
    const token = await make();
    await gallery.deleteGroup(staff);
    await make();
    await expect(gallery.listFaces(staff, { limit: 1, token })).rejects.toEqual(withCode('INVALID_TOKEN'));
  });
});

test('a restart brings everything back, tokens included, and goes on where it was', async () => {
  const directory = await temporaryDirectory();
  const first = await openGallery(directory);
  const random = randomNumbers(20);
  const probe = randomEmbedding(random);
  for (const groupId of ['staff', 'guests']) await first.gallery.createGroup({ owner: 'default', groupId }, 'm1');
  for (let i = 0; i < 30; i++) {
    const faces = [newFace(random), newFace(random, { externalImageId: `picture-${i}` })];
    const { enrolled } = await first.gallery.enrol(staff, faces);
    if (i % 3 === 0) await first.gallery.deleteFace(staff, enrolled[i % 2]!.faceId);
  }
  const snapshot = async (gallery: LevelGallery): Promise<unknown> => ({
    groups: await gallery.listGroups('default', { limit: 10 }),
    faces: await gallery.listFaces(staff, { limit: 200 }),
    matches: gallery.searchByEmbedding(staff, { embedding: probe }, anything),
  });
  const before = await snapshot(first.gallery);
  const page = await first.gallery.listFaces(staff, { limit: 20 });
  await first.stop();

  const reports: LoadProgress[] = [];
  const second = await openGallery(directory, { onProgress: (progress) => reports.push(progress) });
  expect(await snapshot(second.gallery)).toEqual(before);
  expect(reports.at(-1)).toEqual({ groups: 2, totalGroups: 2, faces: 50 });
  expect(second.gallery.health()).toEqual({ status: 'ok', facts: { groups: 2, faces: 50 } });
  const { enrolled } = await second.gallery.enrol(staff, [newFace(random)]);
  expect((await second.gallery.listFaces(staff, { limit: 1 })).items).toEqual(enrolled);
  const rest = await second.gallery.listFaces(staff, { limit: 1, token: page.nextToken });
  expect(rest.items).toHaveLength(20);
  expect(rest.items.some((face) => page.items.some((seen) => seen.faceId === face.faceId))).toBe(false);
});

test('a start that is aborted while it loads ends there, and a later one succeeds', async () => {
  const directory = await temporaryDirectory();
  const { gallery, stop } = await openGallery(directory);
  await gallery.createGroup(staff, 'm1');
  await gallery.enrol(staff, [newFace(randomNumbers(21))]);
  await stop();
  const store = await openStore(directory);
  const limits = { maxGroups: 10, maxFacesPerGroup: 10 };
  const again = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  await expect(again.start(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  await again.stop();
  await again.start(forever);
  expect(again.group(staff).faceCount).toBe(1);
  await expect(again.start(forever)).rejects.toThrow(TypeError);
});
