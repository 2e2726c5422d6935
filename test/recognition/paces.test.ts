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
    sourceFps: choose([0.1, 1, 5, 10, 30, between(0.1, 60)]),
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
  const readTimeoutMs = Math.round(Math.min(120_000, Math.max(5_000, 3 * slowMs)));
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

test('a camera that becomes slow gives no second event', async () => {
  const gallery = await openStaffGallery();
  const pace: Pace = { maxFps: 10, sourceFps: 10, jitter: 0.1, loss: 0 };
  const door = await openPacedDoor({ gallery, keys: { agree: 1, outOf: 1 }, pace, random: createRandom(1) });
  await door.play([{ person: anna, durationMs: 3_000 }]);
  pace.sourceFps = 0.6;
  await door.play([{ person: anna, durationMs: 20_000 }]);
  pace.sourceFps = 10;
  await door.play([{ person: anna, durationMs: 3_000 }]);
  await door.end();
  expect(door.events.published).toEqual(['match anna']);
});
