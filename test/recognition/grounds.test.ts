// The grounds of decisions: what they say of each shot, of the liveness and of the threshold, and how large they can get.
import { describe, expect, test } from 'vitest';
import { MAX_GROUND_SHOTS, type GroundsDraft } from '../../src/events/grounds.js';
import { draftGrounds } from '../../src/recognition/draft-grounds.js';
import type { Candidate } from '../../src/recognition/identity.js';
import type { SearchedShot } from '../../src/recognition/shot.js';
import type { TrackDecision } from '../../src/recognition/track-decision.js';
import { openDoor, type SceneFace } from './door.js';

const [anna, bert, zoe] = [0, 1, 9];
const standing = (shown: SceneFace) => () => [shown];

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error('there is none');
  return item;
}

describe('the grounds of a match', () => {
  test('name the shots that agreed, with the two most similar people, their time and their quality', async () => {
    const door = await openDoor({ keys: { margin: 2 } });
    await door.enrol(anna, 'anna');
    const bertsFace = await door.enrol(bert);
    await door.play(1_000, standing({ person: anna, x: 320, likeness: 0.9, quality: 0.81234, liveness: 3.14159 }));
    expect(door.events.reasons).toEqual(['match agreed']);
    const { shots, trackBeganAt, decidedAfterMs, ...rules } = first(door.events.grounds);
    const { decidedAt, capturedAt, similarity } = door.events.first;
    expect(rules).toEqual({
      agree: 3,
      outOf: 5,
      margin: 2,
      mask: true,
      liveness: { mode: 'observe', threshold: 0 },
      threshold: { value: 90, basis: { source: 'configured' }, scale: 'model-1' },
    });
    expect(shots).toHaveLength(3);
    for (const shot of shots) {
      expect(shot).toMatchObject({ quality: 0.812, result: 'agrees', agreed: true, liveness: 3.14, masked: false });
      expect(shot.first).toEqual({ externalImageId: 'anna', similarity });
      expect(shot.second).toMatchObject({ faceId: bertsFace });
      expect(shot.second?.similarity).toBeLessThan(90);
    }
    expect(shots.map(({ atMs }) => atMs)).toEqual(shots.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
    expect(Date.parse(trackBeganAt) + decidedAfterMs).toBe(Date.parse(decidedAt));
    const times = shots.map(({ atMs }) => Date.parse(trackBeganAt) + atMs);
    expect(times).toContain(Date.parse(capturedAt));
  });

  test('hold the threshold with the size of the group and the target that it follows from', async () => {
    const keys = { targetFalseAcceptPerAttempt: 1e-3 };
    const door = await openDoor({ keys });
    for (let person = 0; person < 6; person++) await door.enrol(person, `p${person}`);
    await door.play(1_000, standing({ person: anna, x: 320, likeness: 1 }));
    const { threshold } = first(door.events.grounds);
    expect(threshold).toEqual({
      value: door.events.first.threshold,
      basis: {
        source: 'target',
        targetFalseAcceptPerAttempt: 1e-3,
        enrolledFaces: 6,
        // 6 faces in 5 shots of which 3 must agree count as 10 comparisons.
        falseAcceptPerComparison: 1e-4,
      },
      scale: 'model-1',
    });
    expect(threshold.value).toBeCloseTo(80, 1);
  });

  test('say where the threshold is a bound of the scale', async () => {
    const keys = { targetFalseAcceptPerAttempt: 0.1 };
    const door = await openDoor({ keys });
    await door.enrol(anna, 'anna');
    await door.play(1_000, standing({ person: anna, x: 320, likeness: 1 }));
    const { value, basis } = first(door.events.grounds).threshold;
    expect([value, basis]).toEqual([70, expect.objectContaining({ bound: 'lowest' })]);
  });

  test('hold the mask, the recognisability and the correction of a shot', async () => {
    const door = await openDoor({ keys: { mask: true, threshold: 50 } });
    await door.enrol(anna, 'anna');
    const condition = { recognisability: 0.71234, masked: true };
    await door.play(1_000, standing({ person: anna, x: 320, likeness: 1, masked: true, condition }));
    const shot = first(first(door.events.grounds).shots);
    expect(shot).toMatchObject({ masked: true, recognisability: 0.712 });
    // The square of MASK_BIAS.
    expect(shot.correction).toBeCloseTo(0.2025, 2);
  });
});

describe('the grounds of a refusal', () => {
  test.each([
    { name: 'a stranger', person: zoe, reason: 'unknown below-threshold', result: 'below' },
    { name: 'a person enrolled under two names', person: anna, reason: 'unknown tie', result: 'tie' },
  ])('of $name say of each shot: $result', async ({ person, reason, result }) => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.enrol(anna, 'bert');
    await door.play(1_500, standing({ person, x: 320 }));
    expect(door.events.reasons).toEqual([reason]);
    const { shots } = first(door.events.grounds);
    expect(shots).toHaveLength(5);
    for (const shot of shots) expect([shot.result, shot.agreed]).toEqual([result, undefined]);
  }); // prettier-ignore

  test('before an empty group name nobody', async () => {
    const door = await openDoor();
    await door.play(1_500, standing({ person: anna, x: 320 }));
    expect(door.events.reasons).toEqual(['unknown empty-group']);
    const { shots } = first(door.events.grounds);
    for (const shot of shots) {
      expect(shot.result).toBe('nobody');
      expect(shot).not.toHaveProperty('first');
    }
  });

  test('of a spoof hold the liveness of each shot, and the threshold of the camera', async () => {
    const door = await openDoor({ keys: { liveness: 'required', livenessThreshold: 1.5 } });
    await door.enrol(anna, 'anna');
    await door.play(1_500, standing({ person: anna, x: 320, liveness: -4 }));
    expect(door.events.reasons[0]).toBe('spoof not-alive');
    const { liveness, shots } = first(door.events.grounds);
    expect(liveness).toEqual({ mode: 'required', threshold: 1.5 });
    expect(shots.map((shot) => shot.liveness)).toEqual(shots.map(() => -4));
  });
});

