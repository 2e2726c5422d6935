// Every operation of v1.0 over a real socket: its answers when it succeeds.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { face, MODEL, picture, startHarness, type Answer, type Harness } from '../harness.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SUCCESS = { isSuccessful: true, resultCode: 0, resultMessage: 'Success' };

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ limits: { maxFacesPerGroup: 6 } });
});
afterAll(() => harness.close());

let groups = 0;
async function newGroup(): Promise<string> {
  const groupId = `group-${++groups}`;
  await harness.call('POST', '/groups', { groupId });
  return groupId;
}

async function enrol(groupId: string, degrees: number): Promise<string> {
  const answer = await harness.call('POST', `/groups/${groupId}`, { image: picture(face(degrees)) });
  return (answer.data as { addedFaces: { faceId: string }[] }).addedFaces[0]!.faceId;
}

/** The face `face(0)` as the contract writes it, in a picture of 1000 x 500 px. */
const BBOX = { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.7 };
const CONFIDENCE = 98.765;
const ORIENTATION = { x: 1.5, y: -2.25, z: 3 };
const LANDMARKS = ['leftEye', 'rightEye', 'nose', 'leftLip', 'rightLip'].map((type) => ({ type, x: 0.2, y: 0.45 }));
const DETAIL = { bbox: BBOX, landmarks: LANDMARKS, orientation: ORIENTATION, mask: false, confidence: CONFIDENCE };

describe('groups', () => {
  test('are created without data, shown with their time and count, and deleted', async () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    expect(await harness.call('POST', '/groups', { groupId: 'a-1' })).toEqual({ header: SUCCESS });
    const shown = await harness.call('GET', '/groups/a-1');
    expect(shown).toEqual({
      header: SUCCESS,
      data: {
        groupCount: 1,
        groups: [{ groupId: 'a-1', modelVersion: MODEL, createTime: expect.any(String) as string, faceCount: 0 }],
      },
    });
    const { createTime } = (shown.data as { groups: { createTime: string }[] }).groups[0]!;
    expect(createTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    expect(Date.parse(`${createTime}Z`)).toBeGreaterThanOrEqual(before);
    expect(await harness.call('DELETE', '/groups/a-1')).toEqual({ header: SUCCESS });
    expect((await harness.call('GET', '/groups/a-1')).header.resultCode).toBe(-40030);
  });

  test('are listed in pages whose token carries the limit, and count what the page holds', async () => {
    const own = await startHarness();
    try {
      for (const groupId of ['c', 'a', 'b']) await own.call('POST', '/groups', { groupId });
      const first = await own.call('GET', '/groups?limit=2');
      expect(first.data).toEqual({
        groupCount: 2,
        groups: [
          { groupId: 'a', modelVersion: MODEL },
          { groupId: 'b', modelVersion: MODEL },
        ],
        nextToken: expect.any(String) as string,
      });
      const token = encodeURIComponent((first.data as { nextToken: string }).nextToken);
      for (const beside of ['', '&limit=1', '&limit=0', '&limit=many']) {
        const last = await own.call('GET', `/groups?next-token=${token}${beside}`);
        expect(last.data).toEqual({ groupCount: 1, groups: [{ groupId: 'c', modelVersion: MODEL }] });
      }
      expect((await own.call('GET', '/groups')).data).toMatchObject({ groupCount: 3 });
    } finally {
      await own.close();
    }
  });

  test('of one appKey are not seen by another', async () => {
    const groupId = await newGroup();
    const other = await harness.appKeys.create('other');
    const base = `/nhn-face-reco/v1.0/appkeys/${other.key}`;
    const listed = await fetch(`${harness.origin}${base}/groups`);
    expect(((await listed.json()) as Answer).data).toEqual({ groupCount: 0, groups: [] });
    const shown = await fetch(`${harness.origin}${base}/groups/${groupId}`);
    expect(((await shown.json()) as Answer).header.resultCode).toBe(-40030);
  });
});

