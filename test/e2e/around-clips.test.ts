// Clips played twice, once with every frame searched as a whole and once around the faces in sight: the same people have the same events.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ClipScript } from '../../tools/rendered-people/clip.js';
import type { Box } from '../../src/domain/face.js';
import { bestModels } from '../support/model-sets.js';
import { ClipDoor, describeEvents, renderedCast, standing, type Path, type Played } from './clip-door.js';

/** Frames per second of the clips, and the number of frames in which a person who enters is found. */
const FPS = 10;
const BOUND = Math.floor(FPS / 3);

const cast = renderedCast;
const [anna, bert, zoe] = [0, 1, 6];
const names = ['anna', 'bert', 'cleo', 'dora'];

/** Path of somebody who walks from one side of the picture to a place, stands there and walks on to the other side. */
const visiting = (x: number, fromMs: number, toMs: number, sizePx = 90): Path => [
  { atMs: fromMs, x: 1.2, y: 0.5, sizePx },
  { atMs: fromMs + 600, x, y: 0.5, sizePx },
  { atMs: toMs - 600, x: x + 0.01, y: 0.5, sizePx },
  { atMs: toMs, x: 1.2, y: 0.5, sizePx },
];

/** Each test plays two clips. */
vi.setConfig({ testTimeout: 180_000 });

let door: ClipDoor;
beforeAll(async () => {
  door = await ClipDoor.open(bestModels);
});
afterAll(() => door.close());

async function playBoth(script: Pick<ClipScript, 'actors' | 'durationMs'>): Promise<{ whole: Played; around: Played }> {
  const people = await Promise.all(
    names.map(async (name, person) => ({ name, pictures: await cast.portraits(person, 1) })),
  );
  const gallery = await door.gallery(people);
  const whole = await door.play(script, gallery);
  const around = await door.play(script, gallery, { around: true, again: whole });
  expect(whole.frames.every(({ searched }) => searched === undefined)).toBe(true);
  return { whole, around };
}

const countAround = ({ frames }: Played): number => frames.filter(({ searched }) => searched === 'around').length;

/** Returns the number of the first frame that shows a face there. */
function findFirst({ frames }: Played, isThere: (box: Box) => boolean): number {
  return frames.find(({ boxes }) => boxes.some(isThere))?.frameNumber ?? NaN;
}

describe.each([
  {
    name: 'somebody stands there alone',
    actors: async () => [await cast.actor(anna, standing(0.4, 0, 6_000))],
    durationMs: 6_000,
    events: ['match anna agreed'],
    leastAround: 20,
  },
  {
    name: 'a stranger stands there, very near',
    actors: async () => [await cast.actor(zoe, standing(0.5, 0, 6_000, { sizePx: 240 }))],
    durationMs: 6_000,
    events: ['unknown below-threshold'],
    leastAround: 15,
  },
  {
    name: 'one leaves, and one comes back',
    actors: async () => [
      await cast.actor(anna, standing(0.3, 0, 7_000)),
      await cast.actor(bert, standing(0.7, 0, 2_500)),
      await cast.actor(bert, standing(0.7, 5_500, 7_000)),
    ],
    durationMs: 7_000,
    events: ['match anna agreed', 'match bert agreed', 'match bert agreed'],
    leastAround: 15,
  },
  {
    name: 'two cross, the one in front of the other',
    actors: async () => [
      await cast.actor(anna, [
        ...standing(0.25, 0, 2_000),
        { atMs: 4_000, x: 0.75, y: 0.5, sizePx: 90 },
        { atMs: 6_000, x: 0.75, y: 0.5, sizePx: 90 },
      ]),
      await cast.actor(bert, [
        ...standing(0.75, 0, 2_000),
        { atMs: 4_000, x: 0.25, y: 0.54, sizePx: 110 },
        { atMs: 6_000, x: 0.25, y: 0.54, sizePx: 110 },
      ]),
    ],
    durationMs: 6_000,
    events: ['match anna agreed', 'match bert agreed'],
    leastAround: 12,
  },
  {
    name: 'a crowd of four stands there',
    actors: async () =>
      Promise.all([0, 1, 2, 3].map((person) => cast.actor(person, standing(0.14 + 0.24 * person, 0, 6_000)))),
    durationMs: 6_000,
    events: names.map((name) => `match ${name} agreed`),
    leastAround: 10,
  },
  {
    name: 'the head is tilted',
    actors: async () => [
      await cast.actor(
        anna,
        standing(0.4, 0, 6_000).map((place) => ({ ...place, pose: { roll: 24 } })),
      ),
    ],
    durationMs: 6_000,
    events: ['match anna agreed'],
    leastAround: 0,
  },
])('where $name', ({ actors, durationMs, events, leastAround }) => {
  test('both searches give the same events', async () => {
    const { whole, around } = await playBoth({ durationMs, actors: await actors() });
    expect(describeEvents(whole.events)).toEqual(events);
    expect(describeEvents(around.events)).toEqual(events);
    expect(around.stats).toMatchObject({ switches: whole.stats.switches, undecided: whole.stats.undecided });
    expect(countAround(around)).toBeGreaterThanOrEqual(leastAround);
  });
});

// The entrances fall on different turns.
test.each([
  { name: 'of the same size', sizePx: 90, x: 0.75, lateMs: 0 },
  { name: 'of nearly the smallest size', sizePx: 66, x: 0.75, lateMs: 100 },
  { name: 'very near', sizePx: 220, x: 0.7, lateMs: 200 },
])('somebody $name who enters beside a person that stands there is found within the bound', async (entrant) => {
  const { sizePx, x, lateMs } = entrant;
  const { whole, around } = await playBoth({
    durationMs: 5_000 + lateMs,
    actors: [
      await cast.actor(anna, standing(0.2, 0, 5_000 + lateMs)),
      await cast.actor(bert, visiting(x, 2_000 + lateMs, 4_800 + lateMs, sizePx)),
    ],
  });
  expect(describeEvents(whole.events)).toEqual(['match anna agreed', 'match bert agreed']);
  expect(describeEvents(around.events)).toEqual(['match anna agreed', 'match bert agreed']);
  expect(countAround(around)).toBeGreaterThan(8);
  const isRight = ({ x0 }: Box): boolean => x0 > 260;
  const late = findFirst(around, isRight) - findFirst(whole, isRight);
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(BOUND);
});
