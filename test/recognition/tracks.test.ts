// Tracks of faces that cross, hide each other and take each other's places, and exactly the events that follow.
import { describe, expect, test } from 'vitest';
import { boxIou } from '../../src/domain/face.js';
import { face, openDoor, type SceneFace } from './door.js';
import { present } from '../support/present.js';

const anna = 0;
const bert = 1;
const zoe = 9;
const nobody = () => [];
const standing = (shown: SceneFace) => () => [shown];

async function openDoorTo(...people: [person: number, name: string][]) {
  const door = await openDoor();
  for (const [person, name] of people) await door.enrol(person, name);
  return door;
}

describe('two people who cross', () => {
  /** Two faces walk towards each other; one is hidden in the middle; then both walk on, or back to where they came from. */
  const crossing = (n: number, { turnsBack = false, other = bert } = {}): SceneFace[] => {
    const a = Math.min(n, 10);
    const isHidden = n >= 4 && n <= 6;
    const way = (from: number, step: number) => (turnsBack && a > 5 ? from + step * (10 - a) : from + step * a);
    const front: SceneFace = { person: anna, x: way(120, 40) };
    const back: SceneFace = { person: other, x: way(520, -40), y: 244 };
    return isHidden ? [front] : [front, back];
  };

  test.each([
    { name: 'pass each other', turnsBack: false },
    { name: 'turn back where they met', turnsBack: true },
  ])('and $name keep their tracks when they are decided before', async ({ turnsBack }) => {
    const door = await openDoorTo([anna, 'anna'], [bert, 'bert']);
    await door.play(600, () => crossing(0));
    expect(door.events.published).toEqual(['match anna', 'match bert']);
    await door.play(2_500, (n) => crossing(n, { turnsBack }));
    expect(door.events.published).toHaveLength(2);
    // Both have their own tracks: no check is due.
    expect(door.recogniser.settledBoxes()).toHaveLength(2);
    expect(door.recogniser.stats()).toMatchObject({ matches: 2, unknowns: 0, uncertains: 0, repeats: 0 });
  });

  test('and turn back where they met are distinguished by embeddings, not by their course', async () => {
    const door = await openDoorTo([anna, 'anna'], [bert, 'bert']);
    await door.play(600, () => crossing(0));
    await door.play(2_500, (n) => crossing(n, { turnsBack: true }));
    // Anna alone goes away, and comes back after the absence time: Bert did not keep her place in the meantime.
    await door.play(2_200, standing({ person: bert, x: 520, y: 244 }));
    await door.play(600, () => crossing(0));
    expect(door.events.published).toEqual(['match anna', 'match bert', 'match anna']);
  });

  test('undecided: their shots are not mixed up', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(3_000, (n) => crossing(n + 2, { turnsBack: true, other: zoe }));
    expect(door.events.published.toSorted()).toEqual(['match anna', 'unknown']);
    expect(door.recogniser.stats()).toMatchObject({ uncertains: 0, undecided: 0 });
  });

  test('one of them leaves behind the other: the other has no second event, and the next person has one', async () => {
    const door = await openDoorTo([anna, 'anna'], [bert, 'bert']);
    await door.play(600, () => [
      { person: anna, x: 200 },
      { person: bert, x: 260, y: 244 },
    ]);
    await door.play(600, standing({ person: bert, x: 215 }));
    expect(door.events.published).toEqual(['match anna', 'match bert']);
    await door.play(1_500, standing({ person: zoe, x: 215 }));
    expect(door.events.published).toEqual(['match anna', 'match bert', 'unknown']);
  });
});

