// Events at a door for scripted scenes: real models, a real camera and gallery, and exactly the expected events.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClipActor, ClipScript } from '../../tools/rendered-people/clip.js';
import { bestModels, builtinModels, standardModels } from '../support/model-sets.js';
import { facesDir, missing } from '../support/shared.js';
import {
  ClipDoor,
  photographedCast,
  renderedCast,
  standing,
  describeEvents,
  type Cast,
  type Path,
  type Played,
} from './clip-door.js';

const NAMES = ['anna', 'bert', 'carl', 'dora', 'emil', 'frida', 'gero', 'hanna'];

interface Scene {
  name: string;
  /** Numbers of the people who are enrolled. */
  enrolled: readonly number[];
  /** People in the scene with their paths, from back to front. */
  seen: readonly (readonly [person: number, path: Path])[];
  durationMs: number;
  picture?: Partial<ClipScript>;
  keys?: object;
  expected: readonly string[];
}

const walkingBy = (fromX: number, toX: number, sizePx: number): Path => [
  { atMs: 0, x: fromX, y: 0.5, sizePx },
  { atMs: 600, x: fromX + 0.02, y: 0.5, sizePx },
  { atMs: 1_700, x: toX, y: 0.5, sizePx },
  { atMs: 2_500, x: toX, y: 0.5, sizePx },
];
const changingSides = (fromX: number, toX: number, sizePx: number): Path => [
  { atMs: 0, x: fromX, y: 0.5, sizePx },
  { atMs: 1_000, x: toX, y: 0.5, sizePx },
  { atMs: 2_000, x: toX, y: 0.5, sizePx },
];
const passing: Path = [
  { atMs: 500, x: -0.2, y: 0.5, sizePx: 110 },
  { atMs: 1_900, x: 1.2, y: 0.5, sizePx: 110 },
];

const scenes: Scene[] = [
  {
    name: 'two enrolled people who cross',
    enrolled: [0, 1],
    seen: [
      [0, walkingBy(0.2, 0.8, 80)],
      [1, walkingBy(0.8, 0.2, 100)],
    ],
    durationMs: 2_400,
    expected: ['match anna agreed', 'match bert agreed'],
  },
  {
    name: 'an enrolled person and a stranger who cross before either is decided',
    enrolled: [0],
    seen: [
      [2, changingSides(0.3, 0.75, 80)],
      [0, changingSides(0.7, 0.25, 100)],
    ],
    durationMs: 1_900,
    expected: ['match anna agreed', 'unknown below-threshold'],
  },
  {
    name: 'a person who is hidden by another one for a moment',
    enrolled: [0, 1],
    seen: [
      [0, standing(0.5, 0, 2_500)],
      [1, passing],
    ],
    durationMs: 2_400,
    expected: ['match anna agreed', 'match bert agreed'],
  },
  {
    name: 'a person who leaves and returns within the absence time',
    enrolled: [0],
    seen: [
      [0, standing(0.4, 0, 500)],
      [0, standing(0.6, 2_000, 2_500)],
    ],
    durationMs: 2_500,
    expected: ['match anna agreed'],
  },
  {
    name: 'a person who leaves and returns after the absence time',
    enrolled: [0],
    seen: [
      [0, standing(0.4, 0, 500)],
      [0, standing(0.6, 2_600, 3_100)],
    ],
    durationMs: 3_100,
    expected: ['match anna agreed', 'match anna agreed'],
  },
  {
    name: 'a person who returns after the absence time, but within the cool-down',
    enrolled: [0],
    seen: [
      [0, standing(0.4, 0, 500)],
      [0, standing(0.6, 1_700, 2_200)],
    ],
    durationMs: 2_200,
    keys: { absenceMs: 1_000, coolDownMs: 30_000 },
    expected: ['match anna agreed'],
  },
  {
    name: 'a person who takes the place of an announced person at once',
    enrolled: [0],
    seen: [
      [0, standing(0.5, 0, 1_000)],
      [3, standing(0.5, 1_300, 2_300)],
    ],
    durationMs: 2_300,
    expected: ['match anna agreed', 'unknown below-threshold'],
  },
  {
    name: 'a stranger beside an enrolled person',
    enrolled: [0, 1],
    seen: [
      [0, standing(0.28, 0, 1_000)],
      [4, standing(0.72, 0, 1_000)],
    ],
    durationMs: 1_000,
    expected: ['match anna agreed', 'unknown below-threshold'],
  },
  {
    name: 'a stranger at a door where nobody is enrolled',
    enrolled: [],
    seen: [[4, standing(0.5, 0, 1_000)]],
    durationMs: 1_000,
    expected: ['unknown empty-group'],
  },
  {
    name: 'an enrolled person who is seen for a moment only',
    enrolled: [0],
    seen: [[0, standing(0.5, 0, 500)]],
    durationMs: 700,
    keys: { agree: 6, outOf: 9 },
    expected: ['uncertain too-few-frames'],
  },
  {
    name: 'eight people at once, two of them strangers',
    enrolled: [0, 1, 2, 3, 4, 5],
    seen: NAMES.map((_, person) => [
      person,
      standing(0.14 + 0.24 * (person % 4), 0, 2_000, { y: person < 4 ? 0.27 : 0.75, sizePx: 72 }),
    ]),
    durationMs: 1_500,
    picture: { widthPx: 840, heightPx: 560 },
    expected: [
      ...NAMES.slice(0, 6).map((name) => `match ${name} agreed`),
      'unknown below-threshold',
      'unknown below-threshold',
    ],
  },
];

