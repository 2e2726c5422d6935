// Faces that cannot be recognised: they are not registered, match nobody, and `detail` says why.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainNoMatch, explainNotAdded } from '../../../src/api/nhn/unrecognisable.js';
import type { FaceFlaw } from '../../../src/domain/face.js';
import { BLURRED, CLEAR, conditionScales, MASKED } from '../../gallery/conditions.js';
import { face, picture, startHarness, type Answer, type Harness, type ScriptedFace } from '../harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ scales: conditionScales });
});
afterAll(() => harness.close());

let groups = 0;
async function newGroup(): Promise<string> {
  const groupId = `group-${++groups}`;
  expect((await harness.call('POST', '/groups', { groupId })).header.resultCode).toBe(0);
  return groupId;
}

const clear = (degrees: number, rest: Partial<ScriptedFace> = {}) => face(degrees, { condition: CLEAR, ...rest });
const blurred = (degrees: number, rest: Partial<ScriptedFace> = {}) =>
  face(degrees, { condition: BLURRED, flaw: 'blurred', ...rest });
const beside: Partial<ScriptedFace> = { box: [500, 100, 650, 300] };

/** Both dialects, with the paths of their operations. */
const dialects = [
  {
    name: 'v1.0',
    call: (method: string, path: string, body?: unknown): Promise<Answer> => harness.call(method, path, body),
    registerAt: (groupId: string) => `/groups/${groupId}`,
    searchAt: (groupId: string) => `/groups/${groupId}/search`,
    searchByFaceAt: (groupId: string, faceId: string) => `/groups/${groupId}/faces/${faceId}`,
    verifyAt: (groupId: string, faceId: string) => `/verify/groups/${groupId}/faces/${faceId}`,
    compareAt: '/compare',
  },
  {
    name: 'v2.0',
    call: (method: string, path: string, body?: unknown): Promise<Answer> => harness.callV2(method, path, body),
    registerAt: (groupId: string) => `/groups/${groupId}/faces`,
    searchAt: (groupId: string) => `/groups/${groupId}/faces/search`,
    searchByFaceAt: (groupId: string, faceId: string) => `/groups/${groupId}/faces/${faceId}/search`,
    verifyAt: (groupId: string, faceId: string) => `/groups/${groupId}/faces/${faceId}/verify`,
    compareAt: '/faces/compare',
  },
];

async function enrolClear(groupId: string): Promise<string> {
  const { data } = await harness.call('POST', `/groups/${groupId}`, { image: picture(clear(0)) });
  return (data as { addedFaces: { faceId: string }[] }).addedFaces[0]!.faceId;
}

/** Enrols a face as an older version did: without asking whether it can be recognised. */
async function enrolBlurred(groupId: string): Promise<string> {
  const embedding = new Float32Array(8);
  embedding[0] = 1;
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  const added = { bbox, detectionScore: 0.9, embedding, condition: BLURRED };
  const { enrolled } = await harness.gallery.enrol({ owner: harness.owner, groupId }, [added]);
  return enrolled[0]!.faceId;
}

