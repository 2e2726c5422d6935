// Conditions of a match beside the identity, and what happens when they change: liveness, clock, camera, groups, cool-down.
import { describe, expect, test } from 'vitest';
import { farPerComparison } from '../../src/domain/false-accept.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import type { UnknownShot } from '../../src/recognition/event-reporter.js';
import type { RecogniserParts } from '../../src/recognition/recogniser.js';
import { createEmbedding, openDoor, scales, staff, type SceneFace } from './door.js';
import { present } from '../support/present.js';

const anna = 0;
const bert = 1;
const zoe = 9;
const nobody = () => [];
const standing = (shown: SceneFace) => () => [shown];

async function openDoorFor(keys: object, parts: Partial<RecogniserParts> = {}) {
  const door = await openDoor({ keys, parts });
  await door.enrol(anna, 'anna');
  return door;
}

test.each([
  { mode: true, masked: false, byEmbedding: true, expected: false },
  { mode: true, masked: undefined, byEmbedding: true, expected: true },
  { mode: false, masked: undefined, byEmbedding: true, expected: undefined },
])('a match says $expected of masks where the key mask is $mode, the mask model says $masked, the embedding $byEmbedding', async ({ mode, masked, byEmbedding, expected }) => {
  const door = await openDoorFor({ mask: mode });
  const condition = { recognisability: 0.75, masked: byEmbedding };
  await door.play(1_000, standing({ person: anna, x: 320, masked, condition }));
  expect(door.events.reasons).toEqual(['match agreed']);
  expect(door.events.first.masked).toBe(expected);
  expect(door.events.first.recognisability).toBe(0.75);
}); // prettier-ignore

describe('a camera that refuses masks', () => {
  const keys = { mask: 'refuse' };
  const stand = (masked: boolean): SceneFace => ({ person: anna, x: 320, masked });

  test.each([
    { name: 'a bare face', masks: [false], expected: ['match agreed'] },
    { name: 'a masked face', masks: [true], expected: ['uncertain masked'] },
    { name: 'one frame in which a bare face seems masked', masks: [false, false, true, false, false], expected: ['match agreed'] },
    { name: 'two bare frames among masked ones', masks: [false, true, true, true, false, true, true, true], expected: ['uncertain masked'] },
  ])('$name: $expected', async ({ masks, expected }) => {
    const door = await openDoorFor(keys);
    await door.play(2_000, (n) => [stand(masks[n % masks.length] ?? false)]);
    expect(door.events.reasons).toEqual(expected);
    const event = door.events.first;
    if (event.type !== 'match') expect(JSON.stringify(event)).not.toMatch(/anna|faceId|imageId/);
  }); // prettier-ignore

  test('a person who takes the mask off is matched then, and not before', async () => {
    const door = await openDoorFor(keys);
    await door.play(5_000, (_, atMs) => [stand(atMs < 2_000)]);
    expect(door.events.reasons).toEqual(['uncertain masked', 'match agreed']);
    const match = door.events.all.at(-1);
    expect(door.sinceStart(match?.decidedAt ?? '')).toBeGreaterThan(3_000);
    expect(match?.masked).toBe(false);
  });

  test('a stranger in a mask is unknown', async () => {
    const door = await openDoorFor(keys);
    await door.play(2_000, standing({ person: zoe, x: 320, masked: true }));
    expect(door.events.reasons).toEqual(['unknown below-threshold']);
  });

  test.each([
    { name: 'the mask model takes the mask for a face', masked: false, byEmbedding: true, expected: 'uncertain masked' },
    { name: 'the embedding takes the mask for a face', masked: true, byEmbedding: false, expected: 'uncertain masked' },
    { name: 'there is no mask model and a mask', masked: undefined, byEmbedding: true, expected: 'uncertain masked' },
    { name: 'there is no mask model and no mask', masked: undefined, byEmbedding: false, expected: 'match agreed' },
  ])('where $name: $expected', async ({ masked, byEmbedding, expected }) => {
    const door = await openDoorFor(keys);
    const condition = { recognisability: 1, masked: byEmbedding };
    await door.play(2_000, standing({ person: anna, x: 320, masked, condition }));
    expect(door.events.reasons).toEqual([expected]);
    expect(door.events.first.masked).toBe(expected !== 'match agreed');
  }); // prettier-ignore

  test('does not match a face of which nobody can say whether it is masked', async () => {
    const door = await openDoorFor(keys);
    await door.play(2_000, standing({ person: anna, x: 320, masked: undefined }));
    expect(door.events.reasons).toEqual(['uncertain masked']);
    expect(door.events.first).not.toHaveProperty('masked');
  });
});

