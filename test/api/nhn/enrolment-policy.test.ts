// Register under each enrolment policy: what is added, what is refused, and what `detail` says. The contract's form stays as it is.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { face, picture, startHarness, type Answer, type Harness, type ScriptedFace } from '../harness.js';

let harness: Harness;
beforeAll(async () => {
  const groups = [
    { group: 'strict', enrolment: 'one-person-per-id' as const },
    { group: 'strictest', enrolment: 'one-face-per-picture' as const },
  ];
  harness = await startHarness({ policies: { enrolment: 'open', groups } });
});
afterAll(() => harness.close());

const dialects = [
  {
    name: 'v1.0',
    call: (path: string, body: unknown): Promise<Answer> => harness.call('POST', path, body),
    registerAt: (groupId: string) => `/groups/${groupId}`,
  },
  {
    name: 'v2.0',
    call: (path: string, body: unknown): Promise<Answer> => harness.callV2('POST', path, body),
    registerAt: (groupId: string) => `/groups/${groupId}/faces`,
  },
];

/** Faces side by side, the largest first: each is a person of its own. */
const crowd: ScriptedFace[] = [
  face(0, { box: [0, 0, 300, 300] }),
  face(90, { box: [300, 0, 500, 200] }),
  face(180, { box: [600, 0, 700, 100] }),
];
const ONE_PERSON = 'In this group an externalImageId holds one person only.';
const SUCCESS = { isSuccessful: true, resultCode: 0, resultMessage: 'Success' };

