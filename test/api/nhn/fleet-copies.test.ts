// Groups that are copies of the fleet, in the NHN APIs: searched while they are fresh, and changed by nobody here.
import { createHash, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { normalise } from '../../../src/domain/embedding.js';
import { encodeFace } from '../../../src/gallery/face-record.js';
import { DIMENSIONS, face, MODEL, picture, startHarness, type Harness } from '../harness.js';

const AUTHORITY = 'head-office';
const faceId = randomUUID();
const image = picture(face(0));

let harness: Harness;
let isStale: boolean;
const ref = (): { owner: string; groupId: string } => ({ owner: harness.owner, groupId: 'staff' });

beforeEach(async () => {
  isStale = false;
  harness = await startHarness({
    copyTrust: ({ groupId }) => (isStale && groupId === 'staff' ? 'stale' : undefined),
  });
  const { gallery } = harness;
  const origin = { fleet: 'f'.repeat(32), group: 'a'.repeat(32), authority: AUTHORITY };
  await gallery.createCopy(ref(), MODEL, origin);
  const embedding = new Float32Array(DIMENSIONS);
  embedding.set([1, 0]);
  const stored = { faceId, imageId: randomUUID(), externalImageId: 'anna', bbox: { x0: 0, y0: 0, x1: 1, y1: 1 } };
  const record = encodeFace({ ...stored, detectionScore: 1 }, normalise(embedding));
  const digest = createHash('sha256').update(record).digest();
  const put = { id: 'b'.repeat(32), digest, sequence: 1, record };
  await gallery.copies.apply(ref(), { head: '{}', puts: [put], deletes: [] });
});
afterEach(() => harness.close());

const v1 = (method: string, path: string, body?: unknown) => harness.call(method, path, body);
const v2 = (method: string, path: string, body?: unknown) => harness.callV2(method, path, body);

describe('every change is refused, and the refusal names the authority:', () => {
  test.each([
    ['register', () => v1('POST', '/groups/staff', { image })],
    ['register, of a picture without a face', () => v1('POST', '/groups/staff', { image: picture() })],
    ['register in v2.0', () => v2('POST', '/groups/staff/faces', { image })],
    ['delete face', () => v1('DELETE', `/groups/staff/faces/${faceId}`)],
    ['delete face in v2.0', () => v2('DELETE', `/groups/staff/faces/${faceId}`)],
    ['delete group', () => v1('DELETE', '/groups/staff')],
    ['delete group in v2.0', () => v2('DELETE', '/groups/staff')],
  ])('%s', async (_, change) => {
    const { header, data } = await change();
    expect(header).toEqual({
      isSuccessful: false,
      resultCode: -40000,
      resultMessage: 'InvalidParam',
      detail:
        'The group staff is a copy of the fleet and cannot be changed here; change it at the authority head-office.',
    });
    expect(data).toBeUndefined();
    expect(harness.gallery.group(ref()).faceCount).toBe(1);
    // No picture was analysed for nothing.
    expect(harness.vision.calls).toHaveLength(0);
  });

  test('create group: the id is taken', async () => {
    const { header } = await v1('POST', '/groups', { groupId: 'staff' });
    expect(header).toMatchObject({ resultCode: -40020, resultMessage: 'DuplicatedGroupID' });
  });
});

test('a group of this device that has the id of a copy stays as it is: the copy is not made', async () => {
  const own = { owner: harness.owner, groupId: 'visitors' };
  await v1('POST', '/groups', { groupId: 'visitors' });
  await v1('POST', '/groups/visitors', { image });
  const origin = { fleet: 'f'.repeat(32), group: 'c'.repeat(32), authority: AUTHORITY };
  await expect(harness.gallery.createCopy(own, MODEL, origin)).rejects.toMatchObject({ code: 'DUPLICATED_GROUP' });
  expect(harness.gallery.group(own)).toMatchObject({ faceCount: 1 });
  expect(harness.gallery.group(own)).not.toHaveProperty('copyOf');
  expect((await v1('POST', '/groups/visitors', { image })).header.resultCode).toBe(0);
});

describe('a stale copy is searched by nobody:', () => {
  const questions: [string, () => ReturnType<typeof v1>][] = [
    ['search by image', () => v1('POST', '/groups/staff/search', { image })],
    ['search by image in v2.0', () => v2('POST', '/groups/staff/faces/search', { image })],
    ['search by face', () => v1('GET', `/groups/staff/faces/${faceId}`)],
    ['search by face in v2.0', () => v2('GET', `/groups/staff/faces/${faceId}/search`)],
    ['verify', () => v1('POST', `/verify/groups/staff/faces/${faceId}`, { compareImage: image })],
    ['verify in v2.0', () => v2('POST', `/groups/staff/faces/${faceId}/verify`, { compareImage: image })],
  ];

  test.each(questions)('%s', async (_, ask) => {
    expect((await ask()).header).toMatchObject({ resultCode: 0 });
    isStale = true;
    const { header, data } = await ask();
    expect(header).toMatchObject({ isSuccessful: false, resultCode: -50310, resultMessage: 'GroupStale' });
    expect(header.detail).toMatch(/^The group staff is a copy of the fleet that is too old/);
    expect(data).toBeUndefined();
    isStale = false;
    expect((await ask()).header).toMatchObject({ resultCode: 0 });
  });

  test('its faces are listed all the same, and other groups go on', async () => {
    isStale = true;
    expect((await v1('GET', '/groups/staff/faces')).data).toMatchObject({ faceCount: 1 });
    await v1('POST', '/groups', { groupId: 'own' });
    expect((await v1('POST', '/groups/own', { image })).header.resultCode).toBe(0);
    expect((await v1('POST', '/groups/own/search', { image })).data).toMatchObject({ matchFaceCount: 1 });
  });

  test('a register into it is refused as into a fresh one', async () => {
    isStale = true;
    expect((await v1('POST', '/groups/staff', { image })).header).toMatchObject({ resultCode: -40000 });
  });
});

test('a copy of models that are not installed is held and listed, and searched by nobody', async () => {
  const origin = { fleet: 'f'.repeat(32), group: 'd'.repeat(32), authority: AUTHORITY };
  await harness.gallery.createCopy({ owner: harness.owner, groupId: 'next' }, 'model-of-next-year', origin);
  expect((await v1('GET', '/groups/next')).data).toMatchObject({ groups: [{ modelVersion: 'model-of-next-year' }] });
  expect((await v1('POST', '/groups/next/search', { image })).header).toMatchObject({ resultCode: -40080 });
});
