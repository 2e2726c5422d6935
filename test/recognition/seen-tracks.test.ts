// What viewers are shown of the tracks of a recogniser, from the first look to the decision; and that looking changes nothing.
import { expect, test } from 'vitest';
import { openDoor, type SceneFace } from './door.js';

const ANNA: SceneFace = { person: 3, x: 320, liveness: 4 };

test('a track is looked at, then decided, and then has its name, its figures and its reason', async () => {
  const door = await openDoor();
  const faceId = await door.enrol(3, 'anna');
  await door.show([{ ...ANNA, quality: 0.1 }]);
  expect(door.recogniser.seenTracks()).toEqual([
    {
      trackId: 1,
      box: { x0: 270, y0: 190, x1: 370, y1: 290 },
      state: 'looking',
      isDoubtful: false,
      quality: 0.1,
      progress: { shots: 0, agreeing: 0, needed: 3 },
      liveness: { verdict: 'unsure', threshold: 0 },
    },
  ]);
  await door.timers.advance(100);
  await door.show([ANNA]);
  expect(door.recogniser.seenTracks()).toMatchObject([
    { state: 'looking', threshold: 90, quality: 0.8, masked: false, progress: { shots: 1, agreeing: 1, needed: 3 } },
  ]);
  expect(door.recogniser.seenTracks()[0]?.externalImageId).toBeUndefined();
  await door.play(400, () => [ANNA]);
  const [event] = door.events.all;
  expect(event).toMatchObject({ type: 'match', externalImageId: 'anna' });
  const [track] = door.recogniser.seenTracks();
  expect(track).toMatchObject({ trackId: 1, state: 'match', reason: 'agreed', faceId, externalImageId: 'anna' });
  expect(track?.similarity).toBeCloseTo(event?.similarity ?? 0, 5);
  expect(track?.liveness).toMatchObject({ verdict: 'live', score: 4 });
  expect(track?.progress).toBeUndefined();
});

test('somebody unknown has no name, and the similarity to the nearest person', async () => {
  const door = await openDoor();
  await door.enrol(3, 'anna');
  await door.play(1_000, () => [{ ...ANNA, likeness: 0.2 }]);
  const [track] = door.recogniser.seenTracks();
  expect(track).toMatchObject({ state: 'unknown', reason: 'below-threshold', threshold: 90 });
  expect(track?.similarity).toBeLessThan(90);
  expect(track).not.toHaveProperty('externalImageId');
  expect(track).not.toHaveProperty('faceId');
});

test('an open challenge is shown with its side', async () => {
  const door = await openDoor({ keys: { liveness: 'challenge' } });
  await door.enrol(3, 'anna');
  await door.play(600, () => [{ ...ANNA, across: 0 }]);
  expect(door.recogniser.openChallenges()).toHaveLength(1);
  expect(door.recogniser.seenTracks()).toMatchObject([{ state: 'looking', challenge: { side: 'left' } }]);
});

test('nobody is shown after they left the picture, and after all were forgotten', async () => {
  const door = await openDoor();
  await door.show([ANNA, { person: 5, x: 100 }]);
  expect(door.recogniser.seenTracks().map(({ trackId }) => trackId)).toEqual([1, 2]);
  await door.timers.advance(100);
  await door.show([ANNA]);
  expect(door.recogniser.seenTracks().map(({ trackId }) => trackId)).toEqual([1]);
  door.recogniser.forgetAll();
  expect(door.recogniser.seenTracks()).toEqual([]);
});

test('looking at every frame changes no event', async () => {
  const publish = async (looks: boolean): Promise<unknown[]> => {
    const door = await openDoor({ keys: { liveness: 'required' } });
    await door.enrol(3, 'anna');
    // A face that never moves: evidence that is found late must not be found sooner because somebody looks.
    await door.play(4_500, () => {
      if (looks) door.recogniser.seenTracks();
      return [{ ...ANNA, across: 0, liveness: 0.01 }];
    });
    return door.events.all.map(({ type, reason, trackId, liveness, similarity }) => {
      return { type, reason, trackId, liveness, similarity };
    });
  };
  const unseen = await publish(false);
  expect(unseen.length).toBeGreaterThan(0);
  expect(await publish(true)).toEqual(unseen);
});