describe('detect', () => {
  test('answers every face, largest first, in fractions, degrees and percent', async () => {
    const image = picture(face(0), face(0, { box: [600, 100, 900, 400], yaw: 80, masked: true }));
    expect(await harness.call('POST', '/detect', { image })).toEqual({
      header: SUCCESS,
      data: {
        faceDetailCount: 2,
        faceDetails: [
          {
            bbox: { x0: 0.6, y0: 0.2, x1: 0.9, y1: 0.8 },
            landmarks: LANDMARKS.map(({ type }) => ({ type, x: 0.75, y: 0.5 })),
            orientation: { ...ORIENTATION, x: 80 },
            mask: true,
            confidence: CONFIDENCE,
          },
          DETAIL,
        ],
      },
    });
  });

  const { orientation, mask, ...bare } = DETAIL;
  test.each([
    [{ orientation: false }, { ...bare, mask }, true],
    [{ mask: false }, { ...bare, orientation }, false],
    [{ orientation: false, mask: false }, bare, false],
    [{ orientation: null, mask: null, unknown: 1 }, DETAIL, true],
  ])('leaves out what is not wanted and skips its work: %j', async (flags, detail, maskAsked) => {
    const answer = await harness.call('POST', '/detect', { image: picture(face(0)), ...flags });
    expect(answer.data).toEqual({ faceDetailCount: 1, faceDetails: [detail] });
    expect(harness.vision.calls.at(-1)).toEqual({ embed: 0, mask: maskAsked, liveness: false });
  });

  test('of a picture without a face succeeds with zero', async () => {
    const answer = await harness.call('POST', '/detect', { image: picture() });
    expect(answer).toEqual({ header: SUCCESS, data: { faceDetailCount: 0, faceDetails: [] } });
  });

  test('takes JSON whatever the content type says, with a byte order mark and unpadded base64', async () => {
    const image = { bytes: picture(face(0)).bytes.replace(/=+$/, ''), url: null };
    const response = await fetch(`${harness.origin}${harness.base}/detect`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-nhn-apikey': 'ignored' },
      body: `\ufeff${JSON.stringify({ image })}`,
    });
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(((await response.json()) as Answer).data).toMatchObject({ faceDetailCount: 1 });
  });
});

