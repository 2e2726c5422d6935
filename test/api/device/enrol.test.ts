// Guided enrolment: its results, every reason for a refusal, its progress, and everything that ends it early.
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { judgeFrame } from '../../../src/enrolment/frame-check.js';
import { createModelScales } from '../../support/model-scales.js';
import type { FaceCondition } from '../../../src/domain/condition.js';
import type { Face } from '../../../src/domain/face.js';
import { BLURRED, CLEAR, conditionScales, MASKED, WEAK } from '../../gallery/conditions.js';
import { ManualTimers, settle } from '../../camera/manual-timers.js';
import { findEmbedding, gate, seen, startDevice, type Called, type Device, type SeenFace } from './harness.js';
import { scales } from '../harness.js';

let timers: ManualTimers;
let device: Device;
beforeEach(async () => {
  timers = new ManualTimers();
  device = await startDevice({ timers, clock: timers.clock, livenessThreshold: 1 });
});
afterEach(() => device.close());

const WISH = { group: 'door', externalImageId: 'alice', frames: 4, timeoutMs: 5_000 };
const PERFECT = { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1 };
const ref = (): { owner: string; groupId: string } => ({ owner: device.owner, groupId: 'door' });

/** Begins, and resolves when the camera is watched. */
async function begin(wish: object = WISH, camera = 'front', query = ''): Promise<{ answer: Promise<Called> }> {
  const answer = device.call('POST', `/cameras/${camera}/enrol${query}`, wish);
  await expect.poll(() => device.cameras.watchers(camera)).toBe(1);
  return { answer };
}

async function enrolled(): Promise<(string | undefined)[]> {
  const { items } = await device.gallery.listFaces(ref(), { limit: 10 });
  return items.map(({ externalImageId }) => externalImageId);
}

function show(...faces: Face[]): void {
  device.cameras.show('front', 'x', ...faces);
}

/** Reads the lines of JSON of an enrolment with progress. */
const readLines = (text: unknown): object[] =>
  String(text)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);

describe('a person before a camera', () => {
  test('is enrolled from the best of the frames', async () => {
    const { answer } = await begin();
    expect((await device.call('GET', '/cameras/front')).body.enrolling).toBe(true);
    show();
    show(seen(10, { sidePx: 60 }));
    show(seen(10, { quality: { overall: 0.7 } }));
    show(seen(12, { quality: { overall: 0.95 } }));
    show(seen(10, { sidePx: 60 }));
    show(seen(11, { quality: { overall: 0.8 } }));
    show(seen(10, { quality: { overall: 0.6 } }));
    const { status, body } = await answer;
    expect(status).toBe(200);
    const face = (await device.gallery.listFaces(ref(), { limit: 10 })).items[0]!;
    expect(body).toEqual({
      groupId: 'door',
      faceId: face.faceId,
      imageId: face.imageId,
      externalImageId: 'alice',
      quality: 0.95,
      faces: [{ faceId: face.faceId, quality: 0.95 }],
      face: {
        bbox: { x0: 0.15625, y0: 0.208333, x1: 0.34375, y1: 0.5 },
        pose: { yaw: 0, pitch: 0, roll: 0 },
        quality: { ...PERFECT, overall: 0.95 },
        detectionScore: 0.95,
        masked: false,
      },
      framesSeen: 7,
      framesUsed: 4,
      hints: [
        { reason: 'too-small', frames: 2 },
        { reason: 'no-face', frames: 1 },
      ],
    });
    expect(face).toMatchObject({ externalImageId: 'alice', detectionScore: 0.95 });
    expect(face.bbox).toMatchObject({ x0: 0.15625, x1: 0.34375 });
    expect(device.gallery.compareWithFace(ref(), face.faceId, { embedding: findEmbedding(12) }, scales)).toBeCloseTo(
      100,
      3,
    );
    expect(device.cameras.watchers('front')).toBe(0);
    expect((await device.call('GET', '/cameras/front')).body.enrolling).toBe(false);
    expect(timers.waitingMs).toEqual([]);
    expect((await device.audited()).at(-1)).toEqual([
      'face.enrolled',
      'admin:front-desk',
      { ...ref(), faceId: face.faceId, imageId: face.imageId },
    ]);
  });

  test('is enrolled with up to three faces of different pose', async () => {
    const { answer } = await begin({ ...WISH, faces: 3 });
    show(seen(10, { yaw: 0, quality: { overall: 0.9 } }));
    show(seen(11, { yaw: 2, quality: { overall: 0.8 } }));
    show(seen(12, { yaw: 10, quality: { overall: 0.7 } }));
    show(seen(13, { yaw: -10, quality: { overall: 0.6 } }));
    expect((await answer).body.faces.map(({ quality }: { quality: number }) => quality)).toEqual([0.9, 0.7, 0.6]);
    expect(await enrolled()).toEqual(['alice', 'alice', 'alice']);
  });

  test('is enrolled once more under the same externalImageId', async () => {
    for (let i = 0; i < 2; i++) {
      const { answer } = await begin();
      for (let n = 0; n < 4; n++) show(seen(10));
      expect((await answer).status).toBe(200);
    }
    expect(await enrolled()).toEqual(['alice', 'alice']);
  });

  test('is not enrolled where the camera shows too few frames in the time', async () => {
    const { answer } = await begin();
    show(seen(10));
    show(seen(10));
    await timers.advance(5_000);
    const { status, body } = await answer;
    expect([status, body.error.reason]).toEqual([422, 'too-few-frames']);
    expect(await enrolled()).toEqual([]);
  });

  test('is enrolled when the time is over, from fewer frames than were wished for', async () => {
    const { answer } = await begin({ ...WISH, frames: 30 });
    for (let n = 0; n < 3; n++) show(seen(10));
    await timers.advance(5_000);
    expect((await answer).body).toMatchObject({ framesUsed: 3, framesSeen: 3 });
  });

  test('is enrolled although one frame in five shows no recognisable person', async () => {
    const { answer } = await begin({ ...WISH, frames: 5 });
    for (let n = 0; n < 4; n++) show(seen(10));
    show(seen(80, { quality: { overall: 0.6 } }));
    expect((await answer).status).toBe(200);
  });
});