describe('the place of an announced person', () => {
  test.each([
    { name: 'after a frame without anybody', gap: 1, next: bert, expected: 'match bert' },
    { name: 'after half a second', gap: 5, next: bert, expected: 'match bert' },
    { name: 'after a frame, a stranger', gap: 1, next: zoe, expected: 'unknown' },
  ])('that somebody takes $name is not inherited: $expected', async ({ gap, next, expected }) => {
    const door = await openDoorTo([anna, 'anna'], [bert, 'bert']);
    await door.play(800, standing({ person: anna, x: 320 }));
    await door.play(gap * 100, nobody);
    await door.play(1_500, standing({ person: next, x: 325 }));
    expect(door.events.published).toEqual(['match anna', expected]);
    expect(door.events.all.map(({ trackId }) => trackId)).toEqual([1, 2]);
    expect(door.recogniser.stats()).toMatchObject({ switches: 1, tracks: 2 });
  });

  test('that a stranger takes without any gap is noticed within five seconds', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(800, standing({ person: anna, x: 320 }));
    await door.play(5_600, standing({ person: zoe, x: 320 }));
    expect(door.events.published).toEqual(['match anna', 'unknown']);
  });

  test('is kept by the same person, for one more embedding after each gap', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(800, standing({ person: anna, x: 320 }));
    expect(door.vision.embedded).toBe(3);
    for (let gaps = 1; gaps <= 3; gaps++) {
      await door.play(200, nobody);
      await door.play(400, standing({ person: anna, x: 320, likeness: 0.8 }));
      expect(door.vision.embedded).toBe(3 + gaps);
    }
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.stats()).toMatchObject({ tracks: 1, switches: 0 });
  });

  test('is checked every five seconds, and costs no other embedding', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(20_700, standing({ person: anna, x: 320 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.vision.embedded).toBe(3 + 4);
  });

  test('cannot be checked by a face that is not fit: it stays in doubt until one is', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(800, standing({ person: anna, x: 320 }));
    await door.play(200, nobody);
    await door.play(1_500, standing({ person: zoe, x: 320, yaw: 60 }));
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.settledBoxes()).toEqual([]);
    await door.play(1_000, standing({ person: zoe, x: 320 }));
    expect(door.events.published).toEqual(['match anna', 'unknown']);
  });

  test('and the absence of a person who is in doubt counts from when they were last seen for sure', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(800, standing({ person: anna, x: 320 }));
    await door.play(200, nobody);
    await door.play(1_900, standing({ person: zoe, x: 320, yaw: 60 }));
    await door.play(600, () => [
      { person: zoe, x: 320, yaw: 60 },
      { person: anna, x: 560 },
    ]);
    expect(door.events.published).toEqual(['match anna', 'match anna']);
  });
});

test('somebody who was out of sight for a moment is recognised again far from where they were expected', async () => {
  const door = await openDoorTo([anna, 'anna']);
  await door.play(200, standing({ person: anna, x: 100 }));
  await door.play(500, nobody);
  await door.play(100, standing({ person: anna, x: 560 }));
  expect(door.events.published).toEqual(['match anna']);
  expect(door.events.first.trackId).toBe(1);
});

test('two people whose boxes touch all the time are checked twice a second, not in every frame', async () => {
  const door = await openDoorTo([anna, 'anna'], [bert, 'bert']);
  await door.play(4_000, () => [
    { person: anna, x: 200 },
    { person: bert, x: 285 },
  ]);
  expect(door.events.published).toEqual(['match anna', 'match bert']);
  const checks = door.vision.embedded - 6;
  expect(checks).toBeGreaterThanOrEqual(8);
  expect(checks).toBeLessThanOrEqual(16);
});

test('in a crowd four shots of a frame are embedded, and everybody has their turn', async () => {
  const door = await openDoor();
  const people = [0, 1, 2, 3, 4, 5, 6, 7];
  for (const person of people) await door.enrol(person, `p${person}`);
  const crowd = people.map((person): SceneFace => ({
    person,
    x: 60 + 150 * (person % 4),
    y: 100 + 240 * Math.floor(person / 4),
  }));
  await door.play(1_500, () => crowd);
  expect(door.vision.batches).toEqual([4, 4, 4, 4, 4, 4]);
  expect(door.events.published.toSorted()).toEqual(people.map((person) => `match p${person}`));
});

