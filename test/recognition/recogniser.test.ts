// Events at a door: scripted appearances, and exactly the events that follow.
import { describe, expect, onTestFinished, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import { createDeferred } from '../../src/platform/waiting.js';
import { settle } from '../camera/manual-timers.js';
import { openDoor, staff, type SceneFace } from './door.js';

const anna = 0;
const bert = 1;
const zoe = 9;
const nobody = () => [];
/** One face that stands still. */
const standing = (shown: SceneFace) => () => [shown];

describe('an appearance', () => {
  test('of an enrolled person is one match, as soon as three frames agree', async () => {
    const door = await openDoor();
    const faceId = await door.enrol(anna, 'anna');
    await door.enrol(bert, 'bert');
    await door.play(5_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    const event = door.events.first;
    expect(event).toMatchObject({
      faceId,
      groupId: 'staff',
      cameraId: 'front',
      trackId: 1,
      threshold: 90,
      masked: false,
    });
    expect(event).toMatchObject({ quality: 0.8, modelVersion: 'model-1' });
    expect(event.similarity).toBeCloseTo(90 + ((0.9 - 0.464) / (1 - 0.464)) * 10, 3);
    expect(door.sinceStart(event.capturedAt)).toBe(200);
    expect(door.sinceStart(event.decidedAt)).toBe(200);
    expect(door.sinceStart(event.expiresAt)).toBe(5_200);
    expect(door.vision.batches).toEqual([1, 1, 1]);
    expect(door.recogniser.stats()).toMatchObject({ tracks: 1, embedded: 3, matches: 1, unknowns: 0, openTracks: 1 });
    expect(door.recogniser.health()).toEqual({ status: 'ok' });
  });

  test('of a stranger is one unknown, after five embedded frames', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(5_000, standing({ person: zoe, x: 320 }));
    expect(door.events.published).toEqual(['unknown']);
    expect(door.events.first.similarity).toBe(0);
    expect(door.events.first).not.toHaveProperty('faceId');
    expect(door.vision.embedded).toBe(5);
  });

  test('at an empty group is unknown, without a similarity', async () => {
    const door = await openDoor();
    await door.play(2_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['unknown']);
    expect(door.events.first).not.toHaveProperty('similarity');
    expect(door.recogniser.health()).toEqual({ status: 'ok' });
  });

  test('of two persons side by side is one event each, and one batch for each frame', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(3_000, () => [
      { person: zoe, x: 150 },
      { person: anna, x: 450 },
    ]);
    expect(door.events.published).toEqual(['match anna', 'unknown']);
    expect(door.events.all.map(({ trackId }) => trackId)).toEqual([2, 1]);
    expect(door.vision.batches.slice(0, 3)).toEqual([2, 2, 2]);
    expect(door.vision.embedded).toBe(8);
  });

  test('of somebody who walks by and is seen well is one match on one track', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(800, (n) => [{ person: anna, x: 60 + 70 * n }]);
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.stats().tracks).toBe(1);
  });
});