describe('the closest other person', () => {
  async function enrolTwo(degrees: number, threshold?: number): Promise<object> {
    if (threshold !== undefined) {
      await device.close();
      device = await startDevice({ timers, clock: timers.clock, threshold });
    }
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    const stored = (externalImageId: string, at: number) => ({
      externalImageId,
      bbox,
      detectionScore: 1,
      embedding: findEmbedding(at),
    });
    await device.gallery.enrol(ref(), [stored('bob', degrees), stored('carol', 95), stored('alice', 11)]);
    const { answer } = await begin({ ...WISH, duplicateThreshold: 99 });
    for (let n = 0; n < 4; n++) show(seen(10));
    return (await answer).body;
  }

  // The cosines of 50, 35 and 23 degrees are 0.643, 0.819 and 0.921; a camera recognises people from 90 on, unless it is set otherwise.
  test.each([
    { degrees: 60, threshold: undefined, similarity: 64.28, lookalike: false },
    { degrees: 45, threshold: undefined, similarity: 81.92, lookalike: true },
    { degrees: 33, threshold: undefined, similarity: 92.05, lookalike: true },
    { degrees: 45, threshold: 95, similarity: 81.92, lookalike: false },
  ])('is named with an alarm where they look alike: $similarity at $threshold', async (one) => {
    const { degrees, threshold, similarity, lookalike } = one;
    expect(await enrolTwo(degrees, threshold)).toMatchObject({
      closest: {
        externalImageId: 'bob',
        similarity: expect.closeTo(similarity, 1) as number,
        threshold: threshold ?? 90,
        lookalike,
      },
    });
  });
});

