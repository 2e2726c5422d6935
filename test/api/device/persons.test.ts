// The groups and the people of the device API over a real socket: lists, pages, changes with their proof, and what is refused.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EnrolmentPolicy } from '../../../src/domain/enrolment-policy.js';
import type { NewFace } from '../../../src/gallery/gallery.types.js';
import { expectSentence } from '../details.js';
import { MODEL } from '../harness.js';
import { findEmbedding, startDevice, type Device } from './harness.js';

const ADMIN = 'admin:front-desk';
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
    const closest = await device.call('GET', '/groups/old/closest?externalImageId=a');
    expect([closest.status, closest.body.error.code]).toEqual([409, 'MODEL_VERSION_MISMATCH']);
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
    const person = { masked: 0, detectionScore: range, recognisability: { best: 0.7, worst: 0.7 } };
    expect(first.body).toEqual({
      persons: [
        { externalImageId: 'a', faces: 1, ...person },
        { externalImageId: 'b-1', faces: 2, ...person },
      ],
      after: 'b-1',
      next: '/device/v1/groups/door/persons?appKey=default&limit=2&after=b-1',
    });
    const second = await device.call('GET', first.body.next.replace('/device/v1', ''));
    expect(second.body).toEqual({ persons: [{ externalImageId: 'b-2', faces: 1, ...person }] });
    const found = await device.call('GET', '/groups/door/persons?prefix=b-');
    expect(found.body).toMatchObject({ persons: [{ externalImageId: 'b-1' }, { externalImageId: 'b-2' }] });
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
    expect(body).toMatchObject({ closest: { externalImageId: 'b', similarity: expect.closeTo(86.6, 1) as number } });
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
