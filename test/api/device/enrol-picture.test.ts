// Enrolment from an uploaded picture: its result, every reason for a refusal, the closest other person, and bodies that are no picture.
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FaceCondition } from '../../../src/domain/condition.js';
import type { ErrorCode } from '../../../src/errors.js';
import { CLEAR, BLURRED, conditionScales } from '../../gallery/conditions.js';
import { face, type ScriptedFace, type Script } from '../harness.js';
import { findEmbedding, gate, startDevice, type Device } from './harness.js';

let device: Device;
beforeEach(async () => {
  device = await startDevice();
});
afterEach(() => device.close());

const ref = (): { owner: string; groupId: string } => ({ owner: device.owner, groupId: 'door' });

interface Answer {
  status: number;
  body: { error: { code: string; message: string; reason?: string } } & Record<string, unknown>;
}

async function upload(
  script: Script | string | Uint8Array,
  query = 'externalImageId=alice',
  { headers = {}, group = 'door' }: { headers?: Record<string, string>; group?: string } = {},
): Promise<Answer> {
  const body = typeof script === 'string' || script instanceof Uint8Array ? script : JSON.stringify(script);
  const response = await device.fetch(`/groups/${group}/enrol?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg', ...headers },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}
const show = (...faces: ScriptedFace[]): Script => ({ faces });

async function enrol(externalImageId: string, degrees: number): Promise<string> {
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  const one = { externalImageId, bbox, detectionScore: 1, embedding: findEmbedding(degrees) };
  const { enrolled } = await device.gallery.enrol(ref(), [one]);
  return enrolled[0]!.faceId;
}
async function listEnrolled(): Promise<(string | undefined)[]> {
  const { items } = await device.gallery.listFaces(ref(), { limit: 10 });
  return items.map(({ externalImageId }) => externalImageId);
}

describe('a picture of one person', () => {
  test('enrols them, and the answer measures the face', async () => {
    const { status, body } = await upload(show(face(10, { quality: { overall: 0.87654, sharpness: 0.71239 } })));
    const stored = (await device.gallery.listFaces(ref(), { limit: 10 })).items[0]!;
    expect([status, body]).toEqual([
      200,
      {
        groupId: 'door',
        externalImageId: 'alice',
        enrolled: true,
        faceId: stored.faceId,
        imageId: stored.imageId,
        quality: 0.8765,
        face: {
          bbox: { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.7 },
          pose: { yaw: 1.5, pitch: -2.2, roll: 3 },
          quality: { size: 1, sharpness: 0.7124, pose: 1, exposure: 1, detection: 1, overall: 0.8765 },
          detectionScore: 0.9877,
          masked: false,
        },
        liveness: 'not-judged',
      },
    ]);
    expect(stored).toMatchObject({
      externalImageId: 'alice',
      origin: 'file',
      quality: 0.8765,
      bbox: { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.7 },
    });
    expect((await device.audited()).at(-1)).toEqual([
      'face.enrolled',
      'admin:front-desk',
      { ...ref(), faceId: stored.faceId, imageId: stored.imageId, origin: 'file', liveness: 'not-judged' },
    ]);
    expect(device.pictures.calls).toEqual([{ embed: 1, mask: true, liveness: false, crops: true }]);
  });

  test('is only judged in a dry run, which the audit log records', async () => {
    await enrol('bob', 50);
    const { status, body } = await upload(show(face(10)), 'externalImageId=alice&dryRun=true');
    expect([status, body]).toMatchObject([200, { enrolled: false, closest: { externalImageId: 'bob' } }]);
    expect(body).not.toHaveProperty('faceId');
    expect(await listEnrolled()).toEqual(['bob']);
    const entry = ['picture.checked', 'admin:front-desk', { ...ref(), outcome: 'fit', dryRun: true }];
    expect((await device.audited()).at(-1)).toEqual(entry);
  });

  test.each([
    { degrees: 60, similarity: 64.28, lookalike: false },
    { degrees: 45, similarity: 81.92, lookalike: true },
  ])('is compared with the closest other person: $similarity', async ({ degrees, similarity, lookalike }) => {
    await enrol('alice', 11);
    const faceId = await enrol('bob', degrees);
    await enrol('carol', 100);
    expect((await upload(show(face(10)))).body.closest).toEqual({
      externalImageId: 'bob',
      faceId,
      similarity: expect.closeTo(similarity, 1) as number,
      threshold: 90,
      lookalike,
    });
  });

  test('may be sent as any picture type, without one, or compressed', async () => {
    const script = JSON.stringify(show(face(10)));
    for (const type of ['image/png', 'IMAGE/JPEG; q=1', 'image/heic', 'application/octet-stream']) {
      const { status } = await upload(script, 'externalImageId=alice', { headers: { 'content-type': type } });
      expect([type, status]).toEqual([type, 200]);
    }
    const headers = { 'content-encoding': 'gzip' };
    expect((await upload(gzipSync(script), 'externalImageId=alice', { headers })).status).toBe(200);
  });
});

describe('nobody is enrolled', () => {
  test.each<[string, ScriptedFace[]]>([
    ['no-face', []],
    ['several-faces', [face(10), face(80, { box: [500, 100, 600, 250] })]],
    ['too-small', [face(10, { box: [100, 100, 179, 250] })]],
    ['turned', [face(10, { yaw: 26 })]],
    ['turned', [face(10, { yaw: 60 })]],
    ['masked', [face(10, { masked: true })]],
    ['blurred', [face(10, { quality: { sharpness: 0.3 } })]],
    ['too-dark', [face(10, { quality: { exposure: 0.4 }, grey: 20 })]],
    ['too-bright', [face(10, { quality: { exposure: 0.4 }, grey: 250 })]],
    ['obscured', [face(10, { quality: { overall: 0.4, detection: 0.1 } })]],
  ])('for %s', async (reason, faces) => {
    const { status, body } = await upload(show(...faces));
    expect([status, body.error.code, body.error.reason]).toEqual([422, 'ENROLMENT_REFUSED', reason]);
    expect(body.error.message).toMatch(/^(The|Th[a-z]+) .*\.$/);
    expect(Object.hasOwn(body.error, 'face')).toBe(faces.length > 0);
    expect(await listEnrolled()).toEqual([]);
    const entry = ['picture.checked', 'admin:front-desk', { ...ref(), outcome: reason, dryRun: false }];
    expect((await device.audited()).at(-1)).toEqual(entry);
  });

  test.each<[FaceCondition, string | undefined]>([
    [BLURRED, 'not-recognisable'],
    [CLEAR, undefined],
  ])('where the embedding does not describe the person: %j', async (condition, reason) => {
    await device.close();
    device = await startDevice({ scales: conditionScales });
    expect((await upload(show(face(10, { condition })))).body.error?.reason).toBe(reason);
  });

  test('with less quality than is asked for', async () => {
    const picture = show(face(10, { quality: { overall: 0.7, size: 0.6 } }));
    expect((await upload(picture, 'externalImageId=alice&minQuality=0.8')).body.error.reason).toBe('too-small');
    expect((await upload(picture, 'externalImageId=alice&minQuality=0.7')).status).toBe(200);
  });

  test.each(['', '&dryRun=true'])('who is enrolled under another id, which the refusal names%s', async (more) => {
    const faceId = await enrol('bob', 20);
    const { status, body } = await upload(show(face(10)), `externalImageId=alice${more}`);
    expect([status, body.error]).toMatchObject([
      422,
      {
        reason: 'already-enrolled-as-somebody-else',
        enrolledAs: { faceId, externalImageId: 'bob', similarity: expect.closeTo(98.48, 2) as number },
        face: { quality: { overall: 1 } },
      },
    ]);
    expect((await upload(show(face(10)), `externalImageId=alice&duplicateThreshold=99${more}`)).status).toBe(200);
  });

  test.each(['', '&dryRun=true'])('under the id of another person, unless the request is open%s', async (more) => {
    const faceId = await enrol('alice', 80);
    const { status, body } = await upload(show(face(10)), `externalImageId=alice${more}`);
    expect([status, body.error]).toMatchObject([422, { reason: 'id-of-somebody-else', enrolledAs: { faceId } }]);
    expect(await listEnrolled()).toEqual(['alice']);
    expect((await upload(show(face(10)), `externalImageId=alice&enrolment=open${more}`)).status).toBe(200);
  });

  test.each<[string, string, number, string]>([
    ['none', 'externalImageId=a', 404, 'GROUP_NOT_FOUND'],
    ['Door', 'externalImageId=a', 404, 'GROUP_NOT_FOUND'],
    ['door', 'externalImageId=a&appKey=none', 404, 'NOT_FOUND'],
    ['old', 'externalImageId=a', 409, 'MODEL_VERSION_MISMATCH'],
    ['full', 'externalImageId=a', 409, 'QUOTA_EXCEEDED'],
    ['door', '', 400, 'INVALID_PARAM'],
    ['door', 'externalImageId=a%20b', 400, 'INVALID_PARAM'],
    ['door', 'externalImageId=a&dryRun=maybe', 400, 'INVALID_PARAM'],
    ['door', 'externalImageId=a&duplicateThreshold=0', 400, 'INVALID_PARAM'],
    ['door', 'externalImageId=a&frames=3', 400, 'INVALID_PARAM'],
  ])('in the group %s with %s: %i %s', async (group, query, status, code) => {
    const { owner } = device;
    await device.gallery.createGroup({ owner, groupId: 'old' }, 'another-model');
    await device.gallery.createGroup({ owner, groupId: 'full' }, 'test-1');
    const one = { bbox: { x0: 0, y0: 0, x1: 1, y1: 1 }, detectionScore: 1, embedding: findEmbedding(20) };
    await device.gallery.enrol({ owner, groupId: 'full' }, [one, one, one, one, one]);
    const answer = await upload(show(face(10)), query, { group });
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(device.pictures.calls).toEqual([]);
  });

  test('after the admin key was revoked while the picture was analysed', async () => {
    const { promise, open } = gate();
    device.pictures.gate = promise;
    const answer = upload(show(face(10)));
    await expect.poll(() => device.pictures.calls.length).toBe(1);
    await device.adminKeys.revoke('front-desk');
    open();
    expect([(await answer).status, await listEnrolled()]).toEqual([401, []]);
  });

  test('when the client goes away', async () => {
    const { promise, open } = gate();
    device.pictures.gate = promise;
    const leaving = new AbortController();
    const answer = device.fetch('/groups/door/enrol?externalImageId=alice', {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: JSON.stringify(show(face(10))),
      signal: leaving.signal,
    });
    await expect.poll(() => device.pictures.calls.length).toBe(1);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await expect.poll(() => device.pictures.signals[0]?.aborted).toBe(true);
    open();
    expect(await listEnrolled()).toEqual([]);
  });
});

describe('a body that is no fit picture', () => {
  test.each<[ErrorCode, number]>([
    ['INVALID_IMAGE_FORMAT', 415],
    ['INVALID_IMAGE_FILE', 422],
    ['IMAGE_TOO_LARGE', 413],
    ['SERVER_BUSY', 503],
  ])('is refused with %s as %i', async (error, status) => {
    const answer = await upload({ error });
    expect([answer.status, answer.body.error.code]).toEqual([status, error]);
    expect(await listEnrolled()).toEqual([]);
  });

  test.each<[string, string]>([
    ['application/json', '{"faces":[]}'],
    ['text/plain', 'hello'],
    ['multipart/form-data; boundary=x', '--x--\r\n'],
    ['application/x-www-form-urlencoded', 'a=b'],
    ['image/jpeg', ''],
  ])('is refused by its type, before it is analysed: %s', async (type, body) => {
    const { status, body: answer } = await upload(body, 'externalImageId=a', { headers: { 'content-type': type } });
    expect([status, answer.error.code]).toEqual([415, 'INVALID_IMAGE_FORMAT']);
    expect(device.pictures.calls).toEqual([]);
  });

  test('is refused by its length, and a browser that is still sending it gets the answer', async () => {
    const { status, body } = await upload(new Uint8Array(9_000_000));
    expect([status, body.error]).toEqual([
      413,
      { code: 'IMAGE_TOO_LARGE', message: 'The picture is larger than 3000000 bytes.' },
    ]);
    expect(device.pictures.calls).toEqual([]);
  });

  test('is refused where it inflates to more than a picture may have', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const { status, body } = await upload(bomb, 'externalImageId=a', { headers });
    expect([status, body.error.code]).toEqual([400, 'INVALID_PARAM']);
    expect(body.error.message).toContain('inflates to more than');
  });
});