describe('leaving and returning', () => {
  test.each([
    { name: 'before the absence time', awayMs: 900, expected: 1, tracks: 1 },
    { name: 'before the absence time, but longer than a track waits', awayMs: 1_800, expected: 1, tracks: 2 },
    { name: 'after the absence time', awayMs: 2_000, expected: 2, tracks: 2 },
  ])('$name', async ({ awayMs, expected, tracks }) => {
    const door = await openDoor({ keys: { absenceMs: 2_000 } });
    await door.enrol(anna, 'anna');
    await door.play(1_000, standing({ person: anna, x: 320 }));
    // The last frame was 100 ms ago.
    await door.play(awayMs - 100, nobody);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(new Array(expected).fill('match anna'));
    expect(door.recogniser.stats().tracks).toBe(tracks);
  });

  test.each([
    { person: anna, expected: 'match anna' },
    { person: zoe, expected: 'unknown' },
  ])('a track that breaks is no second appearance: $expected', async ({ person, expected }) => {
    const door = await openDoor({ keys: { absenceMs: 2_000 } });
    await door.enrol(anna, 'anna');
    await door.play(1_500, standing({ person, x: 100 }));
    await door.play(1_500, nobody);
    await door.play(3_000, standing({ person, x: 550 }));
    await door.play(1_800, nobody);
    await door.play(3_000, standing({ person, x: 100 }));
    expect(door.events.published).toEqual([expected]);
    expect(door.recogniser.stats()).toMatchObject({ tracks: 3, repeats: 2 });
    await door.play(2_100, nobody);
    await door.play(1_500, standing({ person, x: 100 }));
    expect(door.events.published).toEqual([expected, expected]);
  });

  test('somebody who takes the place of an announced person a second later has an event', async () => {
    const door = await openDoor({ keys: { absenceMs: 10_000 } });
    await door.enrol(anna, 'anna');
    await door.play(1_500, standing({ person: zoe, x: 320 }));
    await door.play(1_000, nobody);
    await door.play(1_500, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['unknown', 'match anna']);
  });

  test('a person whose track broke and who is seen worse now gives no event unknown', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(1_000, standing({ person: anna, x: 100 }));
    await door.play(2_000, standing({ person: anna, x: 500, likeness: 0.4 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.stats()).toMatchObject({ matches: 1, unknowns: 0 });
  });

  test('another person at the same time or right after has an event', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.enrol(bert, 'bert');
    await door.play(1_000, standing({ person: anna, x: 100 }));
    await door.play(1_000, () => [
      { person: anna, x: 100 },
      { person: bert, x: 500 },
    ]);
    expect(door.events.published).toEqual(['match anna', 'match bert']);
  });

  test('a longer absence time than a track lasts holds for the person', async () => {
    const door = await openDoor({ keys: { absenceMs: 10_000 } });
    await door.enrol(anna, 'anna');
    await door.play(1_000, standing({ person: anna, x: 320 }));
    await door.play(9_000, nobody);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.recogniser.stats()).toMatchObject({ tracks: 2, repeats: 1 });
    await door.play(10_000, nobody);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna', 'match anna']);
  });

  test('the same person in two tracks at once has one event', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(1_000, () => [
      { person: anna, x: 100 },
      { person: anna, x: 500 },
    ]);
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.stats()).toMatchObject({ matches: 1, repeats: 1 });
  });
});

describe('k of n', () => {
  const sure = 0.9;
  const doubtful = 0.3;
  test.each([
    { name: 'three of five agree', likenesses: [sure, doubtful, sure, doubtful, sure], expected: ['match anna'] },
    { name: 'two of five agree', likenesses: [sure, doubtful, doubtful, sure, doubtful], expected: ['unknown'] },
    {
      name: 'one agreed long ago',
      likenesses: [sure, doubtful, doubtful, doubtful, doubtful, sure, sure],
      expected: ['unknown'],
    },
  ])('$name', async ({ likenesses, expected }) => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(likenesses.length * 100, (n) => [{ person: anna, likeness: likenesses[n], x: 320 }]);
    await door.play(2_500, nobody);
    expect(door.events.published).toEqual(expected);
  });

  test('a face between two persons is neither', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.enrol(bert, 'bert');
    await door.play(2_000, (n) => [{ person: n === 2 ? zoe : n % 2, x: 320 }]);
    expect(door.events.published).toEqual(['unknown']);
  });

  test('frames that choose different faces of one person agree', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.enrol(bert, 'anna');
    await door.play(500, (n) => [{ person: n % 2, x: 320 }]);
    expect(door.events.published).toEqual(['match anna']);
  });

  test('a match by similarity alone needs the threshold of its camera', async () => {
    for (const { threshold, expected } of [
      { threshold: 80, expected: ['match anna'] },
      { threshold: 81, expected: ['unknown'] },
    ]) {
      const door = await openDoor({ keys: { threshold } });
      await door.enrol(anna, 'anna');
      await door.play(2_000, standing({ person: anna, likeness: 0.4035, x: 320 }));
      expect(door.events.published).toEqual(expected);
    }
  });
});

