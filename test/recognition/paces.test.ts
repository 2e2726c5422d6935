// Appearances at every pace that the configuration allows: one appearance is one event of the right kind.
import { describe, expect, test } from 'vitest';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { createEmbedding, openGallery, staff } from './door.js';
import { createRandom, openPacedDoor, type Pace, type Scene } from './paced-door.js';

const anna = 0;
const bert = 1;
const zoe = 9;
const EVENTS = new Map([
  [anna, 'match anna'],
  [bert, 'match bert'],
  [zoe, 'unknown'],
]);

async function openStaffGallery(): Promise<LevelGallery> {
  const gallery = await openGallery();
  await gallery.createGroup(staff, 'model-1');
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  for (const [person, externalImageId] of [[anna, 'anna'] as const, [bert, 'bert'] as const]) {
    const embedding = createEmbedding(person, 1);
    await gallery.enrol(staff, [{ externalImageId, bbox, detectionScore: 0.9, embedding }]);
  }
  return gallery;
}

/** Draws a camera, its rules, and what happens before it. @returns the scenes, and the events that must follow */
function drawCase(seed: number) {
  const random = createRandom(seed);
  const choose = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const between = (least: number, most: number): number => least * (most / least) ** random();
  const pace: Pace = {
    maxFps: choose([0.1, 0.5, 1, 5, 10, 240, between(0.1, 240)]),
    sourceFps: choose([0.02, 0.1, 1, 5, 10, 30, between(0.02, 60)]),
    jitter: 0.25 * random(),
    loss: choose([0, 0, 0.1]),
  };
  const outOf = choose([1, 5, 5, 20, Math.ceil(20 * random())]);
  const agree = Math.ceil(outOf * between(0.05, 1));
  const absenceMs = Math.round(choose([100, 2_000, 2_000, between(100, 3_600_000)]));
  const sourceMs = 1_000 / pace.sourceFps;
  /** Longest time from one analysed frame to the next, where none is lost. */
  const slowMs = Math.max(sourceMs, 1_000 / pace.maxFps) * (1 + pace.jitter) + sourceMs;
  const stayMs = (outOf + 4) * Math.max(slowMs * (1 + pace.loss * 2), 260);
  const longMs = 1.2 * Math.max(absenceMs, 4 * slowMs) + 2 * slowMs;
  const [first, next] = choose([[anna, bert] as const, [anna, zoe] as const, [zoe, anna] as const]);
  const here = (person: number): Scene => ({ person, durationMs: stayMs });
  const away = (durationMs: number): Scene => ({ person: undefined, durationMs });
  const [event, nextEvent] = [EVENTS.get(first)!, EVENTS.get(next)!];
  const kind = choose(['stays', 'returns soon', 'returns late', 'is followed', 'returns in the cool-down'] as const);
  const { scenes, expected } = {
    stays: { scenes: [here(first), here(first)], expected: [event] },
    'returns soon': {
      scenes: [here(first), away(Math.max(0, absenceMs / 2 - slowMs)), here(first)],
      expected: [event],
    },
    'returns late': { scenes: [here(first), away(longMs), here(first)], expected: [event, event] },
    // At 10 frames per second nobody takes the very place of somebody else between two frames. At 1 per second anybody may.
    'is followed': {
      scenes: [here(first), away(slowMs < 350 ? 700 : 0), here(next)],
      expected: [event, nextEvent],
    },
    'returns in the cool-down': { scenes: [here(first), away(longMs), here(first)], expected: [event] },
  }[kind];
  const coolDownMs = kind === 'returns in the cool-down' ? Math.min(86_400_000, Math.ceil(longMs + 3 * stayMs)) : 0;
  // A source that is slower than readTimeoutMs counts as lost.
  const readTimeoutMs = Math.round(Math.min(120_000, Math.max(5_000, 2 * slowMs)));
  return {
    pace,
    keys: { agree, outOf, absenceMs, coolDownMs, readTimeoutMs },
    kind,
    scenes: [away(choose([0, 4 * slowMs])), ...scenes],
    expected,
    random,
  };
}