describe('their size', () => {
  const group = { appKey: 'default', groupId: 'staff', order: 0, threshold: 90 };
  const face = { faceId: '5b4c4b3e-8d2f-4f2e-9a52-0b1b8a1b6d11', imageId: '0c4e5a1c-5f0c-4a4b-8f4f-6a5f5c1f1a22' };
  const box = { x0: 0, y0: 0, x1: 1, y1: 1 };
  const candidate = (person: string, similarity: number): Candidate => {
    const enrolled = { ...face, externalImageId: person, bbox: box, detectionScore: 0.9 };
    return { person, group, face: enrolled, similarity };
  };
  const shotAt = (atMs: number): SearchedShot => ({
    atMs,
    capturedAtMs: Date.UTC(2026, 0, 1) + atMs,
    bbox: box,
    quality: 0.8123456,
    embedding: new Float32Array(2),
    condition: { recognisability: 0.9123456, masked: false, bias: new Float32Array(16).fill(0.123456) },
    livenessScore: 3.123456,
    masked: false,
    candidates: [candidate('badge-17', 93.1234), candidate('badge-4711', 41.1234)],
  });

  function draft(shots: SearchedShot[], change: Partial<TrackDecision> = {}): GroundsDraft {
    const decided: TrackDecision = {
      decision: { type: 'match', reason: 'agreed' },
      trackId: 1,
      firstSeenMs: 0,
      lastSeenMs: 10_000,
      decidedAtMs: 10_000,
      person: 'badge-17',
      grounds: shots.map((shot) => ({ shot })),
      shots,
      firstGroup: group,
      liveness: { mode: 'required', verdict: 'live', threshold: 1.2 },
      livenessSamples: shots.map(({ atMs, quality }) => ({ atMs, quality, score: 3 })),
      ...change,
    };
    const rules = { agree: 3, outOf: 5, margin: 2, mask: true as const };
    return draftGrounds(rules, decided, { shown: shots.at(-1)!, group, modelVersion: 'model-1' });
  }

  test(`is bounded: of more than ${MAX_GROUND_SHOTS} shots those stay that agreed, and the newest`, () => {
    const shots = Array.from({ length: 50 }, (_, i) => shotAt(i * 100));
    const grounds = draft(shots, { grounds: shots.slice(0, 3).map((shot) => ({ shot })) });
    expect(grounds.shots).toHaveLength(MAX_GROUND_SHOTS);
    expect(grounds.omittedShots).toBe(50 - MAX_GROUND_SHOTS);
    const newest = Array.from({ length: 27 }, (_, i) => (23 + i) * 100);
    expect(grounds.shots.map(({ atMs }) => atMs)).toEqual([0, 100, 200, ...newest]);
    expect(JSON.stringify(grounds).length).toBeLessThan(9_000);
  });

  test('of a usual match of five shots is below 2 kB', () => {
    const grounds = draft(Array.from({ length: 5 }, (_, i) => shotAt(i * 100)));
    expect(JSON.stringify(grounds).length).toBeLessThan(2_000);
  });

  test('holds an earlier shot by its liveness alone, and leaves out a score that is not finite', () => {
    const shots = [shotAt(500), shotAt(600)];
    const livenessSamples = [
      { atMs: 100, quality: 0.71239, score: -2.123 },
      { atMs: 200, quality: 0.7, score: -Infinity },
      { atMs: 500, quality: 0.8, score: 3 },
    ];
    const grounds = draft(shots, { livenessSamples });
    expect(grounds.shots.slice(0, 2)).toEqual([
      { atMs: 100, quality: 0.712, liveness: -2.12 },
      { atMs: 200, quality: 0.7 },
    ]);
    expect(grounds.shots).toHaveLength(4);
  });
});