describe('register', () => {
  test('adds the largest faces, up to limit, under one image id, and names the others', async () => {
    const groupId = await newGroup();
    const image = picture(
      face(10, { box: [0, 0, 70, 70] }),
      face(20, { box: [100, 0, 190, 90] }),
      face(30, { box: [200, 0, 300, 100], yaw: -90 }),
      face(40, { box: [400, 0, 480, 80] }),
    );
    const answer = await harness.call('POST', `/groups/${groupId}`, { image, externalImageId: 'a_B.9:-', limit: 2 });
    expect(answer.header).toEqual(SUCCESS);
    const data = answer.data as {
      addedFaces: { faceId: string; imageId: string; bbox: object }[];
      addedFaceDetails: { bbox: object }[];
      notAddedFaces: { bbox: { x0: number } }[];
    };
    expect(answer.data).toMatchObject({ modelVersion: MODEL, addedFaceCount: 2, notAddedFaceCount: 2 });
    expect(data.addedFaces).toEqual(
      [0.1, 0.4].map((x0) => ({
        bbox: expect.objectContaining({ x0 }) as object,
        faceId: expect.stringMatching(UUID) as string,
        imageId: data.addedFaces[0]!.imageId,
        externalImageId: 'a_B.9:-',
        confidence: CONFIDENCE,
      })),
    );
    expect(data.addedFaceDetails.map(({ bbox }) => bbox)).toEqual(data.addedFaces.map(({ bbox }) => bbox));
    expect(data.addedFaceDetails[0]).toMatchObject({ orientation: ORIENTATION, mask: false });
    expect(data.notAddedFaces.map(({ bbox }) => bbox.x0)).toEqual([0.2, 0]);
    expect(harness.vision.calls.at(-1)?.embed).toBe(2);

    const listed = await harness.call('GET', `/groups/${groupId}/faces`);
    expect(listed.data).toMatchObject({ modelVersion: MODEL, faceCount: 2 });
    const faces = (listed.data as { faces: { faceId: string }[] }).faces;
    expect(new Set(faces.map(({ faceId }) => faceId))).toEqual(new Set(data.addedFaces.map(({ faceId }) => faceId)));
    expect(faces).toContainEqual(data.addedFaces[0]);
    expect((await harness.call('GET', `/groups/${groupId}`)).data).toMatchObject({ groups: [{ faceCount: 2 }] });
  });

  test.each([
    ['no face', []],
    ['no eligible face', [face(0, { pitch: 90 })]],
  ])('succeeds with zero counts where there is %s', async (_name, faces) => {
    const groupId = await newGroup();
    const answer = await harness.call('POST', `/groups/${groupId}`, { image: picture(...faces) });
    expect(answer.header).toEqual(SUCCESS);
    expect(answer.data).toMatchObject({
      addedFaceCount: 0,
      addedFaces: [],
      addedFaceDetails: [],
      notAddedFaceCount: faces.length,
    });
  });

  test('takes three faces where no limit is given', async () => {
    const groupId = await newGroup();
    const faces = [0, 1, 2, 3].map((i) => face(i * 20, { box: [i * 200, 0, i * 200 + 100, 100] }));
    const answer = await harness.call('POST', `/groups/${groupId}`, { image: picture(...faces) });
    expect(answer.data).toMatchObject({ addedFaceCount: 3, notAddedFaceCount: 1 });
    expect((answer.data as { addedFaces: object[] }).addedFaces[0]).not.toHaveProperty('externalImageId');
  });

  test('adds what the quota leaves room for, says so, and is refused once the group is full', async () => {
    const groupId = await newGroup();
    const faces = [0, 1, 2, 3].map((i) => face(i * 20, { box: [i * 200, 0, i * 200 + 100, 100] }));
    const image = picture(...faces);
    await harness.call('POST', `/groups/${groupId}`, { image, limit: 4 });
    const partial = await harness.call('POST', `/groups/${groupId}`, { image, limit: 4 });
    expect(partial.header).toEqual({
      isSuccessful: true,
      resultCode: 40070,
      resultMessage: 'ServiceQuotaExceededPartialSuccessException',
    });
    expect(partial.data).toMatchObject({ addedFaceCount: 2, notAddedFaceCount: 2 });
    const looked = harness.vision.calls.length;
    const full = await harness.call('POST', `/groups/${groupId}`, { image: { bytes: 'no base64!' } });
    expect(full.header).toMatchObject({ resultCode: -40070, resultMessage: 'ServiceQuotaExceededException' });
    expect(harness.vision.calls).toHaveLength(looked);
  });

  test('is no partial success where the rest was beyond the limit or not eligible', async () => {
    const groupId = await newGroup();
    for (let i = 0; i < 4; i++) await enrol(groupId, i * 10);
    const image = picture(face(1), face(2, { box: [500, 0, 600, 100] }), face(3, { box: [700, 0, 790, 90], yaw: 90 }));
    const answer = await harness.call('POST', `/groups/${groupId}`, { image, limit: 20 });
    expect(answer.header.resultCode).toBe(0);
    expect(answer.data).toMatchObject({ addedFaceCount: 2, notAddedFaceCount: 1 });
  });
});