test('whatever maxFps, the source, agree, outOf, absenceMs and coolDownMs are, one appearance is one event', async () => {
  const gallery = await openStaffGallery();
  for (let seed = 1; seed <= 300; seed++) {
    const { pace, keys, kind, scenes, expected, random } = drawCase(seed);
    const door = await openPacedDoor({ gallery, keys, pace, random });
    await door.play(scenes);
    await door.end();
    const drawn = { seed, kind, ...pace, ...keys };
    expect({ ...drawn, events: door.events.published }).toEqual({ ...drawn, events: expected });
  }
}, 120_000);

describe.each([0.1, 0.5, 1, 2, 3])('at %s frames per second', (sourceFps) => {
  const intervalMs = 1_000 / sourceFps;
  const open = async (keys: object = {}) => {
    const gallery = await openStaffGallery();
    const pace: Pace = { maxFps: 10, sourceFps, jitter: 0, loss: 0 };
    return openPacedDoor({ gallery, keys: { readTimeoutMs: 120_000, ...keys }, pace, random: createRandom(1) });
  };

  test('somebody who takes the place of an undecided person inherits no shot', async () => {
    const door = await open({ agree: 3, outOf: 5 });
    // Two shots of Anna, and two of Bert: none of them is recognised.
    await door.play([
      { person: anna, durationMs: 2 * intervalMs },
      { person: bert, durationMs: 2 * intervalMs },
    ]);
    await door.end();
    expect(door.events.reasons).toEqual(['uncertain too-few-frames', 'uncertain too-few-frames']);
  });

  test('and neither the decision nor its green box', async () => {
    const door = await open({ agree: 1, outOf: 1 });
    await door.play([{ person: anna, durationMs: 3 * intervalMs }]);
    expect(door.events.published).toEqual(['match anna']);
    expect(door.recogniser.matchedBoxes()).toHaveLength(1);
    await door.play([{ person: zoe, durationMs: 2 * intervalMs }]);
    expect(door.recogniser.matchedBoxes()).toEqual([]);
    expect(door.events.published).toEqual(['match anna', 'unknown']);
  });

  test('people who change places at each frame keep their own shots', async () => {
    const door = await open({ agree: 3, outOf: 5 });
    await door.playFrames(8, (n) => [
      { person: n % 2 === 0 ? anna : bert, x: 200 },
      { person: n % 2 === 0 ? bert : anna, x: 450 },
    ]);
    await door.end();
    expect(door.events.published.toSorted()).toEqual(['match anna', 'match bert']);
  });

  test('a print with the dots of its print is a spoof, although each of its shots looks alive', async () => {
    const door = await open({ liveness: 'required', livenessThreshold: 0 });
    const presentation = { periodicity: 100, chroma: 40, surroundingChroma: 20 };
    // It is moved about, so that no place of it is near the one before.
    await door.playFrames(8, (n) => [{ person: anna, x: 150 + 120 * (n % 4), liveness: 5, presentation }]);
    expect(door.events.published).toEqual(['spoof']);
    expect(door.events.first.liveness?.evidence).toEqual(['pattern']);
  });

  test('a living person is matched with as many shots as at any rate', async () => {
    const door = await open({ liveness: 'required', livenessThreshold: 0 });
    await door.playFrames(3, (n) => [{ person: anna, x: 300 + 20 * (n % 2), liveness: 5 }]);
    expect(door.events.published).toEqual(['match anna']);
  });

  test('somebody whose liveness is unsure at first has five more frames', async () => {
    const door = await open({ liveness: 'required', livenessThreshold: 0, agree: 3, outOf: 5, eventTtlMs: 1_000 });
    const scores = [-5, 5, 5, 5, 5, 5, 5, 5];
    await door.playFrames(8, (n) => [{ person: anna, x: 300 + 20 * (n % 2), liveness: scores[n] }]);
    expect(door.events.published).toEqual(['match anna']);
  });

  test.runIf(sourceFps <= 1)('everybody in a crowd is decided as soon as if they were alone', async () => {
    const door = await open({ agree: 3, outOf: 5 });
    const crowd = Array.from({ length: 10 }, (_, i) => ({
      person: i < 2 ? i : i + 10,
      x: 70 + 120 * (i % 5),
      y: i < 5 ? 120 : 360,
      sizePx: 70,
    }));
    await door.playFrames(3, () => []);
    await door.playFrames(5, () => crowd);
    expect(door.events.published.toSorted()).toEqual([
      'match anna',
      'match bert',
      ...new Array<string>(8).fill('unknown'),
    ]);
  });
});