describe('liveness that is required', () => {
  const keys = { liveness: 'required' };

  test.each([
    { name: 'alive', person: anna, scores: [3], expected: 'match agreed' },
    { name: 'a spoof', person: anna, scores: [-3], expected: 'spoof not-alive' },
    { name: 'a spoof of a stranger', person: zoe, scores: [-3], expected: 'spoof not-alive' },
    { name: 'a stranger who is alive', person: zoe, scores: [3], expected: 'unknown below-threshold' },
    { name: 'one bad frame', person: anna, scores: [3, -9, 3, 3, 3], expected: 'match agreed' },
    { name: 'one lucky frame', person: anna, scores: [-3, 30, -3, -3, -3], expected: 'spoof not-alive' },
    { name: 'half and half', person: anna, scores: [-3, 3], expected: 'uncertain liveness-unsure' },
  ])('$name: $expected', async ({ person, scores, expected }) => {
    const door = await openDoorFor(keys);
    await door.play(3_000, (n) => [{ person, x: 320, liveness: scores[n % scores.length] }]);
    expect(door.events.reasons).toEqual([expected]);
    const event = door.events.first;
    expect(event.liveness).toMatchObject({ mode: 'required', threshold: 0 });
    if (event.type !== 'match') expect(JSON.stringify(event)).not.toMatch(/anna|faceId|imageId/);
  });

  test('a frame without a score is not embedded', async () => {
    const door = await openDoorFor(keys);
    await door.play(1_000, (n) => [{ person: anna, x: 320, ...(n % 3 === 0 && { liveness: 3 }) }]);
    expect(door.events.reasons).toEqual(['match agreed']);
    expect(door.vision.embedded).toBe(3);
  });

  test('one frame would be enough for the identity, but three scores are waited for', async () => {
    const door = await openDoorFor({ ...keys, agree: 1, outOf: 1 });
    await door.play(200, standing({ person: anna, x: 320, liveness: 3 }));
    expect(door.events.published).toEqual([]);
    await door.play(800, standing({ person: anna, x: 320, liveness: 3 }));
    expect(door.events.reasons).toEqual(['match agreed']);
    expect(door.vision.embedded).toBe(3);
  });

  test('is waited for no longer than half the time to live of an event', async () => {
    const door = await openDoorFor({ ...keys, eventTtlMs: 1_000 });
    await door.play(1_000, (n) => [{ person: anna, x: 320, liveness: n % 2 ? 3 : -3 }]);
    expect(door.events.reasons).toEqual(['uncertain liveness-unsure']);
    const { decidedAt, expiresAt } = door.events.first;
    expect(decidedAt < expiresAt).toBe(true);
    expect(door.sinceStart(decidedAt)).toBe(700);
  });

  test('a spoof of nobody in particular is final', async () => {
    const door = await openDoorFor(keys);
    await door.play(4_000, standing({ person: zoe, x: 320, liveness: -3 }));
    expect(door.events.reasons).toEqual(['spoof not-alive']);
    expect(door.vision.embedded).toBe(5);
    expect(door.recogniser.settledBoxes()).toHaveLength(1);
  });

  test('a person who leaves before it is decided is uncertain', async () => {
    const door = await openDoorFor(keys);
    await door.play(400, (n) => [{ person: anna, x: 320, liveness: n % 2 ? 3 : -3 }]);
    expect(door.events.published).toEqual([]);
    await door.play(1_200, nobody);
    expect(door.events.reasons).toEqual(['uncertain liveness-unsure']);
  });

  test('nobody lends their liveness to a picture of somebody else on the same track', async () => {
    const door = await openDoorFor({ ...keys, agree: 2, outOf: 6 });
    const scene = (n: number): SceneFace[] =>
      n < 8 ? [{ person: zoe, x: 320, liveness: 9 }] : [{ person: anna, x: 320, liveness: -3 }];
    await door.play(3_000, (n) => scene(n));
    expect(door.events.published).toEqual(['spoof']);
  });

  test('a spoof that turns out live becomes a match, by more frames than are enough otherwise', async () => {
    const door = await openDoorFor(keys);
    await door.play(500, standing({ person: anna, x: 320, liveness: -1 }));
    expect(door.events.reasons).toEqual(['spoof not-alive']);
    await door.play(2_000, standing({ person: anna, x: 320, liveness: 5 }));
    expect(door.events.reasons).toEqual(['spoof not-alive']);
    await door.play(3_000, standing({ person: anna, x: 320, liveness: 5 }));
    expect(door.events.reasons).toEqual(['spoof not-alive', 'match agreed']);
    expect(door.events.all[1]?.externalImageId).toBe('anna');
    const age = Date.parse(present(door.events.all[1]).decidedAt) - Date.parse(present(door.events.all[1]).capturedAt);
    expect(age).toBeLessThan(2_500);
  });

  test('a picture that is held up for a minute is one event, though every fourth frame looks alive', async () => {
    const door = await openDoorFor(keys);
    await door.play(60_000, (n) => [{ person: anna, x: 320, liveness: Math.floor(n / 5) % 4 === 3 ? 9 : -3 }]);
    expect(door.events.reasons).toEqual(['spoof not-alive']);
    expect(door.vision.embedded).toBeLessThan(130);
  });

  test('a picture that is lowered and shown again is one event, and needs more live frames', async () => {
    const door = await openDoorFor(keys);
    for (let round = 0; round < 4; round++) {
      await door.play(500, standing({ person: anna, x: 320, liveness: round < 2 ? -3 : 3 }));
      await door.play(1_200, nobody);
    }
    expect(door.events.reasons).toEqual(
      ['spoof not-alive', 'uncertain liveness-unsure'].slice(0, door.events.all.length),
    );
    expect(door.events.published).not.toContain('match anna');
  });

  test('the person who comes after their picture is a match', async () => {
    const door = await openDoorFor(keys);
    await door.play(600, standing({ person: anna, x: 320, liveness: -3 }));
    await door.play(2_100, nobody);
    await door.play(600, standing({ person: anna, x: 320, liveness: 3 }));
    expect(door.events.reasons).toEqual(['spoof not-alive', 'match agreed']);
  });

  test('a picture of somebody who was let in a moment ago is a spoof', async () => {
    const door = await openDoorFor(keys);
    await door.play(600, standing({ person: anna, x: 100, liveness: 3 }));
    await door.play(1_200, nobody);
    await door.play(1_000, standing({ person: anna, x: 500, liveness: -3 }));
    expect(door.events.reasons).toEqual(['match agreed', 'spoof not-alive']);
  });

  test('without a model nobody is matched, and it is declared', async () => {
    const door = await openDoorFor(keys);
    door.vision.hasLiveness = false;
    const blind = await openDoor({ keys, parts: { vision: door.vision } });
    await blind.enrol(anna, 'anna');
    await blind.play(6_000, standing({ person: anna, x: 320, liveness: 9 }));
    expect(blind.events.reasons).toEqual(['uncertain liveness-missing']);
    expect(blind.events.first.liveness).toEqual({ mode: 'required', verdict: 'unavailable' });
    const detail = 'liveness is required, and the model set has no model for it: nobody is matched';
    expect(blind.recogniser.health()).toEqual({ status: 'degraded', detail });
  });

  test.each([
    { name: "the model's strict one", keys, threshold: 2.5 },
    { name: "the camera's", keys: { ...keys, livenessThreshold: 3.5 }, threshold: 3.5 },
  ])('the threshold is $name', async ({ keys: cameraKeys, threshold }) => {
    for (const [liveness, type] of [
      [threshold, 'match'],
      [threshold - 0.1, 'spoof'],
    ] as const) {
      // prettier-ignore
      const door = await openDoorFor(cameraKeys, { livenessThresholds: { balanced: 1.5, strict: 2.5 } });
      await door.play(600, standing({ person: anna, x: 320, liveness }));
      expect(door.events.first).toMatchObject({ type, liveness: { threshold, score: liveness } });
    }
  });
});