describe('enrolled faces', () => {
  test('are listed newest first, in pages, and deleted', async () => {
    const groupId = await newGroup();
    const ids = [];
    for (const degrees of [0, 30, 60]) ids.unshift(await enrol(groupId, degrees));
    const seen: string[] = [];
    let query = '?limit=2';
    for (let pages = 0; pages < 2; pages++) {
      const { data } = await harness.call('GET', `/groups/${groupId}/faces${query}`);
      const page = data as { faceCount: number; faces: { faceId: string }[]; nextToken?: string };
      expect(page.faceCount).toBe(page.faces.length);
      seen.push(...page.faces.map(({ faceId }) => faceId));
      query = `?next-token=${encodeURIComponent(page.nextToken ?? '')}`;
      expect(page.nextToken === undefined).toBe(pages === 1);
    }
    expect(seen).toEqual(ids);

    expect(await harness.call('DELETE', `/groups/${groupId}/faces/${ids[1]}`)).toEqual({ header: SUCCESS });
    const { data } = await harness.call('GET', `/groups/${groupId}/faces`);
    expect((data as { faces: { faceId: string }[] }).faces.map(({ faceId }) => faceId)).toEqual([ids[0], ids[2]]);
  });
});

describe('search', () => {
  test('by image finds the most similar first, at the threshold and above, with the source face', async () => {
    const groupId = await newGroup();
    const [far, near] = [await enrol(groupId, 60), await enrol(groupId, 20)];
    const image = picture(face(0), face(60, { box: [600, 0, 680, 80] }));
    const found = await harness.call('POST', `/groups/${groupId}/search?threshold=50`, { image });
    expect(found).toEqual({
      header: SUCCESS,
      data: {
        modelVersion: MODEL,
        matchFaceCount: 2,
        matchFaces: [
          {
            face: { faceId: near, imageId: expect.stringMatching(UUID) as string, bbox: BBOX, confidence: CONFIDENCE },
            similarity: 93.9693,
          },
          { face: expect.objectContaining({ faceId: far }) as object, similarity: 50 },
        ],
        sourceFace: DETAIL,
      },
    });
    expect(harness.vision.calls.at(-1)?.embed).toBe(1);

    const strict = await harness.call('POST', `/groups/${groupId}/search?threshold=50.0001`, { image });
    expect(strict.data).toMatchObject({ matchFaceCount: 1 });
    const byDefault = await harness.call('POST', `/groups/${groupId}/search`, { image });
    expect(byDefault.data).toMatchObject({ matchFaceCount: 1 });
    const one = await harness.call('POST', `/groups/${groupId}/search?threshold=1&limit=1`, { image });
    expect(one.data).toMatchObject({ matchFaceCount: 1, matchFaces: [{ face: { faceId: near } }] });
  });

  test.each([
    ['no face', []],
    ['no eligible face', [face(0, { yaw: 90 })]],
  ])('by image succeeds without a source face where there is %s', async (_name, faces) => {
    const groupId = await newGroup();
    await enrol(groupId, 0);
    const answer = await harness.call('POST', `/groups/${groupId}/search`, { image: picture(...faces) });
    expect(answer).toEqual({ header: SUCCESS, data: { modelVersion: MODEL, matchFaceCount: 0, matchFaces: [] } });
  });

  test('by image uses the largest eligible face', async () => {
    const groupId = await newGroup();
    const wanted = await enrol(groupId, 70);
    const image = picture(face(0, { yaw: 90 }), face(70, { box: [500, 0, 600, 100] }));
    const answer = await harness.call('POST', `/groups/${groupId}/search`, { image });
    expect(answer.data).toMatchObject({
      matchFaces: [{ face: { faceId: wanted }, similarity: 100 }],
      sourceFace: { bbox: { x0: 0.5 } },
    });
  });

  test('by face leaves the face itself out', async () => {
    const groupId = await newGroup();
    const [probe, near] = [await enrol(groupId, 0), await enrol(groupId, 10)];
    await enrol(groupId, 85);
    const answer = await harness.call('GET', `/groups/${groupId}/faces/${probe}?limit=4096&threshold=90`);
    expect(answer).toEqual({
      header: SUCCESS,
      data: {
        modelVersion: MODEL,
        matchFaceCount: 1,
        matchFaces: [{ face: expect.objectContaining({ faceId: near }) as object, similarity: 98.4808 }],
      },
    });
  });
});