test.each([
  { slowFps: 0.6, agree: 1, outOf: 1 },
  { slowFps: 0.3, agree: 1, outOf: 1 },
  { slowFps: 0.3, agree: 3, outOf: 5 },
  { slowFps: 0.21, agree: 3, outOf: 5 },
])('a camera that becomes slow gives no second event: $slowFps per second, $agree shots', async (one) => {
  const { slowFps, agree, outOf } = one;
  const gallery = await openStaffGallery();
  const pace: Pace = { maxFps: 10, sourceFps: 10, jitter: 0, loss: 0 };
  const door = await openPacedDoor({ gallery, keys: { agree, outOf }, pace, random: createRandom(1) });
  await door.play([{ person: anna, durationMs: 3_000 }]);
  pace.sourceFps = slowFps;
  await door.play([{ person: anna, durationMs: 40_000 }]);
  pace.sourceFps = 10;
  await door.play([{ person: anna, durationMs: 3_000 }]);
  await door.end();
  expect(door.events.published).toEqual(['match anna']);
});

test.each([
  { name: 'shorter than readTimeoutMs is no absence', stallMs: 4_000, personAfter: anna, events: ['match anna'] },
  { name: 'longer than readTimeoutMs is one', stallMs: 6_000, personAfter: anna, events: ['match anna', 'match anna'] },
  { name: 'hides nobody who came meanwhile', stallMs: 4_000, personAfter: bert, events: ['match anna', 'match bert'] },
])('an interruption $name', async ({ stallMs, personAfter, events }) => {
  const gallery = await openStaffGallery();
  const pace: Pace = { maxFps: 10, sourceFps: 10, jitter: 0, loss: 0 };
  const door = await openPacedDoor({ gallery, keys: { agree: 1, outOf: 1 }, pace, random: createRandom(1) });
  await door.play([{ person: anna, durationMs: 3_000 }]);
  pace.sourceFps = 1_000 / stallMs;
  await door.playFrames(1, () => [{ person: personAfter, x: 320 }]);
  pace.sourceFps = 10;
  await door.play([{ person: personAfter, durationMs: 3_000 }]);
  expect(door.events.published).toEqual(events);
});

test('a hiccup of the camera ends no track, however short absenceMs is', async () => {
  const gallery = await openStaffGallery();
  const pace: Pace = { maxFps: 10, sourceFps: 10, jitter: 0, loss: 0 };
  const keys = { absenceMs: 100, agree: 5, outOf: 5 };
  const door = await openPacedDoor({ gallery, keys, pace, random: createRandom(1) });
  await door.playFrames(5, () => []);
  for (const sourceFps of [10, 10, 1.2, 10, 10]) {
    pace.sourceFps = sourceFps;
    await door.playFrames(1, () => [{ person: anna, x: 320 }]);
  }
  expect(door.events.published).toEqual(['match anna']);
  expect(door.recogniser.stats().tracks).toBe(1);
});

test('who was gone before an interruption is absent during it', async () => {
  const gallery = await openStaffGallery();
  const pace: Pace = { maxFps: 10, sourceFps: 10, jitter: 0, loss: 0 };
  const door = await openPacedDoor({ gallery, keys: {}, pace, random: createRandom(1) });
  await door.play([
    { person: anna, durationMs: 3_000 },
    { person: undefined, durationMs: 500 },
  ]);
  pace.sourceFps = 0.25;
  await door.playFrames(1, () => [{ person: anna, x: 320 }]);
  pace.sourceFps = 10;
  await door.play([{ person: anna, durationMs: 3_000 }]);
  expect(door.events.published).toEqual(['match anna', 'match anna']);
});

