// Every documented error of v1.0 over a real socket, and the order in which a request is checked.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RESULTS } from '../../../src/api/nhn/envelope.js';
import { ERROR_CODES, type ErrorCode } from '../../../src/errors.js';
import { expectSentence } from '../details.js';
import {
  callJson,
  face,
  picture,
  recordingLog,
  scripted,
  startHarness,
  type Answer,
  type Harness,
} from '../harness.js';

const NO_FACE = '00000000-0000-4000-8000-000000000000';
const image = picture(face(0));
const broken = { bytes: '*' };

const log = recordingLog();
let harness: Harness;
let faceId: string;
beforeAll(async () => {
  harness = await startHarness({ log, limits: { maxFacesPerGroup: 2, maxGroups: 4 } });
  for (const groupId of ['full', 'old', 'free']) await harness.call('POST', '/groups', { groupId });
  await harness.gallery.createGroup({ owner: harness.owner, groupId: 'foreign-model' }, 'another-model');
  for (const degrees of [0, 60]) await harness.call('POST', '/groups/full', { image: picture(face(degrees)) });
  const { items } = await harness.gallery.listFaces({ owner: harness.owner, groupId: 'full' }, { limit: 1 });
  faceId = items[0]!.faceId;
});
afterAll(() => harness.close());

/** A path with FACE in it means the enrolled face's. */
function call(method: string, path: string, body?: unknown) {
  return harness.call(method, path.replace('FACE', faceId), body);
}

const oversize = { bytes: 'A'.repeat(4_000_004) };
const text = { bytes: Buffer.from('just text').toString('base64') };