describe('nobody is enrolled', () => {
  async function refusal(...frames: Face[][]): Promise<unknown> {
    const { answer } = await begin();
    for (const faces of frames) show(...faces);
    await timers.advance(5_000);
    const { status, body } = await answer;
    expect([status, body.error.code]).toEqual([422, 'ENROLMENT_REFUSED']);
    expect(await enrolled()).not.toContain('alice');
    return body.error;
  }
  const words = expect.stringMatching(/^[A-Z].*\.$/) as string;

  test.each<[string, (SeenFace | undefined)[]]>([
    ['no-face', [undefined]],
    ['too-small', [{ sidePx: 79 }]],
    ['turned', [{ yaw: 26 }]],
    ['tilted', [{ roll: 46 }]],
    ['tilted', [{ roll: -180, yaw: 40 }]],
    ['blurred', [{ quality: { sharpness: 0.3 } }]],
    ['too-dark', [{ quality: { exposure: 0.4 }, grey: 20 }]],
    ['too-bright', [{ quality: { exposure: 0.4 }, grey: 250 }]],
    ['masked', [{ masked: true }]],
    ['obscured', [{ quality: { overall: 0.4, detection: 0.1 } }]],
    ['blurred', [{ quality: { overall: 0.4, sharpness: 0.4 } }]],
    ['turned', [{ quality: { overall: 0.4, pose: 0.1 } }]],
    ['too-small', [{ quality: { overall: 0.4, size: 0.1 } }]],
    ['too-dark', [{ quality: { overall: 0.4, exposure: 0.5 }, grey: 90 }]],
    ['turned', [undefined, undefined, { yaw: 40 }]],
    ['too-small', [{ yaw: 40 }, { sidePx: 60 }, { sidePx: 60 }]],
  ])('for %s, when %j is what was seen', async (reason, frames) => {
    const error = await refusal(...frames.map((face) => (face === undefined ? [] : [seen(10, face)])));
    expect(error).toEqual({ code: 'ENROLMENT_REFUSED', message: words, reason });
  });

  test('when others are in sight', async () => {
    expect(await refusal([seen(10), seen(50)], [])).toMatchObject({ reason: 'several-faces' });
  });

  test('when a face has no crop', async () => {
    const { crop, ...uncropped } = seen(10);
    expect(crop).toBeDefined();
    expect(await refusal([uncropped])).toMatchObject({ reason: 'obscured' });
  });

  test('when the person changes between the frames', async () => {
    expect(await refusal([seen(0)], [seen(0)], [seen(80)], [seen(80)])).toEqual({
      code: 'ENROLMENT_REFUSED',
      message: words,
      reason: 'not-the-same-person',
    });
  });

  test('when the person is enrolled under another id, which the refusal names', async () => {
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    const face = { bbox, detectionScore: 1, embedding: findEmbedding(20), externalImageId: 'bob' };
    const { enrolled } = await device.gallery.enrol(ref(), [face]);
    const frames = [1, 2, 3, 4].map(() => [seen(10)]);
    expect(await refusal(...frames)).toEqual({
      code: 'ENROLMENT_REFUSED',
      message: words,
      reason: 'already-enrolled-as-somebody-else',
      enrolledAs: {
        faceId: enrolled[0]?.faceId,
        externalImageId: 'bob',
        similarity: expect.closeTo(98.48, 2) as number,
      },
    });
    const { answer } = await begin({ ...WISH, duplicateThreshold: 99 });
    for (let n = 0; n < 4; n++) show(seen(10));
    expect((await answer).status).toBe(200);
  });

  test('when another person has the id, unless the request is open', async () => {
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    const face = { bbox, detectionScore: 1, embedding: findEmbedding(80), externalImageId: 'alice' };
    const { enrolled } = await device.gallery.enrol(ref(), [face]);
    const refused = await begin();
    for (let n = 0; n < 4; n++) show(seen(10));
    expect((await refused.answer).body.error).toEqual({
      code: 'ENROLMENT_REFUSED',
      message: words,
      reason: 'id-of-somebody-else',
      enrolledAs: { faceId: enrolled[0]?.faceId, similarity: expect.closeTo(34.2, 1) as number },
    });
    expect(device.gallery.group(ref()).faceCount).toBe(1);
    const { answer } = await begin({ ...WISH, enrolment: 'open' });
    for (let n = 0; n < 4; n++) show(seen(10));
    expect((await answer).status).toBe(200);
    expect(device.gallery.group(ref()).faceCount).toBe(2);
  });
});