describe('liveness: challenge', () => {
  const ahead = { person: anna, x: 320, yaw: 0, across: 0, liveness: 5 };
  const openChallenging = async (pace: Pace) => {
    const gallery = await openStaffGallery();
    const keys = { liveness: 'challenge', livenessThreshold: 0 };
    return openPacedDoor({ gallery, keys, pace, random: createRandom(1) });
  };
  const sway = (n: number) => [{ ...ahead, x: ahead.x + 4 * (n % 3) }];

  test.each([1, 2, 3])('asks nobody at %s frames per second, and says so', async (sourceFps) => {
    const door = await openChallenging({ maxFps: 10, sourceFps, jitter: 0, loss: 0 });
    await door.playFrames(10, () => []);
    expect(door.recogniser.health()).toEqual({
      status: 'degraded',
      detail:
        `only ${sourceFps}.0 frames per second are analysed, and liveness: challenge needs 8: ` +
        'nobody is asked to turn the head, and nobody is matched',
    });
    await door.playFrames(20, sway);
    expect(door.challenges.all).toEqual([]);
    expect(door.events.reasons).toEqual(['uncertain too-few-frames']);
  });

  test('asks at 5 frames per second, and says that turns are missed', async () => {
    const door = await openChallenging({ maxFps: 10, sourceFps: 5, jitter: 0, loss: 0 });
    await door.playFrames(10, () => []);
    expect(door.recogniser.health().detail).toBe(
      'only 5.0 frames per second are analysed, and liveness: challenge needs 8: turns of the head are missed',
    );
    await door.playFrames(6, sway);
    expect(door.challenges.published).toEqual(['open left']);
  });

  test('asks when the camera has become fast enough', async () => {
    const pace: Pace = { maxFps: 10, sourceFps: 3, jitter: 0, loss: 0 };
    const door = await openChallenging(pace);
    await door.playFrames(25, sway);
    expect(door.events.reasons).toEqual(['uncertain too-few-frames']);
    pace.sourceFps = 10;
    await door.playFrames(20, sway);
    expect(door.recogniser.health()).toEqual({ status: 'ok' });
    expect(door.challenges.published).toEqual(['open left']);
  });
});

// docs/cameras.md repeats this table.
test.each([
  { fps: 10, matchMs: 300, matchAtOnceMs: 100, unknownMs: 900, absentMs: 2_000 },
  { fps: 5, matchMs: 600, matchAtOnceMs: 200, unknownMs: 1_400, absentMs: 2_000 },
  { fps: 2, matchMs: 1_500, matchAtOnceMs: 500, unknownMs: 2_500, absentMs: 2_000 },
  { fps: 1, matchMs: 3_000, matchAtOnceMs: 1_000, unknownMs: 5_000, absentMs: 3_000 },
  { fps: 0.5, matchMs: 6_000, matchAtOnceMs: 2_000, unknownMs: 10_000, absentMs: 6_000 },
  { fps: 0.1, matchMs: 30_000, matchAtOnceMs: 10_000, unknownMs: 50_000, absentMs: 30_000 },
])('an appearance at $fps frames per second is decided in the time that the docs say', async (row) => {
  const { fps, matchMs, matchAtOnceMs, unknownMs, absentMs } = row;
  const gallery = await openStaffGallery();
  const pace: Pace = { maxFps: 10, sourceFps: fps, jitter: 0, loss: 0 };
  const framesUntilEvent = async (person: number, keys: object = {}) => {
    const parts = { gallery, keys: { readTimeoutMs: 120_000, ...keys }, pace, random: createRandom(1) };
    const door = await openPacedDoor(parts);
    await door.playFrames(10, () => []);
    let frames = 0;
    for (; door.events.all.length === 0; frames++) await door.playFrames(1, () => [{ person, x: 320 }]);
    return { door, frames };
  };
  const { door, frames } = await framesUntilEvent(anna);
  const once = await framesUntilEvent(anna, { agree: 1, outOf: 1 });
  const stranger = await framesUntilEvent(zoe);
  const shownMs = [frames, once.frames, stranger.frames].map((one) => Math.round((one * 1_000) / fps));
  expect(shownMs).toEqual([matchMs, matchAtOnceMs, unknownMs]);
  // The person goes, and comes back just before and just after the absence time.
  const absentFrames = (absentMs * fps) / 1_000;
  for (const [awayFrames, events] of [
    [absentFrames - 2, 1],
    [absentFrames, 2],
  ] as const) {
    await door.playFrames(awayFrames, () => []);
    await door.playFrames(5, () => [{ person: anna, x: 320 }]);
    expect(door.events.all).toHaveLength(events);
  }
});