describe.each(dialects)('$name', ({ call, registerAt, searchAt, searchByFaceAt, verifyAt, compareAt }) => {
  test('register leaves the only face out, and says why', async () => {
    const groupId = await newGroup();
    const { header, data } = await call('POST', registerAt(groupId), { image: picture(blurred(0)) });
    expect(header).toEqual({
      isSuccessful: true,
      resultCode: 0,
      resultMessage: 'Success',
      detail: '1 face was not added: it cannot be recognised, because it is blurred or too coarse.',
    });
    expect(data).toMatchObject({ addedFaceCount: 0, notAddedFaceCount: 1, notAddedFaces: [{ bbox: { x0: 0.1 } }] });
    expect(harness.gallery.group({ owner: harness.owner, groupId })).toMatchObject({ faceCount: 0 });
  });

  test('register adds the others, and a masked face', async () => {
    const groupId = await newGroup();
    const masked = face(80, { condition: MASKED, masked: true, box: [700, 100, 800, 200] });
    const { header, data } = await call('POST', registerAt(groupId), {
      image: picture(blurred(0), clear(40, beside), masked),
    });
    expect(data).toMatchObject({ addedFaceCount: 2, notAddedFaceCount: 1 });
    expect(header).toMatchObject({ resultCode: 0, detail: expect.stringMatching(/^1 face was not added/) as string });
  });

  test('register counts the face towards the limit: nobody else is enrolled in its place', async () => {
    const image = picture(blurred(0), clear(40, beside));
    const { header, data } = await call('POST', registerAt(await newGroup()), { image, limit: 1 });
    expect(data).toMatchObject({ addedFaceCount: 0, notAddedFaceCount: 2 });
    expect(header.resultCode).toBe(0);
    expect(header.detail).toMatch(/^1 face was not added/);
  });

  test('an answer about clear faces has no detail', async () => {
    const groupId = await newGroup();
    const plain = { isSuccessful: true, resultCode: 0, resultMessage: 'Success' };
    expect((await call('POST', registerAt(groupId), { image: picture(clear(0)) })).header).toEqual(plain);
    expect((await call('POST', searchAt(groupId), { image: picture(clear(0)) })).header).toEqual(plain);
  });

  test('search by picture finds nobody, and tells the source face', async () => {
    const groupId = await newGroup();
    await enrolClear(groupId);
    const { header, data } = await call('POST', searchAt(groupId), { image: picture(blurred(0)), threshold: 1 });
    expect(data).toMatchObject({ matchFaceCount: 0, matchFaces: [], sourceFace: { bbox: { x0: 0.1 } } });
    expect(header).toMatchObject({
      resultCode: 0,
      detail: 'A face in the picture cannot be recognised, because it is blurred or too coarse: it matches nobody.',
    });
  });

  test('search by a face that cannot be recognised finds nobody', async () => {
    const groupId = await newGroup();
    await enrolClear(groupId);
    const { header, data } = await call('GET', searchByFaceAt(groupId, await enrolBlurred(groupId)));
    expect(data).toMatchObject({ matchFaceCount: 0 });
    expect(header.detail).toMatch(/^The enrolled face cannot be recognised/);
  });

  test('verify answers similarity 0, whichever side it is', async () => {
    const groupId = await newGroup();
    const faceId = await enrolClear(groupId);
    const probe = await call('POST', verifyAt(groupId, faceId), { compareImage: picture(blurred(0)) });
    expect(probe.data).toMatchObject({ similarity: 0, sourceFace: { bbox: { x0: 0.1 } } });
    expect(probe.header).toMatchObject({
      resultCode: 0,
      detail: 'A face in compareImage cannot be recognised, because it is blurred or too coarse: it matches nobody.',
    });
    const path = verifyAt(groupId, await enrolBlurred(groupId));
    const enrolled = await call('POST', path, { compareImage: picture(clear(0)) });
    expect(enrolled.data).toMatchObject({ similarity: 0 });
    expect(enrolled.header.detail).toMatch(/^The enrolled face cannot be recognised/);
    const both = await call('POST', path, { compareImage: picture(blurred(0)) });
    expect(both.header.detail).toMatch(/^A face in compareImage .* The enrolled face /);
  });

  test('compare lists such a target as unmatched with similarity 0', async () => {
    const { header, data } = await call('POST', compareAt, {
      sourceImage: picture(clear(0)),
      targetImage: picture(blurred(0), clear(0, beside)),
    });
    expect(data).toMatchObject({
      matchedFaceDetails: [{ similarity: 100 }],
      unmatchedFaceDetails: [{ similarity: 0, faceDetail: { bbox: { x0: 0.1 } } }],
    });
    expect(header.detail).toMatch(/^A face in targetImage cannot be recognised/);
  });

  test('compare matches nothing with such a source, which is no error', async () => {
    const { header, data } = await call('POST', compareAt, {
      sourceImage: picture(blurred(0)),
      targetImage: picture(clear(0)),
    });
    expect(header).toMatchObject({
      resultCode: 0,
      detail: expect.stringMatching(/^A face in sourceImage cannot/) as string,
    });
    expect(data).toMatchObject({ matchedFaceDetailCount: 0, unmatchedFaceDetails: [{ similarity: 0 }] });
  });
});

test('a quota that is reached is told beside a face that cannot be recognised', async () => {
  const own = await startHarness({ scales: conditionScales, limits: { maxFacesPerGroup: 1 } });
  try {
    await own.call('POST', '/groups', { groupId: 'door' });
    const only = await own.call('POST', '/groups/door', { image: picture(blurred(0)), limit: 3 });
    expect([only.header.resultCode, only.data?.addedFaceCount]).toEqual([0, 0]);
    const image = picture(blurred(0), clear(40, beside), clear(80, { box: [700, 100, 800, 200] }));
    const { header, data } = await own.call('POST', '/groups/door', { image });
    expect(data).toMatchObject({ addedFaceCount: 1, notAddedFaceCount: 2 });
    expect(header).toMatchObject({ resultCode: 40070, detail: expect.stringMatching(/^1 face was not/) as string });
  } finally {
    await own.close();
  }
});

test.each<[(FaceFlaw | undefined)[], string | undefined]>([
  [[], undefined],
  [['dark'], '1 face was not added: it cannot be recognised, because it is too dark.'],
  [[undefined], '1 face was not added: it cannot be recognised, because it is covered, cut off or distorted.'],
  [['turned', 'turned'], '2 faces were not added: they cannot be recognised, because they are turned away.'],
  [
    ['bright', 'covered', 'bright', 'blurred'],
    '4 faces were not added: they cannot be recognised, because 2 are overexposed, 1 is covered and 1 is blurred or too coarse.',
  ],
])('the sentence about faces with the flaws %j is: %s', (flaws, sentence) => {
  expect(explainNotAdded(flaws.map((flaw) => (flaw ? { flaw } : {})))).toBe(sentence);
});

test('several faces of a picture match nobody', () => {
  expect(explainNoMatch([{ flaw: 'dark' }, {}], 'targetImage')).toBe(
    '2 faces in targetImage cannot be recognised, because 1 is too dark and 1 is covered, cut off or distorted: they match nobody.',
  );
});