describe('InvalidParam', () => {
  test.each<[string, string, unknown, string]>([
    ['POST', '/groups', undefined, 'body is empty'],
    ['POST', '/groups', '', 'body is empty'],
    ['POST', '/groups', '{', 'not valid JSON'],
    ['POST', '/groups', '"text"', 'a JSON object'],
    ['POST', '/groups', 'null', 'a JSON object'],
    ['POST', '/groups', '[]', 'a JSON object'],
    ['POST', '/groups', {}, 'groupId is missing'],
    ['POST', '/groups', { groupId: null }, 'groupId is missing'],
    ['POST', '/groups', { groupId: 7 }, 'groupId must be a string'],
    ['POST', '/groups', '{"__proto__":{"groupId":"x"}}', 'field __proto__, which is not allowed'],
    ['POST', '/groups', String.raw`{"\u005f_proto__":{"groupId":"x"}}`, 'field __proto__, which is not allowed'],
    ['POST', '/groups', '{"groupId":"x","groupId":"y"}', 'a field twice'],
    ['POST', '/groups', String.raw`{"groupId":"x","group\u0049d":"y"}`, 'a field twice'],
    ['POST', '/groups', `{"groupId":${'['.repeat(16)}${']'.repeat(16)}}`, 'nested deeper than 16 levels'],
    ['POST', '/groups', `{"groupId":[${'0,'.repeat(2_000)}0]}`, 'more than 2000 fields and elements'],
    ['POST', '/groups', `{"${'x'.repeat(257)}":1}`, 'name is longer than 256 bytes'],
    ['POST', '/detect', `{"image":{"url":"${'x'.repeat(70_000)}"}}`, 'longer than 65536 bytes, its pictures not'],
    ['POST', '/detect', `{"other":{"bytes":"${'A'.repeat(70_000)}"}}`, 'longer than 65536 bytes, its pictures not'],
    ['GET', '/groups?limit=0', undefined, 'limit must be at least 1'],
    ['GET', '/groups?limit=201', undefined, 'limit must be at most 200'],
    ['GET', '/groups?limit=1.5', undefined, 'limit must be a whole number'],
    ['GET', '/groups?limit=-1', undefined, 'limit must be at least 1'],
    ['GET', '/groups?limit=ten', undefined, 'limit must be a number'],
    ['GET', '/groups?limit=', undefined, 'limit must be a number'],
    ['GET', '/groups?limit=0x10', undefined, 'limit must be a number'],
    ['GET', '/groups?limit=1&limit=1', undefined, 'The parameter limit must be given once.'],
    ['GET', '/groups?next-token=a&next-token=b', undefined, 'The parameter next-token must be given once.'],
    ['GET', '/groups/full/faces?limit=201', undefined, 'limit must be at most 200'],
    ['GET', '/groups/full/faces/FACE?limit=4097', undefined, 'limit must be at most 4096'],
    ['GET', '/groups/full/faces/FACE?threshold=0.99', undefined, 'threshold must be at least 1'],
    ['GET', '/groups/full/faces/FACE?threshold=100.01', undefined, 'threshold must be at most 100'],
    ['GET', '/groups/full/faces/FACE?threshold=NaN', undefined, 'threshold must be a number'],
    ['GET', '/groups/full/faces/FACE?threshold=Infinity', undefined, 'threshold must be a number'],
    ['GET', `/groups/full/faces/FACE?threshold=${'9'.repeat(400)}`, undefined, 'threshold must be'],
    ['POST', '/groups/full/search?threshold=101', { image }, 'threshold must be at most 100'],
    ['POST', '/groups/full/search?limit=0', { image }, 'limit must be at least 1'],
    ['POST', '/detect', {}, 'image is missing'],
    ['POST', '/detect', { image: null }, 'image is missing'],
    ['POST', '/detect', { image: 'text' }, 'image must be an object'],
    ['POST', '/detect', { image: [] }, 'image must be an object'],
    ['POST', '/detect', { image: {} }, 'image must have exactly one of url and bytes'],
    ['POST', '/detect', { image: { url: 'http://a/', bytes: 'QQ==' } }, 'image must have exactly one'],
    ['POST', '/detect', { image: { url: null, bytes: null } }, 'image must have exactly one'],
    ['POST', '/detect', { image: { bytes: 7 } }, 'image.bytes must be a string'],
    ['POST', '/detect', { image: { url: {} } }, 'image.url must be a string'],
    ['POST', '/detect', { image, orientation: 'true' }, 'orientation must be a boolean'],
    ['POST', '/detect', { image, mask: 1 }, 'mask must be a boolean'],
    ['POST', '/detect', { image, spoofing: 'yes' }, 'spoofing must be a boolean'],
    [
      'POST',
      '/detect',
      { image, spoofingCondition: 'harsh' },
      'spoofingCondition must be one of: weak, balanced, strict',
    ],
    ['POST', '/detect', { image, spoofing: true }, 'no liveness model'],
    ['POST', '/spoofing', { image }, 'no liveness model'],
    ['POST', '/spoofing', { image, aligned: true }, 'no liveness model'],
    ['POST', '/spoofing', { image, aligned: 'true' }, 'aligned must be a boolean'],
    ['POST', '/groups/full', { image, limit: 0 }, 'limit must be at least 1'],
    ['POST', '/groups/full', { image, limit: 21 }, 'limit must be at most 20'],
    ['POST', '/groups/full', { image, limit: '3' }, 'limit must be a number'],
    ['POST', '/groups/full', { image, limit: 2.5 }, 'limit must be a whole number'],
    ['POST', '/groups/full', { image, externalImageId: '' }, 'externalImageId must have 1 to 255'],
    ['POST', '/groups/full', { image, externalImageId: 'a b' }, 'externalImageId must have 1 to 255'],
    ['POST', '/groups/full', { image, externalImageId: 'a'.repeat(256) }, 'externalImageId must have 1 to 255'],
    ['POST', '/groups/full', { image, externalImageId: 7 }, 'externalImageId must be a string'],
    ['POST', '/compare', { targetImage: image }, 'sourceImage is missing'],
    ['POST', '/compare', { sourceImage: image }, 'targetImage is missing'],
    ['POST', '/compare?threshold=80', { sourceImage: image, targetImage: image, threshold: 81 }, 'threshold differs'],
    ['POST', '/compare', { sourceImage: image, targetImage: image, threshold: '80' }, 'threshold must be a number'],
    ['POST', '/compare', { sourceImage: image, targetImage: image, threshold: 0 }, 'threshold must be at least 1'],
    ['POST', '/compare', { sourceImage: picture(), targetImage: image }, 'sourceImage has no face'],
    ['POST', '/compare', { sourceImage: picture(face(0, { yaw: 90 })), targetImage: image }, 'sourceImage has no face'],
    ['POST', '/verify/groups/full/faces/FACE', {}, 'compareImage is missing'],
    ['POST', '/verify/groups/full/faces/FACE', { compareImage: picture() }, 'compareImage has no face'],
  ])('%s %s %j', async (method, path, body, detail) => {
    const answer = await call(method, path, body);
    expectSentence(answer.header.detail);
    expect(answer).toEqual({
      header: {
        isSuccessful: false,
        resultCode: -40000,
        resultMessage: 'InvalidParam',
        detail: expect.stringContaining(detail) as string,
      },
    });
  });

  const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]);
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
  const form = '--XX\r\ncontent-disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n\xff\xd8\xff\r\n--XX--';
  test.each<[string, string, Buffer, string, string]>([
    [
      'gzip',
      '/detect',
      gzipSync('{"image":{}}'),
      'application/json',
      'gzip data without the header Content-Encoding: gzip',
    ],
    ['a JPEG file', '/detect', jpeg, 'image/jpeg', 'a JPEG file'],
    ['a PNG file', '/detect', png, 'application/octet-stream', 'a PNG file'],
    ['a form', '/detect', Buffer.from(form, 'latin1'), 'multipart/form-data; boundary=XX', 'multipart'],
    ['a HEIC file', '/detect', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), 'image/heic', 'a HEIC picture'],
    ['a WebP file', '/detect', Buffer.from('RIFF\x20\0\0\0WEBPVP8 '), 'image/webp', 'a WebP picture'],
    ['a PDF file', '/detect', Buffer.from('%PDF-1.7\n'), 'application/pdf', 'a PDF document'],
    ['a page', '/detect', Buffer.from('<!DOCTYPE html><html>'), 'text/html', 'an HTML page'],
    ['base64', '/detect', Buffer.from('/9j/4AAQSkZJRgAB'), 'text/plain', 'base64 without a JSON object around it'],
    ['a data: URL', '/detect', Buffer.from('data:image/png;base64,iVBO'), 'text/plain', 'a data: URL'],
    ['a URL', '/detect', Buffer.from('https://pictures.example/a.jpg'), 'text/plain', 'a URL'],
    [
      'UTF-16',
      '/detect',
      Buffer.from('\ufeff{"image":{}}', 'utf16le'),
      'application/json',
      'text in UTF-16 or UTF-32, and not in UTF-8',
    ],
    [
      'UTF-16 without a mark',
      '/detect',
      Buffer.from('{"image":{}}', 'utf16le'),
      'application/json',
      'text in UTF-16 or UTF-32, and not in UTF-8',
    ],
    [
      'a form of a browser',
      '/groups',
      Buffer.from('groupId=door'),
      'application/x-www-form-urlencoded',
      'a form (application/x-www-form-urlencoded)',
    ],
    [
      'JSON in JSON',
      '/groups',
      Buffer.from(JSON.stringify('{"groupId":"door"}')),
      'application/json',
      'a JSON text with an object in it, encoded twice',
    ],
    [
      'a Python dictionary',
      '/groups',
      Buffer.from("{'groupId': 'door'}"),
      'application/json',
      'an object with its names in single quotes, which is no JSON',
    ],
    ['a form of texts', '/groups', Buffer.from('--XX\r\n\r\n--XX--'), 'multipart/form-data; boundary=XX', 'multipart'],
  ])('of a body that is %s', async (_name, path, body, type, what) => {
    const { origin, base } = harness;
    const response = await fetch(`${origin}${base}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: Uint8Array.from(body),
    });
    const picture = path === '/detect' ? ' with the picture in it, in base64 or as a url' : '';
    const { header } = (await response.json()) as Answer;
    expect(header).toMatchObject({
      resultCode: -40000,
      detail: `The body is ${what}; it must be a JSON object${picture}.`,
    });
    expectSentence(header.detail);
  });

  test('of a body that is not UTF-8', async () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const response = await fetch(`${harness.origin}${harness.base}/groups`, { method: 'POST', body });
    expect(await response.json()).toMatchObject({ header: { resultCode: -40000, detail: 'The body must be UTF-8.' } });
  });
});

type Row = [string, ErrorCode, string, string, unknown?];

const rows: Row[] = [
  ['an upper-case group id', 'INVALID_GROUP_ID', 'POST', '/groups', { groupId: 'Abc' }],
  ['an empty group id', 'INVALID_GROUP_ID', 'POST', '/groups', { groupId: '' }],
  ['a group id with a line end', 'INVALID_GROUP_ID', 'POST', '/groups', { groupId: 'abc\n' }],
  ['a long group id', 'INVALID_GROUP_ID', 'POST', '/groups', { groupId: 'a'.repeat(256) }],
  ['a group that exists', 'DUPLICATED_GROUP', 'POST', '/groups', { groupId: 'full' }],
  ['one group too many', 'QUOTA_EXCEEDED', 'POST', '/groups', { groupId: 'fifth' }],
  ...['/groups/none', '/groups/NONE', '/groups/%2e%2e%2f', '/groups/a%00', '/groups/%zz'].map((path): Row => [
    path,
    'GROUP_NOT_FOUND',
    'GET',
    path,
  ]),
  ['an unknown group', 'GROUP_NOT_FOUND', 'DELETE', '/groups/none'],
  ['an unknown group', 'GROUP_NOT_FOUND', 'POST', '/groups/none', { image }],
  ['an unknown group', 'GROUP_NOT_FOUND', 'GET', '/groups/none/faces'],
  ['an unknown group', 'GROUP_NOT_FOUND', 'GET', '/groups/none/faces/FACE'],
  ['an unknown group', 'GROUP_NOT_FOUND', 'DELETE', '/groups/none/faces/FACE'],
  ['an unknown group', 'GROUP_NOT_FOUND', 'POST', '/groups/none/search', { image }],
  ['an unknown group', 'GROUP_NOT_FOUND', 'POST', '/verify/groups/none/faces/FACE', { compareImage: image }],
  ['an unknown face', 'FACE_NOT_FOUND', 'GET', `/groups/full/faces/${NO_FACE}`],
  ['an ill-formed face id', 'FACE_NOT_FOUND', 'GET', '/groups/full/faces/7'],
  ['an unknown face', 'FACE_NOT_FOUND', 'DELETE', `/groups/full/faces/${NO_FACE}`],
  ['an ill-formed face id', 'FACE_NOT_FOUND', 'DELETE', '/groups/full/faces/7'],
  ['a face of another group', 'FACE_NOT_FOUND', 'DELETE', '/groups/free/faces/FACE'],
  ['an unknown face', 'FACE_NOT_FOUND', 'POST', `/verify/groups/full/faces/${NO_FACE}`, { compareImage: image }],
  ['a made-up token', 'INVALID_TOKEN', 'GET', '/groups?next-token=made-up'],
  ['an empty token', 'INVALID_TOKEN', 'GET', '/groups?next-token='],
  ['a made-up token', 'INVALID_TOKEN', 'GET', '/groups/full/faces?next-token=made-up'],
  ['an empty token', 'INVALID_TOKEN', 'GET', '/groups/full/faces?next-token='],
  ['a full group', 'QUOTA_EXCEEDED', 'POST', '/groups/full', { image }],
  ['another model', 'MODEL_VERSION_MISMATCH', 'POST', '/groups/foreign-model', { image }],
  ['another model', 'MODEL_VERSION_MISMATCH', 'POST', '/groups/foreign-model/search', { image }],
  ['another model', 'MODEL_VERSION_MISMATCH', 'GET', '/groups/foreign-model/faces/FACE'],
  [
    'another model',
    'MODEL_VERSION_MISMATCH',
    'POST',
    '/verify/groups/foreign-model/faces/FACE',
    { compareImage: image },
  ],
];

/** Every fault of a picture; the same wherever a picture is taken. */
const pictureFaults: [string, ErrorCode, object][] = [
  ['bytes beyond the limit', 'IMAGE_TOO_LARGE', oversize],
  ['pixels beyond the limit', 'IMAGE_TOO_LARGE', scripted({ error: 'IMAGE_TOO_LARGE' })],
  ['no base64', 'INVALID_IMAGE_BYTES', broken],
  ['empty bytes', 'INVALID_IMAGE_BYTES', { bytes: '' }],
  ['a data: prefix', 'INVALID_IMAGE_BYTES', { bytes: `data:image/png;base64,${image.bytes}` }],
  ['a text file', 'INVALID_IMAGE_FORMAT', text],
  ['a malformed url', 'INVALID_IMAGE_URL', { url: 'no url' }],
  ['an empty url', 'INVALID_IMAGE_URL', { url: '' }],
  ['a private address', 'INVALID_IMAGE_URL', { url: 'http://127.0.0.1/a.jpg' }],
  ['half a JPEG', 'INVALID_IMAGE_FILE', scripted({ error: 'INVALID_IMAGE_FILE' })],
];
for (const [name, code, fault] of pictureFaults) {
  rows.push([name, code, 'POST', '/detect', { image: fault }]);
  rows.push([name, code, 'POST', '/groups/free', { image: fault }]);
  rows.push([name, code, 'POST', '/groups/full/search', { image: fault }]);
  rows.push([name, code, 'POST', '/verify/groups/full/faces/FACE', { compareImage: fault }]);
}

describe('documented errors', () => {
  test.each(rows)('%s is %s: %s %s', async (_name, code, method, path, body) => {
    const answer = await call(method, path, body);
    const result = RESULTS[code];
    expect(answer.header).toMatchObject({
      isSuccessful: false,
      resultCode: result?.code,
      resultMessage: result?.name,
    });
    if (answer.header.detail !== undefined) expectSentence(answer.header.detail);
    expect(answer).not.toHaveProperty('data');
  });

  test('the table has the codes and names of the contract', () => {
    expect(Object.entries(RESULTS).map(([code, result]) => `${code} ${result.code} ${result.name}`)).toEqual([
      'INVALID_PARAM -40000 InvalidParam',
      'UNSUPPORTED_ENCODING -40000 InvalidParam',
      'GROUP_READ_ONLY -40000 InvalidParam',
      'INVALID_GROUP_ID -40010 InvalidGroupID',
      'DUPLICATED_GROUP -40020 DuplicatedGroupID',
      'GROUP_NOT_FOUND -40030 NotFoundGroupError',
      'INVALID_TOKEN -40040 InvalidTokenError',
      'FACE_NOT_FOUND -40050 NotFoundFaceIDError',
      'QUOTA_EXCEEDED -40070 ServiceQuotaExceededException',
      'MODEL_VERSION_MISMATCH -40080 ModelVersionMismatch',
      'UNAUTHORIZED_APP_KEY -41000 UnauthorizedAppKey',
      'UNAUTHORIZED_APP_KEY_OR_SECRET_KEY -41005 UnauthorizedAppKeyOrSecretKey',
      'IMAGE_TOO_LARGE -45020 ImageTooLargeException',
      'INVALID_IMAGE_BYTES -45030 InvalidImageBytesException',
      'INVALID_IMAGE_FORMAT -45040 InvalidImageFormatException',
      'INVALID_IMAGE_URL -45050 InvalidImageURLException',
      'IMAGE_TIMEOUT -45060 ImageTimeoutError',
      'INVALID_IMAGE_FILE -45080 InvalidImageFileException',
      'SERVER_BUSY -50300 ServerBusy',
      'GROUP_STALE -50310 GroupStale',
    ]);
  });

  test.each(pictureFaults)('compare names the side of %s (%s)', async (_name, code, fault) => {
    const result = RESULTS[code];
    const source = await call('POST', '/compare', { sourceImage: fault, targetImage: image });
    expect(source.header).toMatchObject({ resultCode: result?.code, resultMessage: `${result?.name}:Source` });
    const target = await call('POST', '/compare', { sourceImage: image, targetImage: fault });
    expect(target.header).toMatchObject({ resultCode: result?.code, resultMessage: `${result?.name}:Target` });
  });

  test('compare reports the source first, whichever of the two fails sooner', async () => {
    const late = scripted({ error: 'INVALID_IMAGE_FILE' });
    const both = await call('POST', '/compare', { sourceImage: late, targetImage: broken });
    expect(both.header.resultMessage).toBe('InvalidImageFileException:Source');
    const noFace = await call('POST', '/compare', { sourceImage: picture(), targetImage: late });
    expect(noFace.header.resultMessage).toBe('InvalidImageFileException:Target');
  });

  test('a full queue is ServerBusy with Retry-After, on compare without a side', async () => {
    const busy = scripted({ error: 'SERVER_BUSY' });
    const url = `${harness.origin}${harness.base}/compare`;
    const body = JSON.stringify({ sourceImage: busy, targetImage: image });
    const response = await fetch(url, { method: 'POST', body });
    expect(response.status).toBe(200);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ header: { resultCode: -50300, resultMessage: 'ServerBusy' } });
    const fine = await fetch(url, { method: 'POST', body: JSON.stringify({ sourceImage: image, targetImage: image }) });
    expect(fine.headers.get('retry-after')).toBeNull();
    await fine.body?.cancel();
  });

  test('an unforeseen error shows the request id and at most the state of the disk, and is logged under that id', async () => {
    const codes = ERROR_CODES.filter((code) => RESULTS[code] === undefined);
    expect(codes).toContain('STORE_UNAVAILABLE');
    const faults = [...codes.map((error) => ({ error })), { crash: 'a secret path' }];
    for (const fault of faults) {
      const response = await fetch(`${harness.origin}${harness.base}/detect`, {
        method: 'POST',
        body: JSON.stringify({ image: scripted(fault) }),
      });
      const requestId = response.headers.get('x-request-id');
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({
        header: {
          isSuccessful: false,
          resultCode: -50000,
          resultMessage: 'InternalServerError',
          detail:
            'error' in fault && fault.error === 'STORE_UNAVAILABLE'
              ? `The disk refuses to write; nothing was changed (request id ${requestId}).`
              : `Request id ${requestId}.`,
        },
      });
      const logged = log.lines.find((line) => line.level === 'error' && line.fields.requestId === requestId);
      expect(logged?.fields.err).toBeInstanceOf(Error);
    }
  });
});

describe('checks run in the order of the contract', () => {
  const unknownKey = '/nhn-face-reco/v1.0/appkeys/unknown';

  test.each<[string, string, unknown?]>([
    ['GET', '/groups?limit=0'],
    ['POST', '/groups', '{'],
    ['POST', '/groups/none', { image: broken }],
    ['POST', '/detect', { image: oversize }],
    ['POST', '/detect', 'x'.repeat(10_000_000)],
    ['DELETE', '/groups/none'],
  ])('the appKey before everything: %s %s', async (method, path, body) => {
    const answer = await callJson(method, `${harness.origin}${unknownKey}${path}`, body);
    expect(answer.header).toMatchObject({ resultCode: -41000, resultMessage: 'UnauthorizedAppKey' });
  });

  test.each<[string, number, string, string, unknown?]>([
    ['parameters before the group', -40000, 'POST', '/groups/none', { image, limit: 0 }],
    ['parameters before the group', -40000, 'POST', '/groups/none/search?limit=0', { image }],
    ['parameters before the group', -40000, 'GET', '/groups/none/faces?limit=0'],
    ['liveness before the group', -40000, 'POST', '/groups/none/search', { image, spoofing: true }],
    ['the group before the picture', -40030, 'POST', '/groups/none', { image: broken }],
    ['the group before the picture', -40030, 'POST', '/groups/none/search', { image: broken }],
    ['the group before an overlong body', -40030, 'POST', '/groups/none', { image: { bytes: 'A'.repeat(10_000_000) } }],
    ['the face before the picture', -40050, 'POST', `/verify/groups/full/faces/${NO_FACE}`, { compareImage: broken }],
    ['the group before the face', -40030, 'POST', '/verify/groups/none/faces/7', { compareImage: broken }],
    ['the quota before the picture', -40070, 'POST', '/groups/full', { image: broken }],
    ['the id of a new group before the quota', -40010, 'POST', '/groups', { groupId: 'A' }],
  ])('%s (%i)', async (_name, code, method, path, body) => {
    expect((await call(method, path, body)).header.resultCode).toBe(code);
  });
});

describe('a path that is no route gets a plain 404', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/nhn-face-reco/v1.0/appkeys'],
    ['GET', 'BASE'],
    ['GET', 'BASE/detect'],
    ['PUT', 'BASE/groups'],
    ['PATCH', 'BASE/groups/full'],
    ['POST', 'BASE/GROUPS'],
    ['POST', 'BASE/groups/full/faces'],
    ['POST', 'BASE/detect/more'],
    ['GET', '/v2.0/appkeys'],
    ['GET', '/v3.0/appkeys/x/groups'],
  ])('%s %s', async (method, path) => {
    const url = harness.origin + path.replace('BASE', harness.base);
    const response = await fetch(url, { method, ...(method !== 'GET' && { body: '{}' }) });
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('Not Found');
  });
});