describe('settled boxes', () => {
  test('are those of decided people, where they will be in the next frame', async () => {
    const door = await openDoorTo([anna, 'anna']);
    expect(door.recogniser.settledBoxes()).toEqual([]);
    await door.play(200, (n) => [{ person: anna, x: 100 + 20 * n }]);
    expect(door.recogniser.settledBoxes()).toEqual([]);
    await door.play(800, (n) => [{ person: anna, x: 140 + 20 * n }]);
    const [box, ...others] = door.recogniser.settledBoxes();
    expect(others).toEqual([]);
    expect(boxIou(present(box), face({ person: anna, x: 300 }).boxPx)).toBeGreaterThan(0.9);
  });

  test('are none for people who are out of sight, and none when a check is due', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(4_900, standing({ person: anna, x: 320 }));
    expect(door.recogniser.settledBoxes()).toHaveLength(1);
    await door.play(300, standing({ person: anna, x: 320 }));
    expect(door.recogniser.settledBoxes()).toHaveLength(0);
    await door.play(200, standing({ person: anna, x: 320 }));
    expect(door.recogniser.settledBoxes()).toHaveLength(1);
    await door.play(100, nobody);
    expect(door.recogniser.settledBoxes()).toHaveLength(0);
  });
});

describe('resting boxes', () => {
  test('are those of faces whose next shot would not be embedded', async () => {
    const door = await openDoorTo([anna, 'anna']);
    const both = (): SceneFace[] => [
      { person: anna, x: 150 },
      { person: zoe, x: 450 },
    ];
    expect(door.recogniser.restingBoxes()).toEqual([]);
    await door.play(100, both);
    expect(door.recogniser.restingBoxes()).toEqual([]);
    await door.play(800, both);
    expect(door.recogniser.restingBoxes()).toEqual(both().map((shown) => face(shown).boxPx));
    // A check of the first who was decided is due.
    await door.play(4_300, both);
    expect(door.recogniser.restingBoxes()).toEqual([face(both()[1]!).boxPx]);
  });
});

describe('known boxes', () => {
  const two = (): SceneFace[] => [
    { person: anna, x: 150 },
    { person: zoe, x: 450 },
  ];

  test('are those of everybody in sight, where they will be in the next frame, once all are decided', async () => {
    const door = await openDoorTo([anna, 'anna']);
    expect(door.recogniser.knownBoxes()).toEqual([]);
    await door.play(300, two);
    // Anna is decided, and the stranger is not yet.
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.knownBoxes()).toBeUndefined();
    await door.play(600, two);
    expect(door.recogniser.knownBoxes()).toEqual(two().map((shown) => face(shown).boxPx));
  });

  test('stay known while a check is due: it needs the crop of one face alone', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(5_200, standing({ person: anna, x: 320 }));
    expect(door.recogniser.settledBoxes()).toHaveLength(0);
    expect(door.recogniser.knownBoxes()).toHaveLength(1);
  });

  test.each([
    { name: 'one of two is out of sight, until the path ends', next: () => two().slice(0, 1), afterMs: 1_100 },
    {
      name: 'somebody new is there, until they are decided',
      next: () => [...two(), { person: 8, x: 300, y: 100 }],
      afterMs: 900,
    },
    {
      name: 'two touch, until a shot shows who is who',
      next: () => [two()[0]!, { ...two()[1]!, x: 235 }],
      afterMs: Infinity,
    },
    { name: 'nobody is there', next: () => [], afterMs: Infinity },
  ])('are unknown where $name', async ({ next, afterMs }) => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(1_000, two);
    expect(door.recogniser.knownBoxes()).toHaveLength(2);
    await door.play(100, next);
    expect(door.recogniser.knownBoxes()).toBeUndefined();
    if (afterMs === Infinity) return;
    await door.play(afterMs, next);
    expect(door.recogniser.knownBoxes()).toHaveLength(next().length);
  });

  test('are none after all was forgotten', async () => {
    const door = await openDoorTo([anna, 'anna']);
    await door.play(1_000, two);
    door.recogniser.forgetAll();
    expect(door.recogniser.knownBoxes()).toEqual([]);
  });
});

test('matched boxes are those of matched persons, while their tracks are not doubtful', async () => {
  const door = await openDoorTo([anna, 'anna']);
  await door.play(1_500, () => [
    { person: anna, x: 150 },
    { person: zoe, x: 450 },
  ]);
  expect(door.recogniser.matchedBoxes()).toEqual([face({ person: anna, x: 150 }).boxPx]);
  await door.play(200, nobody);
  expect(door.recogniser.matchedBoxes()).toEqual([]);
  await door.play(100, standing({ person: zoe, x: 150, yaw: 60 }));
  expect(door.recogniser.matchedBoxes()).toEqual([]);
});
