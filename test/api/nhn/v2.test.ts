// Dialect v2.0 over a real socket: its paths, its secretKey, its forms, its filters, and the fields it leaves out.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callJson, face, picture, scripted, startHarness, type Answer, type Harness } from '../harness.js';

const NO_FACE = '00000000-0000-4000-8000-000000000000';
const SUCCESS = { isSuccessful: true, resultCode: 0, resultMessage: 'Success' };
const REFUSED = { isSuccessful: false, resultCode: -41005, resultMessage: 'UnauthorizedAppKeyOrSecretKey' };

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ livenessThresholds: { weak: -1, balanced: 0, strict: 1 } });
  harness.vision.hasLiveness = true;
});
afterAll(() => harness.close());

let groups = 0;
async function newGroup(): Promise<string> {
  const groupId = `group-${++groups}`;
  expect(await harness.callV2('POST', '/groups', { groupId })).toEqual({ header: SUCCESS });
  return groupId;
}

interface Registered {
  addedFaces: { faceId: string; imageId: string; externalImageId?: string }[];
}

async function enrol(groupId: string, degrees: number, externalImageId?: string) {
  const body = { image: picture(face(degrees)), externalImageId };
  const answer = await harness.callV2('POST', `/groups/${groupId}/faces`, body);
  return (answer.data as unknown as Registered).addedFaces[0]!;
}

/** The bytes of a picture, as a form sends them. */
function blob({ bytes }: { bytes: string }): Blob {
  return new Blob([Buffer.from(bytes, 'base64')], { type: 'image/jpeg' });
}

function form(fields: Record<string, string | Blob>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') data.set(name, value);
    else data.set(name, value, 'picture.jpg');
  }
  return data;
}

describe('the secretKey', () => {
  const call = (appKey: string, headers?: Record<string, string>, method = 'GET', path = '/groups') =>
    callJson(method, `${harness.origin}/v2.0/appkeys/${appKey}${path}`, undefined, headers);

  test('is accepted with its appKey, and no other text is', async () => {
    const { key: otherKey, secretKey: otherSecretKey = '' } = await harness.appKeys.create('other');
    const { appKey, secretKey } = harness;
    expect((await call(appKey, { authorization: secretKey })).header).toEqual(SUCCESS);
    const wrong = ['', 'x', appKey, otherSecretKey, `Bearer ${secretKey}`, secretKey.toLowerCase()];
    for (const authorization of wrong) {
      expect((await call(appKey, { authorization })).header).toMatchObject(REFUSED);
    }
    expect((await call(appKey)).header).toMatchObject(REFUSED);
    expect((await call('unknown', { authorization: secretKey })).header).toMatchObject(REFUSED);
    expect((await call(secretKey, { authorization: secretKey })).header).toMatchObject(REFUSED);
    await harness.appKeys.revoke('other');
    expect((await call(otherKey, { authorization: otherSecretKey })).header).toMatchObject(REFUSED);
  });

  test('is checked before anything else, and no answer tells which of the two was wrong', async () => {
    const answers = [
      await call(harness.appKey, { authorization: 'x' }, 'POST', '/groups'),
      await call('unknown', { authorization: harness.secretKey }, 'DELETE', '/groups/none'),
      await call(harness.appKey, {}, 'GET', '/groups?limit=0'),
    ];
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.header).toMatchObject(REFUSED);
  });

  test('is not asked for in v1.0, which sees the same groups', async () => {
    const groupId = await newGroup();
    expect((await harness.call('GET', `/groups/${groupId}`)).header).toEqual(SUCCESS);
  });
});

describe('groups', () => {
  test('are shown directly in data, without a model version', async () => {
    const groupId = await newGroup();
    await enrol(groupId, 0);
    expect(await harness.callV2('GET', `/groups/${groupId}`)).toEqual({
      header: SUCCESS,
      data: { groupId, createTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/) as string, faceCount: 1 },
    });
    expect(await harness.callV2('DELETE', `/groups/${groupId}`)).toEqual({ header: SUCCESS });
    expect((await harness.callV2('GET', `/groups/${groupId}`)).header.resultCode).toBe(-40030);
  });

  test('are listed in pages, by their ids alone', async () => {
    const own = await startHarness();
    try {
      for (const groupId of ['b', 'a', 'c']) await own.callV2('POST', '/groups', { groupId });
      const first = await own.callV2('GET', '/groups?limit=2');
      const nextToken = expect.any(String) as string;
      expect(first.data).toEqual({ groupCount: 2, groups: [{ groupId: 'a' }, { groupId: 'b' }], nextToken });
      const token = encodeURIComponent((first.data as { nextToken: string }).nextToken);
      const last = await own.callV2('GET', `/groups?next-token=${token}`);
      expect(last.data).toEqual({ groupCount: 1, groups: [{ groupId: 'c' }] });
    } finally {
      await own.close();
    }
  });
});