describe('where the models measure the condition of a face', () => {
  /** Starts the device again. @param conditions of the faces in the order in which they are embedded */
  async function startWith(...conditions: (FaceCondition | undefined)[]): Promise<void> {
    await device.close();
    device = await startDevice({ timers, clock: timers.clock, scales: conditionScales, conditions });
  }
  const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

  test('the answer has the recognisability, and the face is stored with its condition', async () => {
    await startWith(...times(3, CLEAR), { recognisability: 0.98765, masked: false });
    const { answer } = await begin();
    for (let n = 0; n < 3; n++) show(seen(10));
    show(seen(10, { quality: { overall: 0.95 } }));
    const { body } = await answer;
    expect(body).toMatchObject({ recognisability: 0.9877, faces: [{ quality: 0.95, recognisability: 0.9877 }] });
    const [face] = (await device.gallery.listFaces(ref(), { limit: 10 })).items;
    expect(face?.condition?.recognisability).toBeCloseTo(0.98765, 2);
  });

  test('frames that are not recognisable are replaced by others, with a hint', async () => {
    await startWith(CLEAR, BLURRED, CLEAR, BLURRED, CLEAR, CLEAR);
    const { answer } = await begin(WISH, 'front', '?progress=true');
    for (let n = 0; n < 4; n++) show(seen(10));
    await settle();
    await expect.poll(() => device.cameras.watchers('front')).toBe(1);
    for (let n = 0; n < 2; n++) show(seen(10));
    expect(readLines((await answer).body)).toMatchObject([
      ...[1, 2, 3, 4].map((collected) => ({ collected })),
      {
        collected: 2,
        wanted: 4,
        reason: 'not-recognisable',
        hint: 'keep the whole face in sight, in good light',
      },
      ...[3, 4].map((collected) => ({ collected })),
      { result: { framesSeen: 6, framesUsed: 4, hints: [{ reason: 'not-recognisable', frames: 2 }] } },
    ]);
    expect(await enrolled()).toEqual(['alice']);
  });

  test.each([
    { name: 'nobody is enrolled', fit: 2, expected: [422, 'not-recognisable'] },
    { name: 'the person is enrolled where three frames are left', fit: 3, expected: [200, undefined] },
  ])('until the deadline; then $name', async ({ fit, expected }) => {
    await startWith(...times(fit, CLEAR), ...times(9, BLURRED));
    const { answer } = await begin();
    for (let n = 0; n < 4; n++) show(seen(10));
    await settle();
    await expect.poll(() => device.cameras.watchers('front')).toBe(1);
    await timers.advance(5_000);
    const { status, body } = await answer;
    expect([status, body.error?.reason]).toEqual(expected);
    expect(await enrolled()).toEqual(fit === 3 ? ['alice'] : []);
  });

  test('they tell a mask where there is no mask model', async () => {
    await startWith(...times(9, MASKED));
    const { answer } = await begin();
    const { masked, ...unjudged } = seen(10);
    expect(masked).toBe(false);
    for (let n = 0; n < 4; n++) show(unjudged);
    await settle();
    await timers.advance(5_000);
    expect((await answer).body.error.reason).toBe('masked');
  });

  test('a kept face that is not recognisable is not enrolled; another one is, with its condition', async () => {
    await startWith();
    const enrolKept = async (condition: FaceCondition): Promise<Called> => {
      const { crop = new Uint8Array() } = seen(10);
      const rest = { cameraId: 'front', trackId: 1, quality: 0.5, modelVersion: 'test-1', capturedAtMs: timers.nowMs };
      const { kept } = device.unknownFaces.stats();
      device.unknownFaces.keep({ ...rest, crop, embedding: findEmbedding(10), condition });
      await expect.poll(() => device.unknownFaces.stats().kept).toBe(kept + 1);
      const { id } = (await device.call('GET', '/unknown-faces')).body.faces[0]!;
      return device.call('POST', `/unknown-faces/${id}/enrol`, { group: 'door', externalImageId: 'alice' });
    };
    expect((await enrolKept(BLURRED)).body.error).toMatchObject({ reason: 'not-recognisable' });
    expect((await enrolKept(WEAK)).status).toBe(200);
    const [face] = (await device.gallery.listFaces(ref(), { limit: 10 })).items;
    expect(face?.condition?.recognisability).toBeCloseTo(0.5, 2);
  });
});