describe.each(dialects)('$name', ({ call, registerAt }) => {
  async function newGroup(groupId: string): Promise<void> {
    await harness.call('DELETE', `/groups/${groupId}`);
    expect((await harness.call('POST', '/groups', { groupId })).header.resultCode).toBe(0);
  }
  const register = (groupId: string, more: object, ...faces: ScriptedFace[]): Promise<Answer> =>
    call(registerAt(groupId), { image: picture(...faces), externalImageId: 'badge-17', ...more });
  const countFaces = (groupId: string): number => harness.gallery.group({ owner: harness.owner, groupId }).faceCount;

  test('open: a group photo registers three people under one id, and the answer says so', async () => {
    await newGroup('lax');
    const { header, data } = await register('lax', {}, ...crowd);
    expect(header).toEqual({
      ...SUCCESS,
      detail:
        'The picture shows several people, who were added under one externalImageId: cameras take them for one person.',
    });
    expect(data).toMatchObject({ addedFaceCount: 3, notAddedFaceCount: 0 });
  });

  test('open: another person is added under an id that is taken, and the answer says so', async () => {
    await newGroup('lax');
    expect((await register('lax', {}, face(0))).header).toEqual(SUCCESS);
    expect((await register('lax', {}, face(20))).header).toEqual(SUCCESS);
    const { header, data } = await register('lax', {}, face(90));
    expect(header).toEqual({
      ...SUCCESS,
      detail:
        '1 face was added although it is unlike the faces that were enrolled under this externalImageId before (similarity 17.3): ' +
        'cameras take both people for one person.',
    });
    expect(data).toMatchObject({ addedFaceCount: 1 });
  });

  test('open: nothing is said about people without an id', async () => {
    await newGroup('lax');
    const { header } = await call(registerAt('lax'), { image: picture(...crowd) });
    expect(header).toEqual(SUCCESS);
  });

  test('one-person-per-id: of a group photo only the largest face is added', async () => {
    await newGroup('strict');
    const { header, data } = await register('strict', {}, ...crowd);
    expect(header).toEqual({
      ...SUCCESS,
      detail: `2 faces were not added: they are unlike the face of this picture that was added. ${ONE_PERSON}`,
    });
    expect(data).toMatchObject({
      addedFaceCount: 1,
      addedFaces: [{ externalImageId: 'badge-17', bbox: { x1: 0.3 } }],
      notAddedFaceCount: 2,
      notAddedFaces: [{ bbox: { x0: 0.3 } }, { bbox: { x0: 0.6 } }],
    });
    expect(countFaces('strict')).toBe(1);
  });

  test('one-person-per-id: another person does not come under an id that is taken, the same person does', async () => {
    await newGroup('strict');
    await register('strict', {}, face(0));
    const { header, data } = await register('strict', {}, face(90));
    expect(header).toEqual({
      ...SUCCESS,
      detail: `1 face was not added: it is unlike the faces that are enrolled under this externalImageId (similarity 0.0). ${ONE_PERSON}`,
    });
    expect(data).toMatchObject({ addedFaceCount: 0, addedFaces: [], notAddedFaceCount: 1 });
    expect((await register('strict', {}, face(40))).data).toMatchObject({ addedFaceCount: 1 });
    expect((await register('strict', { externalImageId: 'badge-18' }, face(90))).data).toMatchObject({
      addedFaceCount: 1,
    });
    expect(countFaces('strict')).toBe(3);
  });

  test('one-person-per-id: a person under a second id is added, and the answer names the first face', async () => {
    await newGroup('strict');
    const { data } = await register('strict', {}, face(0));
    const { faceId } = (data as { addedFaces: { faceId: string }[] }).addedFaces[0]!;
    const { header } = await register('strict', { externalImageId: 'badge-18' }, face(1));
    expect(header).toEqual({
      ...SUCCESS,
      detail: `The person is also enrolled under another externalImageId, with the face ${faceId} (similarity 100.0).`,
    });
  });

  test('one-face-per-picture: no face of a group photo is added, even with limit 1', async () => {
    await newGroup('strictest');
    for (const more of [{}, { limit: 1 }, { externalImageId: null }]) {
      const { header, data } = await register('strictest', more, ...crowd);
      expect(header).toEqual({
        ...SUCCESS,
        detail: 'No face was added: the picture shows several faces, and this group takes pictures of one face only.',
      });
      expect(data).toMatchObject({ addedFaceCount: 0, addedFaces: [], notAddedFaceCount: 3 });
    }
    // Somebody who is turned away counts as well.
    const aside = face(90, { yaw: 80, box: [500, 100, 600, 200] });
    expect((await register('strictest', {}, face(0), aside)).data).toMatchObject({ addedFaceCount: 0 });
    expect(countFaces('strictest')).toBe(0);
    expect((await register('strictest', {}, face(0))).header).toEqual(SUCCESS);
  });

  test('one-face-per-picture: a picture without a face is answered as ever', async () => {
    await newGroup('strictest');
    const { header, data } = await register('strictest', {});
    expect(header).toEqual(SUCCESS);
    expect(data).toMatchObject({ addedFaceCount: 0, notAddedFaceCount: 0 });
  });

  test('a request may be stricter than the group, and not laxer', async () => {
    await newGroup('lax');
    await newGroup('strict');
    await register('lax', {}, face(0));
    await register('strict', {}, face(0));
    const stricter = { enrolment: 'one-person-per-id' };
    expect((await register('lax', stricter, face(90))).data).toMatchObject({ addedFaceCount: 0 });
    expect((await register('lax', { enrolment: null }, face(90))).data).toMatchObject({ addedFaceCount: 1 });
    expect((await register('strict', { enrolment: 'open' }, face(90))).data).toMatchObject({ addedFaceCount: 0 });
    const { header } = await register('lax', { enrolment: 'strict' }, face(0));
    expect(header.resultCode).toBe(-40000);
    expect(header.detail).toMatch(/enrolment/);
  });

  test('a group that is full answers as the contract says, whatever is refused besides', async () => {
    const full = await startHarness({ limits: { maxFacesPerGroup: 1 }, policies: { enrolment: 'one-person-per-id' } });
    try {
      await full.call('POST', '/groups', { groupId: 'door' });
      const send = (...faces: ScriptedFace[]): Promise<Answer> =>
        full.call('POST', '/groups/door', { image: picture(...faces), externalImageId: 'x' });
      const mixed = await send(crowd[0]!, crowd[1]!, face(10, { box: [800, 0, 880, 80] }));
      expect(mixed.header).toMatchObject({ resultCode: 40070, isSuccessful: true });
      expect(mixed.header.detail).toContain('1 face was not added');
      expect(mixed.data).toMatchObject({ addedFaceCount: 1, notAddedFaceCount: 2 });
      expect((await send(face(0))).header.resultCode).toBe(-40070);
    } finally {
      await full.close();
    }
  });
});

test('v2.0: a form takes the policy as well', async () => {
  await harness.call('POST', '/groups', { groupId: 'forms' });
  const send = (policy: string, degrees: number): Promise<Answer> => {
    const form = new FormData();
    const script = Buffer.from(picture(face(degrees)).bytes, 'base64');
    form.set('imageFile', new Blob([script]), 'one.jpg');
    form.set('externalImageId', 'a');
    form.set('enrolment', policy);
    return harness.callV2('POST', '/groups/forms/faces', form);
  };
  expect((await send('one-person-per-id', 0)).data).toMatchObject({ addedFaceCount: 1 });
  expect((await send('one-person-per-id', 90)).data).toMatchObject({ addedFaceCount: 0 });
  expect((await send('none', 0)).header.resultCode).toBe(-40000);
});