describe('the list of faces', () => {
  let groupId: string;
  let faces: Registered['addedFaces'];
  beforeAll(async () => {
    groupId = await newGroup();
    // Two pictures of the visitor, one of the guest; the picture of two faces comes last.
    faces = [
      await enrol(groupId, 0, 'visitor'),
      await enrol(groupId, 20, 'guest'),
      await enrol(groupId, 40, 'visitor'),
    ];
    const two = picture(face(60), face(80, { box: [600, 100, 780, 300] }));
    const answer = await harness.callV2('POST', `/groups/${groupId}/faces`, { image: two });
    faces.push(...(answer.data as unknown as Registered).addedFaces);
  });

  const list = (query: Record<string, string> = {}) =>
    harness.callV2('GET', `/groups/${groupId}/faces?${new URLSearchParams(query).toString()}`);
  const ids = (answer: Answer) => (answer.data as { faces: { faceId: string }[] }).faces.map(({ faceId }) => faceId);
  const readToken = (answer: Answer) => (answer.data as { nextToken: string }).nextToken;

  test('is newest first, without a model version', async () => {
    const answer = await list();
    expect(Object.keys(answer.data ?? {})).toEqual(['faceCount', 'faces']);
    expect(ids(answer)).toHaveLength(5);
    expect(ids(answer).slice(2)).toEqual([faces[2]!.faceId, faces[1]!.faceId, faces[0]!.faceId]);
  });

  test('filters by face, by picture, by external id, and by several of them at once', async () => {
    expect(ids(await list({ 'face-id': faces[1]!.faceId }))).toEqual([faces[1]!.faceId]);
    expect(ids(await list({ 'external-image-id': 'visitor' }))).toEqual([faces[2]!.faceId, faces[0]!.faceId]);
    const ofPicture = await list({ 'image-id': faces[3]!.imageId });
    expect(ofPicture.data).toMatchObject({ faceCount: 2 });
    expect(new Set(ids(ofPicture))).toEqual(new Set([faces[3]!.faceId, faces[4]!.faceId]));
    const both = { 'external-image-id': 'visitor', 'image-id': faces[0]!.imageId };
    expect(ids(await list(both))).toEqual([faces[0]!.faceId]);
    expect(ids(await list({ ...both, 'face-id': faces[2]!.faceId }))).toEqual([]);
  });

  test.each([
    ['face-id', NO_FACE],
    ['face-id', 'ill formed'],
    ['image-id', ''],
    ['external-image-id', 'nobody'],
    ['external-image-id', 'undefined'],
  ])('of a filter that no face fits (%s %j) is empty', async (name, value) => {
    expect(await list({ [name]: value })).toEqual({ header: SUCCESS, data: { faceCount: 0, faces: [] } });
  });

  test('walks the faces of a filter in pages', async () => {
    const filter = { 'external-image-id': 'visitor' };
    const first = await list({ ...filter, limit: '1' });
    expect(ids(first)).toEqual([faces[2]!.faceId]);
    const last = await list({ ...filter, 'next-token': readToken(first) });
    expect(last.data).toEqual({ faceCount: 1, faces: [expect.objectContaining({ faceId: faces[0]!.faceId })] });
  });

  test('takes a token only beside the filter it was issued under', async () => {
    const invalid = { header: expect.objectContaining({ resultCode: -40040 }) as object };
    const filtered = readToken(await list({ 'external-image-id': 'visitor', limit: '1' }));
    expect(await list({ 'next-token': filtered })).toEqual(invalid);
    expect(await list({ 'next-token': filtered, 'external-image-id': 'guest' })).toEqual(invalid);
    expect(await list({ 'next-token': filtered, 'image-id': 'visitor' })).toEqual(invalid);
    const unfiltered = readToken(await list({ limit: '1' }));
    expect(await list({ 'next-token': unfiltered, 'external-image-id': 'visitor' })).toEqual(invalid);
    expect(ids(await list({ 'next-token': unfiltered }))).toHaveLength(1);
  });

  test('refuses a filter twice', async () => {
    const answer = await harness.callV2('GET', `/groups/${groupId}/faces?face-id=a&face-id=b`);
    expect(answer.header.detail).toBe('The parameter face-id must be given once.');
  });

  test('loses a face that is deleted', async () => {
    const { faceId } = await enrol(groupId, 100, 'short-lived');
    expect(await harness.callV2('DELETE', `/groups/${groupId}/faces/${faceId}`)).toEqual({ header: SUCCESS });
    expect(ids(await list({ 'external-image-id': 'short-lived' }))).toEqual([]);
  });

  test('is not filtered in v1.0', async () => {
    const answer = await harness.call('GET', `/groups/${groupId}/faces?external-image-id=guest`);
    expect(answer.data).toMatchObject({ faceCount: 5 });
  });
});