describe('a group that was made under other models', () => {
  const OLDER = 'older-1';
  const points = [
    { cosine: 0.2, similarity: 20, far: 1e-3 },
    { cosine: 0.99, similarity: 30, far: 1e-5 },
  ];
  const old = (): { owner: string; groupId: string } => ({ owner: device.owner, groupId: 'old' });

  beforeEach(async () => {
    await device.close();
    const scales = createModelScales(points);
    device = await startDevice({ timers, clock: timers.clock, otherModels: new Map([[OLDER, scales]]) });
    await device.gallery.createGroup(old(), OLDER);
  });

  test('gets embeddings of those', async () => {
    // Four frames of one face: alike on any scale.
    const { answer } = await begin({ ...WISH, group: 'old', duplicateThreshold: 25 });
    for (let n = 0; n < 4; n++) show(seen(10));
    expect((await answer).status).toBe(200);
    const { faceId } = (await device.gallery.listFaces(old(), { limit: 10 })).items[0]!;
    expect(device.gallery.compareWithFace(old(), faceId, { embedding: findEmbedding(100) }, scales)).toBeCloseTo(
      100,
      3,
    );
  });

  test('gets no face when it was created again under the models in use while the face was embedded', async () => {
    const { promise, open } = gate();
    device.embedGate.promise = promise;
    const { answer } = await begin({ ...WISH, group: 'old' });
    for (let n = 0; n < 4; n++) show(seen(10));
    await expect.poll(() => device.cameras.watchers('front')).toBe(0);
    await device.gallery.deleteGroup(old());
    await device.gallery.createGroup(old(), 'test-1');
    open();
    const { status, body } = await answer;
    expect([status, body.error]).toEqual([
      409,
      {
        code: 'MODEL_VERSION_MISMATCH',
        message: 'The group was created again, under other models, in the meantime.',
      },
    ]);
    expect((await device.gallery.listFaces(old(), { limit: 10 })).items).toEqual([]);
  });

  test('refuses a kept face that was embedded under the models in use now', async () => {
    expect(await strangerEnrolled('test-1')).toEqual([
      409,
      {
        code: 'MODEL_VERSION_MISMATCH',
        message: 'The face was kept under the models test-1, the group was enrolled under older-1.',
      },
    ]);
    expect((await device.gallery.listFaces(old(), { limit: 10 })).items).toEqual([]);
    expect(device.unknownFaces.stats().faces).toBe(1);
  });

  test('accepts a kept face that was embedded while its models were in use', async () => {
    const [status, error] = await strangerEnrolled(OLDER);
    expect([status, error]).toEqual([200, undefined]);
    const { faceId } = (await device.gallery.listFaces(old(), { limit: 10 })).items[0]!;
    expect(device.gallery.compareWithFace(old(), faceId, { embedding: findEmbedding(10) }, scales)).toBeCloseTo(100, 3);
  });

  /** A stranger of the camera `front`, kept under a version, into the old group. @returns status and error */
  async function strangerEnrolled(modelVersion: string): Promise<unknown[]> {
    const { crop = new Uint8Array() } = seen(10);
    const rest = { cameraId: 'front', trackId: 1, quality: 0.5, capturedAtMs: timers.nowMs };
    device.unknownFaces.keep({ ...rest, modelVersion, crop, embedding: findEmbedding(10) });
    await expect.poll(() => device.unknownFaces.stats().kept).toBe(1);
    const { id } = (await device.call('GET', '/unknown-faces')).body.faces[0]!;
    const wish = { group: 'old', externalImageId: 'alice' };
    const { status, body } = await device.call('POST', `/unknown-faces/${id}/enrol`, wish);
    return [status, body.error];
  }

  test('and is searched for somebody else on their scale', async () => {
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    // A cosine of 0.98, which is 98 on the scale in use.
    const face = { bbox, detectionScore: 1, embedding: findEmbedding(110), externalImageId: 'bob' };
    await device.gallery.enrol(old(), [face]);
    const { answer } = await begin({ ...WISH, group: 'old', duplicateThreshold: 90 });
    for (let n = 0; n < 4; n++) show(seen(10));
    expect((await answer).status).toBe(200);
  });
});