describe('shots', () => {
  test.each([
    { name: 'too small', shown: { person: anna, x: 320, sizePx: 50 } },
    { name: 'turned away', shown: { person: anna, x: 320, yaw: 60 } },
    { name: 'of little quality', shown: { person: anna, x: 320, quality: 0.2 } },
  ])('$name are not embedded, and give no event', async ({ shown }) => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(1_000, standing(shown));
    await door.play(2_500, nobody);
    expect(door.events.published).toEqual([]);
    expect(door.vision.embedded).toBe(0);
    expect(door.recogniser.stats()).toMatchObject({ undecided: 1, openTracks: 0 });
  });

  test('the event shows the best of them', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(1_000, (n) => [{ person: anna, x: 300 + 10 * n, quality: [0.8, 0.9, 0.85][n] ?? 0.5 }]);
    const event = door.events.first;
    expect(event.quality).toBe(0.9);
    expect(door.sinceStart(event.capturedAt)).toBe(100);
    expect(event.bbox.x0).toBeCloseTo(260 / 640, 9);
  });

  test('much worse ones do not use up the track', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    const faces = [0.9, 0.5, 0.5, 0.9, 0.5, 0.9];
    await door.play(600, (n) => [{ person: anna, likeness: faces[n], x: 320, quality: faces[n] }]);
    expect(door.events.published).toEqual(['match anna']);
    expect(door.vision.embedded).toBe(3);
  });
});

describe('a track that ends undecided', () => {
  test.each([
    { name: 'three embedded frames without a match are unknown', frames: 3, expected: ['unknown'], undecided: 0 },
    { name: 'two embedded frames give no event', frames: 2, expected: [], undecided: 1 },
  ])('$name, while frames go on', async ({ frames, expected, undecided }) => {
    const door = await openDoor();
    await door.play(frames * 100, standing({ person: zoe, x: 320 }));
    await door.play(900, nobody);
    expect(door.events.published).toEqual([]);
    await door.play(200, nobody);
    expect(door.events.published).toEqual(expected);
    expect(door.recogniser.stats()).toMatchObject({ undecided, openTracks: 0 });
  });

  test.each([
    { name: 'three embedded frames without a match are unknown', frames: 3, expected: ['unknown'], undecided: 0 },
    { name: 'two embedded frames give no event', frames: 2, expected: [], undecided: 1 },
  ])('$name, when the camera sends no more frames', async ({ frames, expected, undecided }) => {
    const door = await openDoor();
    await door.play(frames * 100, standing({ person: zoe, x: 320 }));
    await door.timers.advance(800);
    expect(door.events.published).toEqual([]);
    await door.timers.advance(200);
    expect(door.events.published).toEqual(expected);
    expect(door.recogniser.stats()).toMatchObject({ undecided, openTracks: 0 });
  });

  test('because the camera is paused gives no event, not even for the frame that is being embedded', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(400, standing({ person: zoe, x: 320 }));
    await door.timers.advance(300);
    const { embedded } = door.vision;
    expect(embedded).toBeGreaterThanOrEqual(3);
    door.vision.script = () => door.recogniser.forgetAll();
    await door.show([{ person: zoe, x: 320, quality: 0.9 }]);
    expect(door.vision.embedded).toBe(embedded + 1);
    await door.timers.advance(5_000);
    expect(door.events.published).toEqual([]);
    expect(door.recogniser.stats()).toMatchObject({ openTracks: 0, undecided: 0 });
    door.vision.script = () => undefined;
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
  });

  test('a camera that comes back soon goes on with its tracks', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(200, standing({ person: anna, x: 320 }));
    await door.timers.advance(700);
    await door.play(200, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.stats().tracks).toBe(1);
  });
});

