// The groups and the people of the device API over a real socket: lists, pages, changes with their proof, and what is refused.
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { EnrolmentPolicy } from '../../../src/domain/enrolment-policy.js';
import { SimilarityScales } from '../../../src/domain/similarity-scales.js';
import type { NewFace } from '../../../src/gallery/gallery.types.js';
import { expectSentence } from '../details.js';
import { MODEL } from '../harness.js';
import { findEmbedding, seen, startDevice, type Device } from './harness.js';

const ADMIN = 'admin:front-desk';
/** As the scripted vision reads it: one large face. */
const PICTURE = Buffer.from(JSON.stringify({ faces: [{ box: [100, 50, 500, 450] }] })).toString('base64');
const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
const policies: Record<string, EnrolmentPolicy> = {};
let device: Device;
beforeEach(async () => {
  device = await startDevice({ findPolicy: (groupId) => policies[groupId] ?? 'open' });
  await device.gallery.createGroup({ owner: device.owner, groupId: 'hall' }, MODEL);
});
afterEach(async () => {
  delete policies.door;
  await device.close();
});

const face = (degrees: number, externalImageId?: string): NewFace => ({
  bbox,
  detectionScore: 0.91234,
  embedding: findEmbedding(degrees),
  condition: { recognisability: 0.7, masked: false },
  ...(externalImageId !== undefined && { externalImageId }),
});

interface ListedPerson {
  externalImageId: string;
  recognised: boolean;
  recognisable?: number;
  problem?: string;
}

interface ListedFace {
  faceId: string;
  enrolledAt: string;
  origin?: string;
  quality?: number;
}

/** Reads the fields of an answer that this test is about. */
async function ask<Fields>(path: string, from = device, method = 'GET'): Promise<Fields> {
  return (await from.call(method, path)).body as unknown as Fields;
}

function enrol(groupId: string, ...faces: NewFace[]): Promise<unknown> {
  return device.gallery.enrol({ owner: device.owner, groupId }, faces);
}