describe('an operation with a picture answers a form as it answers JSON', () => {
  const image = picture(face(10));
  const imageFile = blob(image);
  let groupId: string;
  let faceId: string;
  beforeAll(async () => {
    groupId = await newGroup();
    ({ faceId } = await enrol(groupId, 0));
    for (const degrees of [5, 90]) await enrol(groupId, degrees);
  });

  const flags = { orientation: false, mask: false, spoofing: true, spoofingCondition: 'strict' };
  const texts = { orientation: 'false', mask: 'false', spoofing: 'true', spoofingCondition: 'strict' };
  const habits = { orientation: 'False', mask: '0', spoofing: 'TRUE', spoofingCondition: 'strict' };
  const cases: [string, () => string, object, Record<string, string | Blob>, object][] = [
    [
      'detect with flags as other clients write them',
      () => '/faces/detect',
      { image, ...flags },
      { imageFile, ...habits },
      { faceDetailCount: 1 },
    ],
    ['detect', () => '/faces/detect', { image }, { imageFile }, { faceDetailCount: 1 }],
    [
      'detect with options',
      () => '/faces/detect',
      { image, ...flags },
      { imageFile, ...texts },
      { faceDetailCount: 1 },
    ],
    [
      'search',
      () => `/groups/${groupId}/faces/search`,
      { image, limit: 1, threshold: 95.5 },
      { imageFile, limit: '1', threshold: '95.5' },
      { matchFaceCount: 1 },
    ],
    ['search with defaults', () => `/groups/${groupId}/faces/search`, { image }, { imageFile }, { matchFaceCount: 2 }],
    [
      'verify',
      () => `/groups/${groupId}/faces/${faceId}/verify`,
      { compareImage: image, ...flags },
      { imageFile, ...texts },
      { similarity: expect.closeTo(98.48, 1) as number },
    ],
    [
      'compare',
      () => '/faces/compare',
      { sourceImage: image, targetImage: picture(face(40)), threshold: 86 },
      { sourceImageFile: imageFile, targetImageFile: blob(picture(face(40))), threshold: '86' },
      { matchedFaceDetailCount: 1, unmatchedFaceDetailCount: 0 },
    ],
    [
      'compare with defaults',
      () => '/faces/compare',
      { sourceImage: image, targetImage: picture(face(40)) },
      { sourceImageFile: imageFile, targetImageFile: blob(picture(face(40))) },
      { matchedFaceDetailCount: 0, unmatchedFaceDetailCount: 1 },
    ],
  ];
  test.each(cases)('%s', async (_name, path, json, fields, data) => {
    const ofJson = await harness.callV2('POST', path(), json);
    const ofForm = await harness.callV2('POST', path(), form(fields));
    expect(ofJson.header).toEqual(SUCCESS);
    expect(ofJson.data).toMatchObject(data);
    expect(ofJson.data).not.toHaveProperty('modelVersion');
    expect(ofForm).toEqual(ofJson);
  });

  test('register, with a text that reads as a number and is none', async () => {
    const own = await newGroup();
    const four = picture(...[0, 1, 2, 3].map((i) => face(i * 20, { box: [i * 200, 0, i * 200 + 100, 100] })));
    for (const body of [
      { image: four, externalImageId: '0017', limit: 2 },
      form({ imageFile: blob(four), externalImageId: '0017', limit: '2' }),
    ]) {
      const { header, data } = await harness.callV2('POST', `/groups/${own}/faces`, body);
      expect(header).toEqual(SUCCESS);
      expect(data).toMatchObject({ addedFaceCount: 2, notAddedFaceCount: 2 });
      expect(data).not.toHaveProperty('modelVersion');
      expect((data as unknown as Registered).addedFaces[0]?.externalImageId).toBe('0017');
    }
    const byDefault = await harness.callV2('POST', `/groups/${own}/faces`, form({ imageFile: blob(four) }));
    expect(byDefault.data).toMatchObject({ addedFaceCount: 3 });
    expect(await harness.callV2('GET', `/groups/${own}`)).toMatchObject({ data: { faceCount: 7 } });
  });

  test('search by face finds the others, with its bounds in the query', async () => {
    const path = `/groups/${groupId}/faces/${faceId}/search`;
    const answer = await harness.callV2('GET', path);
    expect(answer.data).toMatchObject({ matchFaceCount: 1 });
    expect(answer.data).not.toHaveProperty('modelVersion');
    expect((await harness.callV2('GET', `${path}?threshold=99.9&limit=100`)).data).toMatchObject({ matchFaceCount: 0 });
  });

  test('search by image takes its bounds from the body alone', async () => {
    const path = `/groups/${groupId}/faces/search?limit=none&threshold=none`;
    expect((await harness.callV2('POST', path, { image })).data).toMatchObject({ matchFaceCount: 2 });
  });

  test('a url in a form is fetched by the same rules as any other url', async () => {
    const fields = { sourceImageFile: imageFile, targetImageUrl: 'http://127.0.0.1/picture.jpg' };
    const answer = await harness.callV2('POST', '/faces/compare', form(fields));
    expect(answer.header).toMatchObject({
      resultMessage: 'InvalidImageURLException:Target',
      detail: 'The url leads to an address that is private or not allowed.',
    });
  });
});