describe('compare', () => {
  test('splits every eligible target face at the threshold, most similar first', async () => {
    const target = picture(
      face(70),
      face(5, { box: [500, 0, 600, 100] }),
      face(15, { box: [700, 0, 800, 100] }),
      face(0, { box: [850, 0, 950, 100], pitch: -90 }),
    );
    const answer = await harness.call('POST', '/compare', {
      sourceImage: picture(face(0), face(5, { box: [0, 0, 80, 80] })),
      targetImage: target,
    });
    expect(answer.header).toEqual(SUCCESS);
    expect(answer.data).toMatchObject({
      modelVersion: MODEL,
      matchedFaceDetailCount: 2,
      matchedFaceDetails: [
        { similarity: 99.6195, faceDetail: { bbox: { x0: 0.5 }, orientation: ORIENTATION, mask: false } },
        { similarity: 96.5926, faceDetail: { bbox: { x0: 0.7 } } },
      ],
      unmatchedFaceDetailCount: 1,
      unmatchedFaceDetails: [{ similarity: 34.202, faceDetail: { bbox: BBOX } }],
      sourceFace: DETAIL,
    });
  });

  test('has the mask of a target face beside its similarity too, unless the client wants no mask', async () => {
    const images = {
      sourceImage: picture(face(0)),
      targetImage: picture(face(0, { masked: true }), face(80, { box: [500, 0, 600, 100] })),
    };
    const { data } = await harness.call('POST', '/compare', images);
    expect(data).toMatchObject({
      matchedFaceDetails: [{ mask: true, faceDetail: { mask: true } }],
      unmatchedFaceDetails: [{ mask: false, faceDetail: { mask: false } }],
    });
    const withoutMask = JSON.stringify(await harness.call('POST', '/compare', { ...images, mask: false }));
    expect(withoutMask).not.toContain('"mask"');
    const ofV2 = await harness.callV2('POST', '/faces/compare', images);
    expect(ofV2.data).toMatchObject({ matchedFaceDetails: [{ faceDetail: { mask: true } }] });
    expect(ofV2.data?.matchedFaceDetails).not.toMatchObject([{ mask: true }]);
  });

  test.each([
    ['?threshold=99', {}, 1],
    ['', { threshold: 99 }, 1],
    ['?threshold=99', { threshold: 99 }, 1],
    ['?threshold=99.7', {}, 0],
    ['', { threshold: 1 }, 1],
  ])('takes the threshold of query %j and body %j', async (query, body, matched) => {
    const images = { sourceImage: picture(face(0)), targetImage: picture(face(5)) };
    const answer = await harness.call('POST', `/compare${query}`, { ...images, ...body });
    expect(answer.data).toMatchObject({ matchedFaceDetailCount: matched, unmatchedFaceDetailCount: 1 - matched });
  });

  test('succeeds with two empty lists where the target has no face', async () => {
    const answer = await harness.call('POST', '/compare', { sourceImage: picture(face(0)), targetImage: picture() });
    expect(answer.data).toEqual({
      modelVersion: MODEL,
      matchedFaceDetailCount: 0,
      matchedFaceDetails: [],
      unmatchedFaceDetailCount: 0,
      unmatchedFaceDetails: [],
      sourceFace: DETAIL,
    });
  });
});

describe('verify', () => {
  test('answers the similarity, the enrolled face and the source face', async () => {
    const groupId = await newGroup();
    const faceId = await enrol(groupId, 0);
    const path = `/verify/groups/${groupId}/faces/${faceId}`;
    expect(await harness.call('POST', path, { compareImage: picture(face(60)), mask: false })).toEqual({
      header: SUCCESS,
      data: {
        similarity: 50,
        face: { faceId, imageId: expect.stringMatching(UUID) as string, bbox: BBOX, confidence: CONFIDENCE },
        sourceFace: { bbox: BBOX, landmarks: LANDMARKS, orientation: ORIENTATION, confidence: CONFIDENCE },
      },
    });
  });

  test('agrees with search and compare to the last digit', async () => {
    const groupId = await newGroup();
    const faceId = await enrol(groupId, 3);
    const image = picture(face(17));
    const searched = await harness.call('POST', `/groups/${groupId}/search`, { image });
    const verified = await harness.call('POST', `/verify/groups/${groupId}/faces/${faceId}`, { compareImage: image });
    const compared = await harness.call('POST', '/compare', { sourceImage: image, targetImage: picture(face(3)) });
    const similarity = (verified.data as { similarity: number }).similarity;
    expect(searched.data).toMatchObject({ matchFaces: [{ similarity }] });
    expect(compared.data).toMatchObject({ matchedFaceDetails: [{ similarity }] });
  });
});