const casts = [
  { cast: renderedCast, models: bestModels },
  { cast: photographedCast, models: facesDir === undefined ? undefined : standardModels },
];

async function createActors(cast: Cast, seen: Scene['seen']): Promise<ClipActor[]> {
  return Promise.all(seen.map(([person, path]) => cast.actor(person, path)));
}

const createPeople = (cast: Cast, numbers: readonly number[]) =>
  Promise.all(numbers.map(async (n) => ({ name: NAMES[n]!, pictures: await cast.portraits(n, 2) })));

async function playScene(door: ClipDoor, cast: Cast, scene: Scene): Promise<Played> {
  const { enrolled, seen, durationMs, picture, keys } = scene;
  const gallery = await door.gallery(await createPeople(cast, enrolled));
  return door.play({ actors: await createActors(cast, seen), durationMs, ...picture }, gallery, { keys });
}

describe.each(casts)('a door that sees $cast.name', ({ cast, models }) => {
  const skip = missing(`clips of ${cast.name}`, models?.modelsDir);
  let door: ClipDoor;
  beforeAll(async () => {
    if (models) door = await ClipDoor.open(models);
  });
  afterAll(() => door?.close());

  it.skipIf(skip).each(scenes)('gives for $name: $expected', { timeout: 60_000 }, async (scene) => {
    const { events } = await playScene(door, cast, scene);
    expect(describeEvents(events)).toEqual([...scene.expected].toSorted());
  });

  it.skipIf(skip)('does not match a person who is enrolled under two names', async () => {
    const [first, second] = await cast.portraits(0, 2);
    const gallery = await door.gallery([
      { name: 'anna', pictures: [first!] },
      { name: 'annas-twin', pictures: [second!] },
    ]);
    const actors = await createActors(cast, [[0, standing(0.5, 0, 1_500)]]);
    const { events } = await door.play({ actors, durationMs: 1_400 }, gallery);
    expect(describeEvents(events)).toEqual(['unknown tie']);
    expect(events[0]!.similarity).toBeGreaterThanOrEqual(90);
  });

  const held: Path = [
    { atMs: 0, x: 0.47, y: 0.5, sizePx: 100, pose: { roll: -3 } },
    { atMs: 700, x: 0.52, y: 0.48, sizePx: 106, pose: { roll: 4 } },
    { atMs: 1_500, x: 0.48, y: 0.52, sizePx: 102 },
    { atMs: 2_000, x: 0.5, y: 0.5, sizePx: 104 },
  ];

  it.skipIf(skip)('reports a photo with a score of a print as a spoof, with the photo but without a name', async () => {
    const gallery = await door.gallery(await createPeople(cast, [0]));
    const actors = [await cast.print(0, held)];
    const { events } = await door.play({ actors, durationMs: 1_400 }, gallery, {
      keys: { liveness: 'required', snapshots: true },
      liveness: -4,
    });
    expect(describeEvents(events)).toEqual(['spoof not-alive']);
    expect(events[0]!.liveness).toMatchObject({ mode: 'required', score: -4 });
    expect(JSON.stringify(events[0])).not.toContain('anna');
    const jpeg = Buffer.from(events[0]!.snapshot ?? '', 'base64');
    expect([...jpeg.subarray(0, 2)]).toEqual([0xff, 0xd8]);
  });

  it.skipIf(skip).each([
    { kind: 'print', told: ['spoof not-alive'] },
    { kind: 'actor', told: ['match anna agreed'] },
  ] as const)('with a score of a living face, reports $kind as $told', async ({ kind, told }) => {
    const gallery = await door.gallery(await createPeople(cast, [0]));
    const actors = [await cast[kind](0, held)];
    const keys = { liveness: 'required' };
    const { events } = await door.play({ actors, durationMs: 1_800 }, gallery, { keys, liveness: 4 });
    expect(describeEvents(events)).toEqual(told);
    const evidence = kind === 'print' ? { evidence: expect.arrayContaining(['border']) as unknown } : {};
    expect(events[0]!.liveness).toMatchObject({ score: 4, ...evidence });
    if (kind === 'actor') expect(events[0]!.liveness).not.toHaveProperty('evidence');
  });

  // Rendered heads are not suitable here: the model considers them live, even on paper.
  if (!skip && cast !== photographedCast) {
    console.warn(`skipped: the real liveness model on ${cast.name}: it takes rendered heads for alive, on paper too`);
  }
  it.skipIf(skip || cast !== photographedCast).each([
    { person: 0, kind: 'print', told: ['spoof not-alive'] },
    { person: 1, kind: 'print', told: ['spoof not-alive'] },
    { person: 0, kind: 'actor', told: ['match anna agreed'] },
  ] as const)(
    'reports person $person as $kind (print: a sheet of paper with a border; actor: no border visible) by the real liveness model as $told',
    async ({ person, kind, told }) => {
      const gallery = await door.gallery(await createPeople(cast, [person]));
      const actors = [await cast[kind](person, held)];
      const keys = { liveness: 'required' };
      const { events, scores } = await door.play({ actors, durationMs: 1_400 }, gallery, { keys });
      expect(scores.length).toBeGreaterThanOrEqual(3);
      expect(describeEvents(events)).toEqual(told);
      expect(events[0]!.liveness?.verdict).toBe(told[0].startsWith('match') ? 'live' : 'spoof');
    },
  );
});