describe.each(['required', 'challenge'] as const)('where the camera requires liveness: %s', (yardLiveness) => {
  beforeEach(async () => {
    await device.close();
    device = await startDevice({ timers, clock: timers.clock, livenessThreshold: 1, yardLiveness });
  });

  async function scored(...scores: (number | undefined)[]): Promise<Called> {
    const { answer } = await begin(WISH, 'yard');
    for (const score of scores) {
      const livenessScore = score === undefined ? {} : { livenessScore: score };
      device.cameras.show('yard', 'x', seen(10, livenessScore));
    }
    await timers.advance(5_000);
    return answer;
  }

  /** One fit frame with a liveness score. @param degrees two faces have the cosine of their difference */
  const showScored = (degrees: number, livenessScore: number, overall = 0.9): void =>
    device.cameras.show('yard', 'x', seen(degrees, { livenessScore, quality: { overall } }));

  /** Resolves when the shots so far were embedded and the camera is watched for further ones. */
  async function untilWatchedAgain(): Promise<void> {
    await settle();
    await expect.poll(() => device.cameras.watchers('yard')).toBe(1);
  }

  /** Fails where the enrolment ends already. */
  async function expectToGoOn(answer: Promise<Called>): Promise<void> {
    const settled = vi.fn();
    void answer.then(settled);
    await untilWatchedAgain();
    expect(settled).not.toHaveBeenCalled();
  }

  test('a live person is enrolled, from the frames that have a score', async () => {
    expect((await scored(undefined, 2, 1.5, undefined, 2, 1)).body).toMatchObject({ framesUsed: 4, framesSeen: 6 });
  });

  test.each<[string, (number | undefined)[]]>([
    ['liveness-not-live', [0.5, 0.5, 0.5, 0.5]],
    ['liveness-not-live', [2, -3, 2, 2]],
    ['liveness-not-live', [99, 0.5, 0.5, 0.5]],
    ['liveness-missing', [undefined, undefined]],
    ['liveness-missing', [2, 2]],
  ])('nobody is for %s: %j', async (reason, scores) => {
    const { status, body } = await scored(...scores);
    expect([status, body.error.reason]).toEqual([422, reason]);
    expect(await enrolled()).toEqual([]);
  });

  test.each<[string, number, string]>([
    ['worse', 0.6, 'liveness-not-live'],
    ['better', 0.95, 'not-the-same-person'],
  ])('eight frames of a print do not pass by two %s ones of a live accomplice', async (_, overall, reason) => {
    const { answer } = await begin({ ...WISH, frames: 10 }, 'yard');
    for (let n = 0; n < 8; n++) showScored(10, -1);
    for (let n = 0; n < 2; n++) showScored(80, 99, overall);
    const { status, body } = await answer;
    expect([status, body.error.reason]).toEqual([422, reason]);
    expect(await enrolled()).toEqual([]);
  });

  test('frames of another live person do not count towards the least number of frames', async () => {
    const { answer } = await begin({ ...WISH, frames: 3 }, 'yard');
    showScored(10, 2);
    showScored(10, 2);
    showScored(80, 2);
    const { status, body } = await answer;
    expect([status, body.error.reason]).toEqual([422, 'not-the-same-person']);
  });

  test('one frame decides nothing, even when only one is asked for', async () => {
    const { answer } = await begin({ ...WISH, frames: 1 }, 'yard');
    showScored(10, 9);
    showScored(10, 9);
    await expectToGoOn(answer);
    showScored(10, 9);
    expect((await answer).body).toMatchObject({ framesUsed: 3 });
    const { answer: second } = await begin({ ...WISH, frames: 1 }, 'yard');
    showScored(10, 9);
    await timers.advance(5_000);
    expect((await second).body.error.reason).toBe('liveness-missing');
  });

  test('undecided frames are followed by others, until the deadline', async () => {
    const { answer } = await begin(WISH, 'yard');
    for (const score of [2, 0.5, 2, 2]) showScored(10, score);
    await untilWatchedAgain();
    for (const score of [2, 2, 2]) showScored(10, score);
    expect((await answer).body).toMatchObject({ framesUsed: 7 });
    const { answer: second } = await begin({ ...WISH, externalImageId: 'bob' }, 'yard');
    for (const score of [2, 0.5, 2, 0.5]) showScored(100, score);
    await expectToGoOn(second);
    await timers.advance(5_000);
    expect((await second).body.error.reason).toBe('liveness-not-live');
  });

  test('without a liveness model nobody is enrolled', async () => {
    await device.close();
    device = await startDevice({ timers, clock: timers.clock, yardLiveness });
    expect((await scored(9, 9, 9, 9)).body.error.reason).toBe('liveness-missing');
  });
});

describe('an enrolment is refused at once', () => {
  test.each<[string, object, number, string]>([
    ['cellar', WISH, 404, 'CAMERA_NOT_FOUND'],
    ['front', { ...WISH, group: 'none' }, 404, 'GROUP_NOT_FOUND'],
    ['front', { ...WISH, appKey: 'none' }, 404, 'NOT_FOUND'],
    ['front', { ...WISH, group: 'old' }, 409, 'MODEL_VERSION_MISMATCH'],
    ['front', { ...WISH, group: 'full' }, 409, 'QUOTA_EXCEEDED'],
  ])('at %s with %j: %i %s', async (camera, wish, status, code) => {
    const { owner } = device;
    await device.gallery.createGroup({ owner, groupId: 'old' }, 'another-model');
    await device.gallery.createGroup({ owner, groupId: 'full' }, 'test-1');
    const face = { bbox: { x0: 0, y0: 0, x1: 1, y1: 1 }, detectionScore: 1, embedding: findEmbedding(20) };
    await device.gallery.enrol({ owner, groupId: 'full' }, [face, face, face, face, face]);
    for (const query of ['', '?progress=true']) {
      const answer = await device.call('POST', `/cameras/${camera}/enrol${query}`, wish);
      expect([answer.status, answer.body.error.code]).toEqual([status, code]);
      if (code !== 'MODEL_VERSION_MISMATCH') continue;
      const words = 'The group was enrolled under the models another-model, which are not installed.';
      expect(answer.body.error.message).toBe(words);
    }
  });

  test('while another one runs at the same camera', async () => {
    const { answer } = await begin();
    const second = await device.call('POST', '/cameras/front/enrol', WISH);
    expect([second.status, second.body.error.code]).toEqual([409, 'CAMERA_UNAVAILABLE']);
    const { answer: other } = await begin({ ...WISH, externalImageId: 'bob' }, 'yard');
    for (let n = 0; n < 4; n++) {
      show(seen(10));
      device.cameras.show('yard', 'x', seen(100, { livenessScore: 5 }));
    }
    expect([(await answer).status, (await other).status]).toEqual([200, 200]);
  });

  test('while privacy is on', async () => {
    await device.call('PUT', '/privacy', { on: true });
    const { status, body } = await device.call('POST', '/cameras/front/enrol', WISH);
    expect([status, body.error.code]).toEqual([409, 'PRIVACY_ON']);
  });
});