describe('spoofing', () => {
  let live: Harness;
  let groupId: string;
  let faceId: string;
  beforeAll(async () => {
    live = await startHarness({ livenessThresholds: { weak: -1, balanced: 0, strict: 1 } });
    live.vision.hasLiveness = true;
    groupId = 'doors';
    await live.call('POST', '/groups', { groupId });
    const enrolled = await live.call('POST', `/groups/${groupId}`, { image: picture(face(0)) });
    faceId = (enrolled.data as { addedFaces: { faceId: string }[] }).addedFaces[0]!.faceId;
  });
  afterAll(() => live.close());

  test.each([
    ['weak', 0.5, false],
    ['weak', -1, false],
    ['weak', -1.5, true],
    [undefined, 0, false],
    ['balanced', -0.5, true],
    ['strict', 0.5, true],
    ['strict', 1, false],
    ['weak', undefined, true],
  ])('under the condition %s a score of %s is an attack: %s', async (spoofingCondition, liveness, attack) => {
    const body = {
      image: picture(face(0, liveness === undefined ? {} : { liveness })),
      spoofing: true,
      spoofingCondition,
    };
    const detected = await live.call('POST', '/detect', body);
    expect((detected.data as { faceDetails: object[] }).faceDetails[0]).toHaveProperty('spoofing', attack);
    const asked = await live.call('POST', '/spoofing', { ...body, spoofing: undefined });
    expect(asked.data).toEqual(detected.data);
    expect(live.vision.calls.at(-1)?.liveness).toBe(true);
  });

  test.each([
    [{ aligned: true }, { embed: 0, mask: true, liveness: true, aligned: true }],
    [
      { aligned: false, mask: false },
      { embed: 0, mask: false, liveness: true },
    ],
    [
      { aligned: null, spoofing: false },
      { embed: 0, mask: true, liveness: true },
    ],
  ])('is asked of the vision as the client says whether the picture is a crop: %j', async (fields, options) => {
    const answer = await live.call('POST', '/spoofing', { image: picture(face(0)), ...fields });
    expect(answer.data).toMatchObject({ faceDetailCount: 1, faceDetails: [{ spoofing: true }] });
    expect(live.vision.calls.at(-1)).toEqual(options);
  });

  test('is in every face of register, search, compare and verify where it is asked for, and nowhere else', async () => {
    const image = picture(face(0, { liveness: -9 }));
    const other = picture(face(0, { liveness: 9 }));
    const spoofing = true;
    expect((await live.call('POST', '/detect', { image })).data).not.toHaveProperty('faceDetails.0.spoofing');
    expect((await live.call('POST', `/groups/${groupId}`, { image, spoofing })).data).toMatchObject({
      addedFaceDetails: [{ spoofing: true }],
    });
    expect((await live.call('POST', `/groups/${groupId}/search`, { image, spoofing })).data).toMatchObject({
      sourceFace: { spoofing: true },
    });
    expect(
      (await live.call('POST', '/compare', { sourceImage: image, targetImage: other, spoofing })).data,
    ).toMatchObject({ sourceFace: { spoofing: true }, matchedFaceDetails: [{ faceDetail: { spoofing: false } }] });
    const path = `/verify/groups/${groupId}/faces/${faceId}`;
    expect((await live.call('POST', path, { compareImage: other, spoofing })).data).toMatchObject({
      sourceFace: { spoofing: false },
    });
  });
});
