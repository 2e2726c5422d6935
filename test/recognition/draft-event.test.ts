// Drafts of events: they fit their schema, and everything in them is about one recent shot.
import { describe, expect, test } from 'vitest';
import { recognitionEventSchema } from '../../src/events/event.js';
import { draftEvent, decideMasked, chooseShownShot } from '../../src/recognition/draft-event.js';
import type { SearchedShot } from '../../src/recognition/shot.js';
import { cameraConfig } from '../camera/test-camera.js';

const config = cameraConfig({ eventTtlMs: 5_000 });
const group = { appKey: 'default', groupId: 'guests', order: 1, threshold: 85 };
const capturedAtMs = Date.UTC(2026, 0, 1, 8, 0, 0, 123);
const shown: SearchedShot = {
  capturedAtMs,
  atMs: 0,
  bbox: { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.4 },
  quality: 0.7,
  embedding: new Float32Array(2),
  candidates: [],
};
const face = {
  faceId: '0e1b2c3d-1111-4222-8333-444455556666',
  imageId: '0e1b2c3d-1111-4222-8333-444455557777',
  bbox: shown.bbox,
  detectionScore: 0.9,
};
const nearest = { person: 'p', group, face: { ...face, externalImageId: 'anna' }, similarity: 93.5 };
const facts = {
  trackId: 4,
  shown,
  firstGroup: { ...group, groupId: 'staff', order: 0, threshold: 90 },
  liveness: undefined,
  masked: undefined,
  snapshot: undefined,
  modelVersion: 'm1',
  decidedAtMs: capturedAtMs + 400,
};
const match = { decision: { type: 'match', reason: 'agreed' } } as const;
const unknown = { decision: { type: 'unknown', reason: 'below-threshold' } } as const;

/** Completes a draft as the outbox does, and checks it against the schema. */
function check(draft: object) {
  const whole = {
    version: 2,
    eventId: '0e1b2c3d-1111-4222-8333-444455558888',
    sequence: 1,
    deviceId: 'lintel',
    ...draft,
  };
  return recognitionEventSchema.parse(whole);
}

describe('an event', () => {
  test('of a match names the face, and the time until which it may open something', () => {
    const draft = draftEvent(config, { ...facts, ...match, nearest, masked: false });
    check(draft);
    expect(draft).toEqual({
      type: 'match',
      cameraId: 'front',
      trackId: 4,
      capturedAt: '2026-01-01T08:00:00.123Z',
      decidedAt: '2026-01-01T08:00:00.523Z',
      expiresAt: '2026-01-01T08:00:05.123Z',
      reason: 'agreed',
      groupId: 'guests',
      faceId: face.faceId,
      imageId: face.imageId,
      externalImageId: 'anna',
      similarity: 93.5,
      threshold: 85,
      masked: false,
      bbox: shown.bbox,
      quality: 0.7,
      modelVersion: 'm1',
    });
  });

  test('of a match with a face that has no externalImageId leaves it out', () => {
    const draft = draftEvent(config, { ...facts, ...match, nearest: { ...nearest, face } });
    check(draft);
    expect(draft).not.toHaveProperty('externalImageId');
    expect(draft).not.toHaveProperty('masked');
  });

  test('of a stranger has the similarity of the nearest face, and does not name it', () => {
    const draft = draftEvent(config, { ...facts, ...unknown, nearest });
    check(draft);
    expect(draft.similarity).toBe(93.5);
    expect(draft).not.toHaveProperty('faceId');
    expect(JSON.stringify(draft)).not.toMatch(/anna|0e1b2c3d/);
  });

  test('of a stranger at an empty group has no similarity', () => {
    const draft = draftEvent(config, { ...facts, ...unknown, nearest: undefined });
    check(draft);
    expect(draft).not.toHaveProperty('similarity');
    expect(draft).toMatchObject({ groupId: 'staff', threshold: 90 });
  });

  test.each([
    { type: 'spoof', reason: 'not-alive' },
    { type: 'uncertain', reason: 'clock-wrong' },
  ] as const)('of $type names nobody, whomever the face resembles', (decision) => {
    const liveness = { mode: 'required', verdict: 'spoof', score: -2.5, threshold: 0 } as const;
    const draft = draftEvent(config, { ...facts, decision, nearest, liveness });
    check(draft);
    expect(draft).toMatchObject({ ...decision, liveness, similarity: 93.5, groupId: 'guests', threshold: 85 });
    expect(JSON.stringify(draft)).not.toMatch(/anna|0e1b2c3d/);
  });

  test('carries its snapshot as base64', () => {
    const draft = draftEvent(config, { ...facts, ...unknown, nearest, snapshot: Uint8Array.of(0xff, 0xd8, 0xff) });
    check(draft);
    expect(draft.snapshot).toBe('/9j/');
  });
});

describe('a mask', () => {
  const masked = { masked: true };
  const bare = { masked: false };
  const nothing = {};
  test.each([
    { name: 'most shots show', shots: [masked, bare, masked], shown: bare, expected: true },
    { name: 'most shots do not show', shots: [masked, bare, bare, nothing], shown: masked, expected: false },
    { name: 'half of the shots show, as the shown one', shots: [masked, bare], shown: bare, expected: false },
    { name: 'no shot has a value for', shots: [nothing, nothing], shown: nothing, expected: undefined },
  ])('that $name: $expected', ({ shots, shown: one, expected }) => {
    expect(decideMasked(shots, one)).toBe(expected);
  });
});

describe('the shot that an event shows', () => {
  test.each([
    { name: 'the only one', shots: [[0, 0.5]], shownIndex: 0 },
    { name: 'the best one', shots: [[0, 0.5], [100, 0.9], [200, 0.6]], shownIndex: 1 }, // prettier-ignore
    { name: 'the newest of equals', shots: [[0, 0.5], [100, 0.5], [200, 0.5]], shownIndex: 2 }, // prettier-ignore
    { name: 'the best one of the last half of the time to live', shots: [[0, 0.9], [2_500, 0.6], [5_000, 0.5]], shownIndex: 1 }, // prettier-ignore
    { name: 'the newest where the others are old', shots: [[0, 0.9], [5_000, 0.5]], shownIndex: 1 }, // prettier-ignore
  ])('is $name', ({ shots, shownIndex }) => {
    const seen = shots.map(([capturedAtMs = 0, quality = 0]) => ({ capturedAtMs, quality }));
    expect(chooseShownShot(seen, 5_000)).toBe(seen[shownIndex]);
  });
});