describe('an enrolment ends', () => {
  async function outcome(answer: Promise<Called>): Promise<unknown> {
    const { status, body } = await answer;
    expect(device.cameras.watchers('front')).toBe(0);
    expect(await enrolled()).toEqual([]);
    return [status, body.error.code];
  }

  test('when the camera shows nothing', async () => {
    const { answer } = await begin();
    await timers.advance(5_000);
    expect(await outcome(answer)).toEqual([409, 'CAMERA_UNAVAILABLE']);
  });

  test('when the camera is paused', async () => {
    const { answer } = await begin();
    show(seen(10));
    await device.call('POST', '/cameras/front/pause');
    expect(await outcome(answer)).toEqual([409, 'CAMERA_UNAVAILABLE']);
  });

  test('when the camera is paused by somebody else', async () => {
    const { answer } = await begin();
    show(seen(10));
    await device.cameras.pause('front');
    await timers.advance(300);
    expect(await outcome(answer)).toEqual([409, 'CAMERA_UNAVAILABLE']);
  });

  test('when privacy goes on, no matter who switched it on', async () => {
    const { answer } = await begin();
    await device.call('PUT', '/privacy', { on: true });
    expect(await outcome(answer)).toEqual([409, 'PRIVACY_ON']);
    await device.call('PUT', '/privacy', { on: false });
    const { answer: second } = await begin();
    await device.privacy.set(true, 'mqtt-command');
    await timers.advance(300);
    expect(await outcome(second)).toEqual([409, 'PRIVACY_ON']);
  });

  test.each<[string, () => Promise<unknown>, unknown]>([
    ['privacy goes on', () => device.cameras.setPrivacy(true), [409, 'PRIVACY_ON']],
    ['the admin key is revoked', () => device.adminKeys.revoke('front-desk'), [401, 'UNAUTHORIZED_ADMIN_KEY']],
  ])('when %s while the last frames are embedded', async (_, act, expected) => {
    const { promise, open } = gate();
    device.embedGate.promise = promise;
    const { answer } = await begin();
    for (let n = 0; n < 4; n++) show(seen(10));
    await act();
    open();
    expect(await outcome(answer)).toEqual(expected);
  });

  test('when the admin key is revoked', async () => {
    const { answer } = await begin();
    show(seen(10));
    await device.adminKeys.revoke('front-desk');
    await timers.advance(300);
    expect(await outcome(answer)).toEqual([401, 'UNAUTHORIZED_ADMIN_KEY']);
  });

  test('when the service stops', async () => {
    const { answer } = await begin();
    await Promise.all([device.server.stop(), expect(outcome(answer)).resolves.toEqual([503, 'STOPPED'])]);
  });

  test.each(['', '?progress=true'])('when the client goes away, and the next may begin%s', async (query) => {
    const { port } = device.server.address;
    const path = `/device/v1/cameras/front/enrol${query}`;
    const headers = { authorization: `Bearer ${device.adminKey}` };
    const client = request({ port, host: '127.0.0.1', path, method: 'POST', headers });
    client.on('error', () => undefined).end(JSON.stringify(WISH));
    await expect.poll(() => device.cameras.watchers('front')).toBe(1);
    client.destroy();
    await expect.poll(() => device.cameras.watchers('front')).toBe(0);
    await expect.poll(() => device.services.enrolments.isRunning('front')).toBe(false);
    expect(await enrolled()).toEqual([]);
  });
});