describe('a group that cannot be searched', () => {
  test('because it does not exist is uncertain, is declared, and is used once it is there', async () => {
    const door = await openDoor({ withGroup: false });
    expect(door.recogniser.health()).toEqual({ status: 'degraded', detail: 'group staff does not exist' });
    await door.play(2_000, standing({ person: anna, x: 320 }));
    expect(door.events.reasons).toEqual(['uncertain group-unusable']);
    await door.gallery.createGroup(staff, 'model-1');
    await door.enrol(anna, 'anna');
    expect(door.recogniser.health()).toEqual({ status: 'ok' });
    await door.play(1_500, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['uncertain', 'match anna']);
  });

  test('because its appKey does not exist is the same', async () => {
    const door = await openDoor();
    door.owners.clear();
    await door.enrol(anna, 'anna');
    await door.play(2_000, standing({ person: anna, x: 320 }));
    expect(door.events.reasons).toEqual(['uncertain group-unusable']);
    expect(door.recogniser.health()).toEqual({ status: 'degraded', detail: 'appKey default does not exist' });
  });

  test('because it was enrolled under another model never matches', async () => {
    const door = await openDoor({ modelVersion: 'model-2' });
    await door.enrol(anna, 'anna');
    await door.play(2_000, standing({ person: anna, x: 320 }));
    expect(door.events.reasons).toEqual(['uncertain group-unusable']);
    const detail = 'group staff was enrolled under model-1, whose models are not installed';
    expect(door.recogniser.health()).toEqual({ status: 'degraded', detail });
  });

  test('because the gallery is stopped gives no event, is counted and declared', async () => {
    const door = await openDoor();
    await door.gallery.stop();
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual([]);
    expect(door.recogniser.stats()).toMatchObject({ embedded: 0, errors: 10 });
    expect(door.recogniser.health().detail).toMatch(/^group staff cannot be read/);
    expect(door.log.messages).toEqual(['a face could not be embedded or searched']);
  });
});