describe('liveness that is not required', () => {
  test.each([
    { mode: 'observe', liveness: -3, expected: { mode: 'observe', verdict: 'spoof', score: -3, threshold: 0 } },
    { mode: 'observe', liveness: 3, expected: { mode: 'observe', verdict: 'live', score: 3, threshold: 0 } },
    { mode: 'observe', liveness: undefined, expected: { mode: 'observe', verdict: 'unsure', threshold: 0 } },
    { mode: 'off', liveness: -3, expected: undefined },
  ])('$mode: a score of $liveness decides nothing', async ({ mode, liveness, expected }) => {
    const door = await openDoorFor({ liveness: mode });
    await door.play(600, standing({ person: anna, x: 320, ...(liveness !== undefined && { liveness }) }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.events.first.liveness).toEqual(expected);
  });
});

describe('a device or a camera that cannot be trusted', () => {
  test.each([
    { name: 'the clock', reason: 'clock-wrong', parts: (problem: () => string | undefined) => ({ trust: { problem } }) },
    { name: 'the camera', reason: 'camera-fault', parts: (problem: () => string | undefined) => ({ cameraProblem: problem }) },
  ])('$name: matches are uncertain and name nobody, until it is right again', async ({ reason, parts }) => {
    let problem: string | undefined = 'something is wrong';
    const door = await openDoorFor({}, parts(() => problem));
    await door.play(6_000, () => [
      { person: anna, x: 200 },
      { person: zoe, x: 450 },
    ]);
    expect(door.events.reasons.toSorted()).toEqual([`uncertain ${reason}`, 'unknown below-threshold']);
    expect(JSON.stringify(door.events.all)).not.toMatch(/anna|faceId|imageId/);
    problem = undefined;
    await door.play(3_000, () => [
      { person: anna, x: 200 },
      { person: zoe, x: 450 },
    ]);
    expect(door.events.published).toHaveLength(3);
    expect(door.events.all[2]).toMatchObject({ type: 'match', externalImageId: 'anna' });
    const { capturedAt, decidedAt } = present(door.events.all[2]);
    expect(Date.parse(decidedAt) - Date.parse(capturedAt)).toBeLessThanOrEqual(2_500);
  }); // prettier-ignore

  test('problems that come and go give one event for each appearance', async () => {
    let n = 0;
    const door = await openDoorFor({}, { trust: { problem: () => (n++ % 2 ? undefined : 'now and then') } });
    await door.play(20_000, standing({ person: anna, x: 320 }));
    expect(door.events.reasons).toEqual(['uncertain clock-wrong', 'match agreed']);
  });
});

describe('several groups', () => {
  const guests = { ...staff, groupId: 'guests' };
  const keys = { group: undefined, groups: [{ group: 'staff' }, { group: 'guests', threshold: 75 }] };
  async function openDoors() {
    const door = await openDoor({ keys });
    await door.gallery.createGroup(guests, 'model-1');
    return door;
  }

  test('each has its own threshold, which the event names with the group', async () => {
    const door = await openDoors();
    await door.enrol(anna, 'anna');
    await door.enrol(bert, 'bert', 1, guests);
    await door.play(1_000, () => [
      { person: anna, x: 200, likeness: 0.41 },
      { person: bert, x: 450, likeness: 0.41 },
    ]);
    expect(door.events.published.toSorted()).toEqual(['match bert', 'unknown']);
    const [match, unknown] = door.events.all.toSorted((a, b) => (a.type < b.type ? -1 : 1));
    expect(match).toMatchObject({ groupId: 'guests', threshold: 75 });
    expect(unknown).toMatchObject({ groupId: 'staff', threshold: 90 });
  });

  test('the same id in two of them is one person, of the first group that agrees; two ids are a tie', async () => {
    const door = await openDoors();
    await door.enrol(anna, 'anna');
    await door.enrol(anna, 'anna', 1, guests);
    await door.enrol(bert, 'bert');
    await door.enrol(bert, 'somebody-else', 1, guests);
    await door.play(1_000, () => [
      { person: anna, x: 200 },
      { person: bert, x: 450 },
    ]);
    expect(door.events.reasons.toSorted()).toEqual(['match agreed', 'unknown tie']);
    expect(door.events.all.find(({ type }) => type === 'match')).toMatchObject({ groupId: 'staff', threshold: 90 });
  });

  test('one that is missing is declared: a person of the other one is a match, anybody else is uncertain', async () => {
    const door = await openDoor({ keys });
    await door.enrol(anna, 'anna');
    await door.play(1_000, () => [
      { person: anna, x: 200 },
      { person: zoe, x: 450 },
    ]);
    expect(door.events.reasons).toEqual(['match agreed', 'uncertain group-unusable']);
    expect(door.recogniser.health()).toEqual({ status: 'degraded', detail: 'group guests does not exist' });
  });
});

describe('a target in place of a threshold', () => {
  const target = 1e-3;
  const keys = { targetFalseAcceptPerAttempt: target };

  test('the threshold of the event follows from the size of the group, and rises with it', async () => {
    const door = await openDoorFor(keys);
    const thresholds: number[] = [];
    for (const extra of [0, 9, 40]) {
      for (let n = 0; n < extra; n++) await door.enrol(10 + n, `more-${n}`);
      await door.play(600, standing({ person: anna, x: 320 }));
      await door.play(2_100, nobody);
      thresholds.push(door.events.all.at(-1)?.threshold ?? 0);
    }
    const expected = [1, 10, 50].map((enrolledFaces) =>
      scales.scale.fromCosine(
        scales.falseAccepts.cosineAt(farPerComparison(target, { enrolledFaces, agree: 3, outOf: 5 })),
      ),
    );
    thresholds.forEach((threshold, i) => expect(threshold).toBeCloseTo(present(expected[i]), 9));
    expect(thresholds).toEqual(thresholds.toSorted((a, b) => a - b));
    expect(door.events.published).toEqual(['match anna', 'match anna', 'match anna']);
  });

  test('decides: a similarity that is enough in a small group is not enough in a large one', async () => {
    const door = await openDoorFor({ ...keys, outOf: 3 });
    const shown = { person: anna, x: 320, likeness: 0.36 };
    await door.play(600, standing(shown));
    for (let n = 0; n < 40; n++) await door.enrol(10 + n, `more-${n}`);
    await door.play(2_100, nobody);
    await door.play(600, standing(shown));
    expect(door.events.published).toEqual(['match anna', 'unknown']);
  });

  test('that would take more than any face reaches is bounded', async () => {
    const points = [{ cosine: 0.1, similarity: 10, far: 1e-1 }, { cosine: 0.9, similarity: 90, far: 1e-2 }]; // prettier-ignore
    const door = await openDoorFor(keys, { scales: new SimilarityScales({ points }) });
    await door.play(1_000, standing({ person: anna, x: 320, likeness: 0.96 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.events.first.threshold).toBeLessThan(100);
  });
});

describe('the cool-down', () => {
  const keys = { absenceMs: 500, coolDownMs: 10_000 };

  test('silences a person who comes back within it, and lets them in when it is over, if they are still there', async () => {
    const door = await openDoorFor(keys);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    await door.play(1_000, nobody);
    await door.play(8_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.stats()).toMatchObject({ silenced: 1 });
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna', 'match anna']);
    expect(door.sinceStart(present(door.events.all[1]).decidedAt)).toBeGreaterThanOrEqual(10_200);
  });

  test('counts for each person, strangers too', async () => {
    const door = await openDoorFor(keys);
    await door.enrol(bert, 'bert');
    for (const person of [anna, bert, anna, zoe, bert, zoe]) {
      await door.play(700, standing({ person, x: 320 }));
      await door.play(700, nobody);
    }
    expect(door.events.published).toEqual(['match anna', 'match bert', 'unknown']);
    await door.play(8_000, nobody);
    await door.play(1_000, standing({ person: zoe, x: 320 }));
    expect(door.events.published).toEqual(['match anna', 'match bert', 'unknown', 'unknown']);
  });

  test('of a spoof does not keep the person themselves out', async () => {
    const door = await openDoorFor({ ...keys, liveness: 'required' });
    await door.play(600, standing({ person: anna, x: 320, liveness: -3 }));
    await door.play(1_000, nobody);
    await door.play(600, standing({ person: anna, x: 320, liveness: 3 }));
    expect(door.events.reasons).toEqual(['spoof not-alive', 'match agreed']);
  });
});

describe('what goes with an event', () => {
  test('the mask that most shots show', async () => {
    const door = await openDoorFor({});
    await door.play(1_000, (n) => [{ person: anna, x: 320, masked: n !== 1, quality: n === 1 ? 0.9 : 0.8 }]);
    expect(door.events.first).toMatchObject({ masked: true, quality: 0.9 });
  });

  const encodeCrop = (crop: Uint8Array) => Buffer.from(crop);
  const picture = (event: { snapshot?: string | undefined }) => Buffer.from(event.snapshot ?? '', 'base64').toString();

  test('a snapshot of the shown shot, where it is configured', async () => {
    const door = await openDoorFor({ snapshots: true }, { encodeCrop });
    await door.play(1_000, (n) => [{ person: anna, x: 320, likeness: 0.9 + n / 100, quality: n === 1 ? 0.9 : 0.8 }]);
    expect(picture(door.events.first)).toContain('0.91');
  });

  test.each<{ name: string; keys: object; parts: Partial<RecogniserParts>; warned: string[] }>([
    { name: 'that is not configured', keys: {}, parts: { encodeCrop }, warned: [] },
    { name: 'that cannot be encoded', keys: { snapshots: true }, parts: {}, warned: [] },
    {
      name: 'whose encoding fails',
      keys: { snapshots: true },
      parts: {
        encodeCrop: () => {
          throw new Error('no memory');
        },
      },
      warned: ['a snapshot could not be encoded'],
    },
    {
      name: 'that is too large',
      keys: { snapshots: true },
      parts: { encodeCrop: () => Buffer.alloc(80_000) },
      warned: [],
    },
  ])('an event without a snapshot $name', async ({ keys, parts, warned }) => {
    const door = await openDoorFor(keys, parts);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.events.first).not.toHaveProperty('snapshot');
    expect(door.log.messages).toEqual(warned);
  });

  test('the face of a stranger goes to its keeper, once for each appearance; nobody else does', async () => {
    const kept: UnknownShot[] = [];
    const door = await openDoorFor({}, { unknownFaces: { keep: (face) => kept.push(face) } });
    const scene = () => [
      { person: anna, x: 200 },
      { person: zoe, x: 450 },
    ];
    await door.play(3_000, scene);
    expect(kept).toHaveLength(1);
    expect(kept[0]).toMatchObject({ cameraId: 'front', trackId: 2, quality: 0.8, modelVersion: 'model-1' });
    expect(kept[0]?.embedding).toEqual(createEmbedding(zoe, 0.9));
    expect(Buffer.from(present(kept[0]).crop).toString()).toBe('{"person":9,"likeness":0.9}');
    expect(new Date(present(kept[0]).capturedAtMs).toISOString()).toBe(door.events.all[1]?.capturedAt);
    await door.play(2_100, nobody);
    await door.play(1_000, scene);
    expect(kept).toHaveLength(2);
    expect(door.events.all.every((event) => event.snapshot === undefined)).toBe(true);
  });

  test('a keeper that fails does not lose the event', async () => {
    const keep = () => {
      throw new Error('the disk is full');
    };
    const door = await openDoorFor({}, { unknownFaces: { keep } });
    await door.play(1_000, standing({ person: zoe, x: 320 }));
    expect(door.events.published).toEqual(['unknown']);
    expect(door.log.messages).toEqual(['the face of an unknown person could not be kept']);
  });

  test('counters by type and reason', async () => {
    const door = await openDoorFor({ liveness: 'required' });
    await door.play(1_000, () => [
      { person: anna, x: 100, liveness: 3 },
      { person: zoe, x: 300, liveness: 3 },
      { person: bert, x: 500, liveness: -3 },
    ]);
    expect(door.recogniser.stats()).toMatchObject({ matches: 1, unknowns: 1, spoofs: 1, uncertains: 0 });
    expect(door.recogniser.eventCounts().toSorted((a, b) => (a.reason < b.reason ? -1 : 1))).toEqual([
      { type: 'match', reason: 'agreed', count: 1 },
      { type: 'unknown', reason: 'below-threshold', count: 1 },
      { type: 'spoof', reason: 'not-alive', count: 1 },
    ]);
  });
});

describe('a track that ends too early', () => {
  test.each([
    { frames: 2, person: anna, keys: {}, expected: ['uncertain too-few-frames'] },
    { frames: 2, person: zoe, keys: {}, expected: [] },
    { frames: 3, person: zoe, keys: {}, expected: ['unknown below-threshold'] },
    { frames: 4, person: anna, keys: { liveness: 'required', agree: 5 }, expected: ['spoof not-alive'] },
  ])('$frames frames of $person: $expected', async ({ frames, person, keys, expected }) => {
    const door = await openDoorFor(keys);
    await door.play(frames * 100, standing({ person, x: 320, liveness: -3 }));
    await door.play(1_200, nobody);
    expect(door.events.reasons).toEqual(expected);
    if (expected.length > 0) expect(JSON.stringify(door.events.all)).not.toMatch(/anna|faceId|imageId/);
  });

  test('gives no event when the person had one a moment ago', async () => {
    const door = await openDoorFor({});
    await door.play(600, standing({ person: anna, x: 100 }));
    await door.play(1_200, nobody);
    await door.play(200, standing({ person: anna, x: 500 }));
    await door.play(1_200, nobody);
    expect(door.events.published).toEqual(['match anna']);
  });
});