describe('groups', () => {
  test('are listed page by page with counts, models and policy', async () => {
    policies.door = 'one-person-per-id';
    await device.gallery.createGroup({ owner: device.owner, groupId: 'old' }, 'gone-1');
    await enrol('door', face(0, 'a'), face(1, 'a'), face(90));
    const { body } = await device.call('GET', '/groups?limit=2');
    expect(body).toMatchObject({
      groups: [
        { groupId: 'door', faces: 3, persons: 1, modelVersion: MODEL, modelInstalled: true, policy: policies.door },
        { groupId: 'hall', faces: 0, persons: 0, policy: 'open' },
      ],
    });
    const next = body.next.replace('/device/v1', '');
    expect((await device.call('GET', next)).body).toMatchObject({
      groups: [{ groupId: 'old', modelVersion: 'gone-1', modelInstalled: false }],
    });
    expect(await ask('/groups/door')).toEqual((body as unknown as { groups: object[] }).groups[0]);
    const closest = await device.call('GET', '/groups/old/closest?externalImageId=a');
    expect([closest.status, closest.body.error.code]).toEqual([409, 'MODEL_VERSION_MISMATCH']);
  });

  test('are created under the models in use, and deleted with their faces, each with its proof', async () => {
    const created = await device.call('POST', '/groups', { groupId: 'visitors' });
    const proof = { sequence: expect.any(Number) as number, hash: expect.any(String) as string };
    expect([created.status, created.body]).toEqual([200, { groupId: 'visitors', modelVersion: MODEL, audit: proof }]);
    const again = await device.call('POST', '/groups', { groupId: 'visitors' });
    expect([again.status, again.body.error.code]).toEqual([409, 'DUPLICATED_GROUP']);
    expectSentence(again.body.error.message);
    await enrol('visitors', face(0, 'a'), face(1));
    const deleted = await device.call('DELETE', '/groups/visitors');
    expect([deleted.status, deleted.body]).toEqual([200, { deleted: 2, audit: proof }]);
    expect((await device.call('DELETE', '/groups/visitors')).body.error.code).toBe('GROUP_NOT_FOUND');
    expect((await device.audited()).at(-1)).toEqual([
      'group.deleted',
      ADMIN,
      { owner: device.owner, groupId: 'visitors', faces: 2 },
    ]);
    const { body } = await device.call('GET', '/audit?limit=1&action=group.deleted');
    const { sequence, hash } = body.entries[0] as unknown as { sequence: number; hash: string };
    expect(deleted.body).toMatchObject({ audit: { sequence, hash } });
    for (const groupId of ['', 'A', 'a/b', 'a'.repeat(256)]) {
      expect((await device.call('POST', '/groups', { groupId })).body.error.code).toBe('INVALID_PARAM');
    }
    expect((await device.call('POST', '/groups', { groupId: 'x', appKey: 'none' })).body.error.code).toBe('NOT_FOUND');
  });

  test('belong to an appKey; the names of the valid ones are listed', async () => {
    expect((await device.call('GET', '/app-keys')).body).toEqual({ appKeys: ['default'] });
  });

  test.each([
    ['/groups?appKey=none', 404, 'NOT_FOUND'],
    ['/groups?before=x', 400, 'INVALID_PARAM'],
    ['/groups?limit=201', 400, 'INVALID_PARAM'],
    ['/groups?owner=1', 400, 'INVALID_PARAM'],
    ['/groups/none/persons', 404, 'GROUP_NOT_FOUND'],
    ['/groups/%2e%2e/persons', 404, 'NOT_FOUND'],
    ['/groups/__proto__/persons', 404, 'GROUP_NOT_FOUND'],
    ['/groups/door/persons?appKey=none', 404, 'NOT_FOUND'],
    ['/groups/door/persons?prefix=%00', 400, 'INVALID_PARAM'],
    ['/groups/door/persons?prefix=a&prefix=b', 400, 'INVALID_PARAM'],
    ['/groups/door/persons?limit=1001', 400, 'INVALID_PARAM'],
    ['/groups/door/persons?search=a%20b', 400, 'INVALID_PARAM'],
    [`/groups/door/persons?after=${'a'.repeat(256)}`, 400, 'INVALID_PARAM'],
    ['/groups/door/faces', 400, 'INVALID_PARAM'],
    ['/groups/door/faces?externalImageId=nobody', 404, 'NOT_FOUND'],
    ['/groups/door/closest?externalImageId=nobody', 404, 'NOT_FOUND'],
    ['/groups/door/closest?externalImageId=a%2Fb', 400, 'INVALID_PARAM'],
  ])('GET %s is refused with %i', async (path, status, code) => {
    const answer = await device.call('GET', path);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expectSentence(answer.body.error.message);
  });
});