describe('a gallery that changes', () => {
  test('after the decision gives no second event', async () => {
    const door = await openDoor();
    const faceId = await door.enrol(bert, 'bert');
    await door.play(1_500, () => [
      { person: anna, x: 100 },
      { person: bert, x: 500 },
    ]);
    expect(door.events.published).toEqual(['match bert', 'unknown']);
    await door.enrol(anna, 'anna');
    await door.gallery.deleteFace(staff, faceId);
    await door.play(3_000, () => [
      { person: anna, x: 100 },
      { person: bert, x: 500 },
    ]);
    expect(door.events.published).toHaveLength(2);
  });

  test('lets in an unknown person who is enrolled while they stand there, at the next check', async () => {
    const door = await openDoor();
    await door.enrol(bert, 'bert');
    await door.play(1_500, standing({ person: anna, x: 320 }));
    await door.enrol(anna, 'anna');
    await door.play(6_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['unknown', 'match anna']);
    await door.play(10_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toHaveLength(2);
  });

  test('an unknown person who stays is decided again at most twice', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    // The first of each five shots, which is the check, is similar to anna.
    const likeness = () => (door.vision.embedded > 0 && door.vision.embedded % 5 === 0 ? 0.6 : 0.42);
    await door.play(60_000, () => [{ person: anna, x: 320, likeness: likeness() }]);
    expect(door.events.published).toEqual(['unknown']);
    expect(door.recogniser.stats().repeats).toBe(2);
  });

  test('before the decision counts', async () => {
    const door = await openDoor();
    await door.play(200, standing({ person: anna, x: 320 }));
    await door.enrol(anna, 'anna');
    await door.play(1_500, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
  });
});

describe('faults', () => {
  test('a full queue delays the decision, and the shot is tried again', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    let refusals = 4;
    door.vision.script = () => {
      if (refusals-- > 0) throw new AppError('SERVER_BUSY', 'the queue is full');
    };
    await door.play(1_000, (n) => [{ person: anna, x: 320, quality: n === 0 ? 0.95 : 0.8 }]);
    expect(door.events.published).toEqual(['match anna']);
    expect(door.events.first.quality).toBe(0.95);
    expect(door.recogniser.stats()).toMatchObject({ refused: 4, errors: 0, embedded: 3 });
    expect(door.recogniser.health()).toEqual({ status: 'ok' });
    expect(door.log.lines).toEqual([]);
  });

  test('a crop that breaks its worker is not tried again, and the track goes on', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    let failures = 2;
    door.vision.script = () => {
      if (failures-- > 0) throw new AppError('WORKER_FAILED', 'the worker ended');
    };
    await door.play(150, (n) => [{ person: anna, x: 320, quality: n === 0 ? 0.95 : 0.8 }]);
    expect(door.recogniser.health()).toEqual({ status: 'degraded', detail: 'faces cannot be embedded or searched' });
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.events.first.quality).toBe(0.8);
    expect(door.recogniser.stats()).toMatchObject({ refused: 0, errors: 2, embedded: 3 });
    expect(door.recogniser.health()).toEqual({ status: 'ok' });
    expect(door.log.lines).toEqual([
      {
        level: 'warn',
        message: 'a face could not be embedded or searched',
        fields: { cameraId: 'front', code: 'WORKER_FAILED', reason: 'the worker ended' },
      },
    ]);
  });

  test('an event that cannot be stored is counted, declared and logged once, and recognition goes on', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    door.events.refusal = new AppError('STORE_UNAVAILABLE', 'the disk is full');
    await door.play(2_000, () => [
      { person: anna, x: 100 },
      { person: zoe, x: 500 },
    ]);
    expect(door.recogniser.stats()).toMatchObject({ lostEvents: 2, matches: 1, unknowns: 1 });
    expect(door.recogniser.health()).toEqual({ status: 'degraded', detail: 'events cannot be stored' });
    expect(door.log.messages).toEqual(['an event could not be stored']);
    door.events.refusal = undefined;
    await door.play(2_100, nobody);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.health()).toEqual({ status: 'ok' });
  });

  test('a clock that is set back gives no second event, and does not keep tracks for ever', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(1_000, standing({ person: anna, x: 320 }));
    door.timers.nowMs -= 3_600_000;
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    await door.play(2_200, nobody);
    expect(door.recogniser.stats().openTracks).toBe(0);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna', 'match anna']);
  });

  describe('a decision that fails', () => {
    const failing = { problem: () => { throw new TypeError('the guard fails') } }; // prettier-ignore

    /** Collects rejections that nobody handles, while the test runs. */
    function watchUnhandled(): unknown[] {
      const unhandled: unknown[] = [];
      const listener = (reason: unknown): void => void unhandled.push(reason);
      process.on('unhandledRejection', listener);
      onTestFinished(() => void process.off('unhandledRejection', listener));
      return unhandled;
    }

    test('while the shots of a frame are embedded rejects the frame, and is not an unhandled rejection', async () => {
      const unhandled = watchUnhandled();
      const door = await openDoor({ parts: { trust: failing } });
      await door.play(300, standing({ person: zoe, x: 100 }));
      const embedding = createDeferred();
      door.vision.gate = embedding.promise;
      // The first track ends with this frame, and its decision fails before the shot of the new face is embedded.
      const frame = door.show([{ person: anna, x: 500 }], door.timers.nowMs + 5_000);
      const rejection = expect(frame).rejects.toThrow('the guard fails');
      await settle();
      expect(unhandled).toEqual([]);
      embedding.resolve();
      await rejection;
      expect(unhandled).toEqual([]);
    });

    test('after the last frame is logged, and the recogniser stops all the same', async () => {
      const unhandled = watchUnhandled();
      const door = await openDoor({ parts: { trust: failing } });
      await door.play(300, standing({ person: zoe, x: 100 }));
      await door.timers.advance(2_000);
      expect(door.log.messages).toEqual(['a track could not be decided at its end']);
      await door.recogniser.stop();
      expect(unhandled).toEqual([]);
    });
  });

  test('after stop nothing is decided, and no timer is left', async () => {
    const door = await openDoor();
    await door.enrol(anna, 'anna');
    await door.play(200, standing({ person: anna, x: 320 }));
    await door.recogniser.stop();
    expect(door.timers.waitingMs).toEqual([]);
    await door.play(1_000, standing({ person: anna, x: 320 }));
    await door.recogniser.stop();
    expect(door.events.published).toEqual([]);
    expect(door.vision.embedded).toBe(2);
  });
});