describe('a door with the built-in models', () => {
  let door: ClipDoor;
  beforeAll(async () => {
    door = await ClipDoor.open(builtinModels);
  });
  afterAll(() => door.close());

  // Without photographs, all scenes were played with rendered people above.
  const [crossing] = scenes.filter(
    ({ name }) => name === 'an enrolled person and a stranger who cross before either is decided',
  );
  if (bestModels !== builtinModels) {
    it(`gives for ${crossing!.name}: ${crossing!.expected.join(',')}`, async () => {
      expect(describeEvents((await playScene(door, renderedCast, crossing!)).events)).toEqual(crossing!.expected);
    });
  }

  it('matches nobody where liveness is required, because it has no liveness model, and gives that reason', async () => {
    const scene: Scene = {
      name: 'an enrolled person',
      enrolled: [0],
      seen: [[0, standing(0.5, 0, 3_000)]],
      durationMs: 3_000,
      keys: { liveness: 'required' },
      expected: ['uncertain liveness-missing'],
    };
    const { events, health } = await playScene(door, renderedCast, scene);
    expect(describeEvents(events)).toEqual(scene.expected);
    expect(events[0]).not.toHaveProperty('externalImageId');
    expect(events[0]!.liveness).toEqual({ mode: 'required', verdict: 'unavailable' });
    const detail = 'liveness is required, and the model set has no model for it: nobody is matched';
    expect(health).toEqual({ status: 'degraded', detail });
  });
});