describe('progress', () => {
  test('is sent as lines of JSON, each change once, with the result at the end', async () => {
    const { answer } = await begin(WISH, 'front', '?progress=true');
    show();
    show();
    show(seen(10, { yaw: 40 }));
    for (let n = 0; n < 4; n++) show(seen(10));
    const { status, headers, body } = await answer;
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    const told = readLines(body);
    const poses = [{ yaw: 0, pitch: 0, roll: 0 }];
    const quality = { ...PERFECT, overall: 0.9 };
    const face = { bbox: { x0: 0.15625, y0: 0.208333, x1: 0.34375, y1: 0.5 }, pose: poses[0], quality };
    const progress = { type: 'progress', wanted: 4, posesWanted: 1 };
    expect(told.slice(0, -1)).toEqual([
      { ...progress, collected: 0, poses: [], reason: 'no-face', hint: 'step in front of the camera' },
      {
        ...progress,
        collected: 0,
        poses: [],
        face: { ...face, pose: { yaw: 40, pitch: 0, roll: 0 } },
        reason: 'turned',
        hint: 'look at the camera',
      },
      ...[1, 2, 3, 4].map((collected) => ({ ...progress, collected, poses, face })),
    ]);
    expect(told.at(-1)).toMatchObject({ type: 'result', result: { externalImageId: 'alice', framesUsed: 4 } });
  });

  test('arrives while the person stands there', async () => {
    const response = device.fetch('/cameras/front/enrol?progress=true', { method: 'POST', body: JSON.stringify(WISH) });
    await expect.poll(() => device.cameras.watchers('front')).toBe(1);
    show(seen(10, { sidePx: 60 }));
    const reader = (await response).body?.getReader();
    const first = (await reader?.read()) as { value: Uint8Array };
    expect(readLines(Buffer.from(first.value).toString())).toMatchObject([
      { type: 'progress', collected: 0, wanted: 4, reason: 'too-small', hint: 'come closer', face: {}, poses: [] },
    ]);
    await reader?.cancel();
    await expect.poll(() => device.cameras.watchers('front')).toBe(0);
  });

  test('follows a face that moves, and the poses that are collected, until there are three of them', async () => {
    const { answer } = await begin({ ...WISH, faces: 3 }, 'front', '?progress=true');
    for (let n = 0; n < 4; n++) show(seen(10));
    // Of the further frames, only those of another pose are kept; a movement of one degree is no news.
    for (const yaw of [1, 3, -3, 12, 12, -12]) show(seen(10, { yaw, quality: { overall: 0.8 } }));
    const told = readLines((await answer).body) as { collected: number; poses: { yaw: number }[]; hint?: string }[];
    const hint = 'turn the head a little to one side, then to the other';
    const line = (collected: number, yaw: number, poses: number[], rest = {}): object => ({
      collected,
      face: { pose: { yaw } },
      poses: poses.map((one) => ({ yaw: one })),
      posesWanted: 3,
      ...rest,
    });
    expect(told).toMatchObject([
      ...[1, 2, 3].map((collected) => line(collected, 0, [0])),
      line(4, 0, [0], { hint }),
      line(4, 3, [0], { hint }),
      line(4, -3, [0], { hint }),
      line(5, 12, [0, 12], { hint }),
      line(6, -12, [0, 12, -12]),
      { type: 'result', result: { framesSeen: 10, framesUsed: 6, faces: [{}, {}, {}] } },
    ]);
    expect(told.map((one) => one.hint)).toEqual([
      ...Array<undefined>(3),
      ...Array<string>(4).fill(hint),
      undefined,
      undefined,
    ]);
  });

  test('goes on until the deadline where the person does not turn, and one face is enrolled', async () => {
    const { answer } = await begin({ ...WISH, faces: 3 });
    for (let n = 0; n < 9; n++) show(seen(10));
    expect(device.cameras.watchers('front')).toBe(1);
    await timers.advance(5_000);
    expect((await answer).body).toMatchObject({ framesSeen: 9, framesUsed: 4, faces: [{}] });
  });

  test('ends with the refusal', async () => {
    const { answer } = await begin(WISH, 'front', '?progress=true');
    show(seen(10), seen(90));
    await timers.advance(5_000);
    expect(readLines((await answer).body).at(-1)).toEqual({
      type: 'error',
      error: { code: 'ENROLMENT_REFUSED', message: 'Others were in sight.', reason: 'several-faces' },
    });
  });

  test('ends without any detail of an unforeseen error', async () => {
    device.embedGate.promise = Promise.reject(new TypeError('secret'));
    device.embedGate.promise.catch(() => undefined);
    const { answer } = await begin(WISH, 'front', '?progress=true');
    for (let n = 0; n < 4; n++) show(seen(10));
    const last = readLines((await answer).body).at(-1);
    expect(last).toMatchObject({ type: 'error', error: { code: 'INTERNAL' } });
    expect(JSON.stringify(last)).not.toContain('secret');
  });
});

test('the reason for a bad frame is the one whose hint helps most', () => {
  expect(judgeFrame({ faces: [seen(1, { sidePx: 60, yaw: 60 })] }, 0.5)).toEqual({ reason: 'too-small' });
  expect(judgeFrame({ faces: [seen(1, { roll: 170, yaw: 60, masked: true })] }, 0.5)).toEqual({ reason: 'tilted' });
  expect(judgeFrame({ faces: [seen(1, { roll: 45 })] }, 0.5)).toHaveProperty('face');
  expect(judgeFrame({ faces: [seen(1)] }, 0.5)).toHaveProperty('face');
  expect(judgeFrame({ faces: [seen(1)] }, 0.95)).toHaveProperty('reason');
});