describe('people', () => {
  test('are listed in the order of their ids, and found by the beginning of an id', async () => {
    await enrol('door', face(0, 'b-2'), face(1, 'a'), face(2, 'b-1'), face(3, 'b-1'), face(4));
    const first = await device.call('GET', '/groups/door/persons?limit=2');
    const range = { best: 0.9123, worst: 0.9123 };
    const times = { firstEnrolledAt: expect.any(String) as string, lastEnrolledAt: expect.any(String) as string };
    const person = {
      masked: 0,
      recognised: true,
      ...times,
      detectionScore: range,
      recognisability: { best: 0.7, worst: 0.7 },
    };
    expect(first.body).toEqual({
      persons: [
        { externalImageId: 'a', faces: 1, recognisable: 1, ...person },
        { externalImageId: 'b-1', faces: 2, recognisable: 2, ...person },
      ],
      after: 'b-1',
      next: '/device/v1/groups/door/persons?appKey=default&limit=2&after=b-1',
    });
    const second = await device.call('GET', first.body.next.replace('/device/v1', ''));
    expect(second.body).toEqual({ persons: [{ externalImageId: 'b-2', faces: 1, recognisable: 1, ...person }] });
    const found = await device.call('GET', '/groups/door/persons?prefix=b-');
    expect(found.body).toMatchObject({ persons: [{ externalImageId: 'b-1' }, { externalImageId: 'b-2' }] });
  });

  test('are found by any part of their id, in upper or lower case, page by page', async () => {
    await enrol('door', face(0, 'Badge-17'), face(1, 'a-bad'), face(2, 'other'), face(3, 'BAD'), face(4));
    const list = async (query: string): Promise<string[]> => {
      const { persons } = await ask<{ persons: ListedPerson[] }>(`/groups/door/persons?${query}`);
      return persons.map(({ externalImageId }) => externalImageId);
    };
    expect(await list('search=bad')).toEqual(['BAD', 'Badge-17', 'a-bad']);
    expect(await list('search=E-1')).toEqual(['Badge-17']);
    expect(await list('search=bad&limit=2&after=BAD')).toEqual(['Badge-17', 'a-bad']);
    expect(await list('search=17&prefix=Badge')).toEqual(['Badge-17']);
    expect(await list('search=none')).toEqual([]);
    const { body } = await device.call('GET', '/groups/door/persons?search=bad&limit=2');
    expect(body.next).toBe('/device/v1/groups/door/persons?appKey=default&limit=2&search=bad&after=Badge-17');
  });

  test('say whether they can be recognised now, and why not', async () => {
    const points = [
      { cosine: 0.3, similarity: 30, far: 1e-3 },
      { cosine: 0.6, similarity: 60, far: 1e-5 },
    ];
    const other = await startDevice({
      scales: new SimilarityScales({ points, bounds: { bare: 0.4, masked: 0.4 } }),
    });
    onTestFinished(() => other.close());
    const { owner, gallery } = other;
    await gallery.createGroup({ owner, groupId: 'old' }, 'gone-1');
    const blurred = { condition: { recognisability: 0.1, masked: false } };
    const faces = [{ ...face(0, 'blurred'), ...blurred }, { ...face(1, 'mixed'), ...blurred }, face(2, 'mixed')];
    await gallery.enrol({ owner, groupId: 'door' }, faces);
    await gallery.enrol({ owner, groupId: 'old' }, [face(0, 'ann')]);
    const list = async (groupId: string): Promise<unknown> =>
      (await ask<{ persons: ListedPerson[] }>(`/groups/${groupId}/persons`, other)).persons.map(
        ({ externalImageId, recognised, recognisable, problem }) => [
          externalImageId,
          recognised,
          recognisable,
          problem,
        ],
      );
    expect(await list('door')).toEqual([
      ['blurred', false, 0, 'no-recognisable-face'],
      ['mixed', true, 1, undefined],
    ]);
    expect(await list('old')).toEqual([['ann', false, undefined, 'model-not-installed']]);
  });

  test('have the dates, the quality and the origin of their faces', async () => {
    await enrol('door', { ...face(0, 'a'), quality: 0.812345, origin: 'camera' });
    await enrol('door', { ...face(1, 'a'), quality: 0.4, origin: 'bulk' });
    await enrol('door', { ...face(2, 'a') });
    const { faces, person } = await ask<{ faces: ListedFace[]; person: object }>(
      '/groups/door/faces?externalImageId=a',
    );
    expect(faces.map(({ quality, origin }) => [quality, origin])).toEqual([
      [undefined, undefined],
      [0.4, 'bulk'],
      [0.8123, 'camera'],
    ]);
    const dates = faces.map(({ enrolledAt }) => enrolledAt).toSorted();
    expect(person).toMatchObject({
      externalImageId: 'a',
      faces: 3,
      quality: { best: 0.8123, worst: 0.4 },
      firstEnrolledAt: dates[0],
      lastEnrolledAt: dates.at(-1),
    });
  });

  test('come with their origin and quality from a camera, and from a kept face of a stranger', async () => {
    const request = { group: 'hall', externalImageId: 'guest', frames: 1 };
    const enrolment = device.call('POST', '/cameras/front/enrol', request);
    await expect.poll(() => device.cameras.watchers('front')).toBe(1);
    device.cameras.show('front', 'x', seen(10));
    expect((await enrolment).status).toBe(200);
    const { crop = new Uint8Array() } = seen(80);
    const kept = { cameraId: 'front', trackId: 1, quality: 0.5, modelVersion: MODEL, capturedAtMs: Date.now() };
    device.unknownFaces.keep({ ...kept, crop, embedding: findEmbedding(80) });
    await expect.poll(() => device.unknownFaces.stats().kept).toBe(1);
    const { faces } = await ask<{ faces: { id: string }[] }>('/unknown-faces');
    const body = { group: 'hall', externalImageId: 'late' };
    expect((await device.call('POST', `/unknown-faces/${faces[0]!.id}/enrol`, body)).status).toBe(200);
    for (const [id, origin, quality] of [
      ['guest', 'camera', 0.9],
      ['late', 'stranger', 0.5],
    ]) {
      const listed = await ask<{ faces: ListedFace[] }>(`/groups/hall/faces?externalImageId=${id}`);
      expect(listed.faces).toMatchObject([{ origin, quality }]);
    }
  });

  test('come with their origin from the NHN API: a single picture, or a batch', async () => {
    const { origin, appKey } = device;
    for (const [externalImageId, more] of [
      ['single', {}],
      ['batch', { origin: 'bulk' }],
    ] as const) {
      const body = JSON.stringify({ image: { bytes: PICTURE }, externalImageId, ...more });
      const headers = { 'content-type': 'application/json' };
      await fetch(`${origin}/nhn-face-reco/v1.0/appkeys/${appKey}/groups/hall`, { method: 'POST', body, headers });
    }
    for (const [id, expected] of [
      ['single', 'nhn'],
      ['batch', 'bulk'],
    ]) {
      const { faces } = await ask<{ faces: ListedFace[] }>(`/groups/hall/faces?externalImageId=${id}`);
      expect(faces).toMatchObject([{ origin: expected }]);
    }
  });

  test('lose one face, with its proof', async () => {
    await enrol('door', face(0, 'a'), face(1, 'a'));
    const { faces } = await ask<{ faces: ListedFace[] }>('/groups/door/faces?externalImageId=a');
    const { faceId } = faces[0]!;
    const deleted = await device.call('DELETE', `/groups/door/faces/${faceId}`);
    const entry = (await device.call('GET', '/audit?limit=1&action=face.deleted')).body.entries[0];
    const { sequence, hash } = entry as unknown as { sequence: number; hash: string };
    expect([deleted.status, deleted.body]).toEqual([200, { deleted: 1, audit: { sequence, hash } }]);
    expect(entry).toMatchObject({ actor: ADMIN, subject: { owner: device.owner, groupId: 'door', faceId } });
    for (const gone of [faceId, 'no-uuid', '..%2f..']) {
      const refused = await device.call('DELETE', `/groups/door/faces/${gone}`);
      expect([refused.status, refused.body.error.code]).toEqual([404, 'FACE_NOT_FOUND']);
      expectSentence(refused.body.error.message);
    }
    expect((await device.call('GET', '/groups/door/faces?externalImageId=a')).body.faces).toHaveLength(1);
  });

  test('have their faces listed newest first, without a picture or an embedding', async () => {
    await enrol('door', face(0, 'a'));
    await enrol('door', face(1, 'a'));
    await enrol('door', face(2, 'b'));
    const first = await device.call('GET', '/groups/door/faces?externalImageId=a&limit=1');
    expect(first.body.faces).toEqual([
      {
        faceId: expect.any(String) as string,
        imageId: expect.any(String) as string,
        enrolledAt: expect.any(String) as string,
        detectionScore: 0.9123,
        recognisability: 0.7,
        masked: false,
      },
    ]);
    const second = await device.call('GET', first.body.next.replace('/device/v1', ''));
    expect(second.body.faces).toHaveLength(1);
    expect(second.body.next).toBeUndefined();
    expect(second.body.faces).not.toEqual(first.body.faces);
    // A token of one person is not valid for another one.
    const other = await device.call('GET', first.body.next.replace('/device/v1', '').replace('Id=a&', 'Id=b&'));
    expect([other.status, other.body.error.code]).toEqual([400, 'INVALID_PARAM']);
  });

  test('have a closest other person, with the similarity', async () => {
    await enrol('door', face(0, 'a'), face(30, 'b'), face(80, 'c'));
    const { body } = await device.call('GET', '/groups/door/closest?externalImageId=a');
    expect(body).toMatchObject({
      closest: {
        externalImageId: 'b',
        similarity: expect.closeTo(86.6, 1) as number,
        threshold: expect.any(Number) as number,
        lookalike: true,
      },
    });
    const far = await device.call('GET', '/groups/door/closest?externalImageId=c');
    expect(far.body).toMatchObject({ closest: { externalImageId: 'b', lookalike: false } });
    await enrol('hall', face(0, 'a'));
    expect((await device.call('GET', '/groups/hall/closest?externalImageId=a')).body).toEqual({});
  });

  test('whose id is a dot or two are found, renamed and deleted', async () => {
    await enrol('door', face(0, '..'), face(1, '.'));
    expect((await device.call('GET', '/groups/door/faces?externalImageId=..')).body.faces).toHaveLength(1);
    const renamed = await device.call('POST', '/groups/door/persons/rename', { externalImageId: '.', to: 'dot' });
    expect(renamed.status).toBe(200);
    expect((await device.call('DELETE', '/groups/door/persons?externalImageId=..')).status).toBe(200);
    expect((await device.call('GET', '/groups/door/persons')).body).toMatchObject({
      persons: [{ externalImageId: 'dot' }],
    });
  });

  test('are deleted with all faces; the answer names the entry of the audit log', async () => {
    await enrol('door', face(0, 'a'), face(1, 'a'), face(2, 'b'));
    const { status, body } = await device.call('DELETE', '/groups/door/persons?externalImageId=a');
    const newest = (await device.call('GET', '/audit?limit=1&action=person.deleted')).body.entries[0];
    expect(newest).toMatchObject({
      actor: ADMIN,
      subject: { owner: device.owner, groupId: 'door', faces: 2 },
    });
    const { sequence, hash } = newest as unknown as { sequence: number; hash: string };
    expect([status, body]).toEqual([200, { deleted: 2, audit: { sequence, hash } }]);
    const again = await device.call('DELETE', '/groups/door/persons?externalImageId=a');
    expect([again.status, again.body.error.code]).toEqual([404, 'NOT_FOUND']);
    expect(device.gallery.people.list({ owner: device.owner, groupId: 'door' }, { limit: 9 })).toMatchObject({
      persons: [{ externalImageId: 'b', faces: 1 }],
    });
    expect((await device.call('DELETE', '/groups/door/persons')).body.error.message).toBe(
      'The parameter externalImageId is missing.',
    );
  });

  test('get another id, and join a person only where they may', async () => {
    policies.door = 'one-person-per-id';
    await enrol('door', face(0, 'a'), face(90, 'b'), face(10, 'c'));
    const rename = (externalImageId: string, to: string, more = {}) =>
      device.call('POST', '/groups/door/persons/rename', { externalImageId, to, ...more });
    expect((await rename('a', 'd')).body).toEqual({
      faces: 1,
      merged: false,
      audit: { sequence: expect.any(Number) as number, hash: expect.any(String) as string },
    });
    const taken = await rename('c', 'd');
    expect([taken.status, taken.body.error.code]).toEqual([409, 'PERSON_EXISTS']);
    expectSentence(taken.body.error.message);
    const refused = await rename('b', 'd', { merge: true });
    expect(refused.status).toBe(422);
    expect(refused.body.error).toMatchObject({ code: 'ENROLMENT_REFUSED', reason: 'id-of-somebody-else' });
    expect((await rename('c', 'd', { merge: true })).body).toMatchObject({ faces: 1, merged: true });
    expect((await rename('d', 'd')).body.error.code).toBe('INVALID_PARAM');
    expect((await device.audited()).at(-1)).toEqual([
      'person.renamed',
      ADMIN,
      { owner: device.owner, groupId: 'door', faces: 1, merged: true },
    ]);
  });

  test('move to another group of the same appKey and models', async () => {
    await device.gallery.createGroup({ owner: device.owner, groupId: 'old' }, 'gone-1');
    await enrol('door', face(0, 'a'), face(1, 'a'));
    const move = (group: string, from = 'door') =>
      device.call('POST', `/groups/${from}/persons/move`, { externalImageId: 'a', group });
    expect((await move('old')).body.error.code).toBe('MODEL_VERSION_MISMATCH');
    expect((await move('none')).body.error.code).toBe('GROUP_NOT_FOUND');
    expect((await move('door')).body.error.code).toBe('INVALID_PARAM');
    expect((await move('hall')).body).toMatchObject({ faces: 2, merged: false });
    expect((await move('hall')).body.error.code).toBe('NOT_FOUND');
    await enrol('door', face(2, 'a'), face(2, 'a'), face(2, 'a'), face(2, 'a'));
    expect((await move('hall')).body.error.code).toBe('PERSON_EXISTS');
    const full = await device.call('POST', '/groups/door/persons/move', { externalImageId: 'a', group: 'hall', merge: true }); // prettier-ignore
    expect([full.status, full.body.error.code]).toEqual([409, 'QUOTA_EXCEEDED']);
    expect((await device.audited()).at(-1)?.slice(0, 1)).toEqual(['face.enrolled']);
  });
});