describe('a bad request', () => {
  const image = picture(face(0));
  const imageFile = blob(image);
  let groupId: string;
  let faceId: string;
  beforeAll(async () => {
    groupId = await newGroup();
    ({ faceId } = await enrol(groupId, 0));
  });
  const post = (path: string, body: unknown) => {
    const whole = path.replace('GROUP', groupId).replace('FACE', faceId);
    return harness.callV2('POST', whole, body);
  };

  const search = '/groups/GROUP/faces/search';
  const two = { sourceImageFile: imageFile, targetImageFile: imageFile };
  test.each<[string, Record<string, string | Blob>, string]>([
    ['/faces/detect', {}, 'imageFile is missing'],
    ['/faces/detect', { image: imageFile }, 'imageFile is missing'],
    ['/faces/detect', { imageFile: 'text' }, 'imageFile must be a file'],
    ['/faces/detect', { imageFile, mask: 'yes' }, 'mask must be a boolean'],
    ['/faces/detect', { imageFile, mask: '' }, 'mask must be a boolean'],
    ['/faces/detect', { imageFile, mask: imageFile }, 'mask must be a boolean'],
    ['/faces/detect', { imageFile, spoofing: '2' }, 'spoofing must be a boolean'],
    ['/faces/detect', { imageFile, spoofingCondition: 'harsh' }, 'spoofingCondition must be one of'],
    ['/groups/GROUP/faces', { imageFile, limit: '21' }, 'limit must be at most 20'],
    ['/groups/GROUP/faces', { imageFile, limit: 'many' }, 'limit must be a number'],
    ['/groups/GROUP/faces', { imageFile, externalImageId: '' }, 'externalImageId must have 1 to 255'],
    [search, { imageFile, limit: '101' }, 'limit must be at most 100'],
    [search, { imageFile, limit: '1.5' }, 'limit must be a whole number'],
    [search, { imageFile, threshold: '0' }, 'threshold must be at least 1'],
    ['/groups/GROUP/faces/FACE/verify', { compareImage: imageFile }, 'imageFile is missing'],
    [
      '/faces/compare',
      { targetImageFile: imageFile },
      'The field sourceImageFile or sourceImageUrl must be given, and not both.',
    ],
    [
      '/faces/compare',
      { ...two, targetImageUrl: 'http://a/' },
      'The field targetImageFile or targetImageUrl must be given, and not both.',
    ],
    ['/faces/compare', { ...two, threshold: '100.5' }, 'threshold must be at most 100'],
  ])('to %s with the form %j: %s', async (path, fields, detail) => {
    const answer = await post(path, form(fields));
    expect(answer.header).toMatchObject({ resultCode: -40000, detail: expect.stringContaining(detail) as string });
  });

  test.each<[string, object, string]>([
    ['/faces/detect', { imageFile: 'x' }, 'image is missing'],
    [search, { image, limit: 101 }, 'limit must be at most 100'],
    [search, { image, limit: '10' }, 'limit must be a number'],
    [search, { image, threshold: 100.5 }, 'threshold must be at most 100'],
    ['/faces/compare', { sourceImage: image, targetImage: image, threshold: '9' }, 'threshold must be a number'],
    ['/groups/GROUP/faces/FACE/verify', {}, 'compareImage is missing'],
  ])('to %s with %j: %s', async (path, body, detail) => {
    const answer = await post(path, body);
    expect(answer.header).toMatchObject({ resultCode: -40000, detail: expect.stringContaining(detail) as string });
  });

  test('to search by face beyond 100 matches', async () => {
    const answer = await harness.callV2('GET', `/groups/${groupId}/faces/${faceId}/search?limit=101`);
    expect(answer.header.detail).toBe('The parameter limit must be at most 100.');
  });

  test('with a broken form says so, and v1.0 takes no form', async () => {
    const url = `${harness.origin}/v2.0/appkeys/${harness.appKey}/faces/detect`;
    const headers = { authorization: harness.secretKey, 'content-type': 'multipart/form-data; boundary=x' };
    const broken = await callJson('POST', url, 'no form', headers);
    expect(broken.header).toMatchObject({ resultCode: -40000, detail: expect.stringContaining('form-data') as string });
    const v1 = await callJson('POST', `${harness.origin}${harness.base}/detect`, form({ imageFile }));
    expect(v1.header).toMatchObject({
      resultCode: -40000,
      detail: expect.stringContaining('The body is multipart; it must be a JSON object') as string,
    });
    const noForm = await harness.callV2('POST', '/groups', form({ groupId: 'by-form' }));
    expect(noForm.header).toMatchObject({
      resultCode: -40000,
      detail: expect.stringContaining('The body is multipart; it must be a JSON object') as string,
    });
  });

  test.each<[string, string, Record<string, Blob>, string]>([
    ['an empty file', '/faces/detect', { imageFile: new Blob([]) }, 'InvalidImageFormatException'],
    ['a text', '/faces/detect', { imageFile: new Blob(['text']) }, 'InvalidImageFormatException'],
    [
      'a file too long',
      '/faces/detect',
      { imageFile: new Blob([new Uint8Array(3_000_001)]) },
      'ImageTooLargeException',
    ],
    ['a body too long', '/faces/detect', { imageFile: new Blob([new Uint8Array(9e6)]) }, 'ImageTooLargeException'],
    [
      'a half',
      '/faces/compare',
      { ...two, targetImageFile: blob(scripted({ error: 'INVALID_IMAGE_FILE' })) },
      'InvalidImageFileException:Target',
    ],
    ['no face', '/faces/compare', { ...two, sourceImageFile: blob(picture()) }, 'InvalidParam'],
  ])('whose picture is %s', async (_name, path, fields, message) => {
    expect((await post(path, form(fields))).header.resultMessage).toBe(message);
  });

  test.each<[string, number, string, unknown]>([
    ['the parameters before the group', -40000, '/groups/none/faces/search', { image, limit: 0 }],
    ['the group before the face', -40030, `/groups/none/faces/${NO_FACE}/verify`, { compareImage: { bytes: '*' } }],
    ['the face before the picture', -40050, `/groups/GROUP/faces/${NO_FACE}/verify`, { compareImage: { bytes: '*' } }],
    [
      'the group before an overlong form',
      -40030,
      '/groups/none/faces',
      form({ imageFile: new Blob([new Uint8Array(9e6)]) }),
    ],
  ])('is answered for %s (%i)', async (_name, code, path, body) => {
    expect((await post(path, body)).header.resultCode).toBe(code);
  });

  test('to a path of v1.0 gets a plain 404', async () => {
    for (const path of ['/detect', '/compare', '/spoofing', `/groups/${groupId}/search`, `/groups/${groupId}`]) {
      const response = await fetch(`${harness.origin}/v2.0/appkeys/${harness.appKey}${path}`, {
        method: 'POST',
        headers: { authorization: harness.secretKey },
        body: '{}',
      });
      expect(response.status).toBe(404);
      await response.text();
    }
  });
});
