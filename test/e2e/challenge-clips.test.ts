// Clips before a door with `liveness: challenge`, with the real models: a head that turns as asked is matched; no head that does not, and
// no flat picture, however it is turned. The liveness model takes everything for alive here: the tests are about the challenge.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HeadSide } from '../../src/domain/challenge.js';
import type { ClipActor, Keyframe } from '../../tools/rendered-people/clip.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { bestModels } from '../support/model-sets.js';
import { ClipDoor, describeEvents, renderedCast, type Played } from './clip-door.js';

const ANNA = 0;
const LOOKS_ALIVE = 6;
const DURATION_MS = 3_600;

/** Keyframes of one who looks ahead for a second, turns, and stays turned. @param yaw degrees to the right of the picture */
function turning(yaw: number, sizePx: number): Keyframe[] {
  const at = (atMs: number, turn: number, x: number): Keyframe => ({ atMs, x, y: 0.5, sizePx, pose: { yaw: turn } });
  return [at(0, 0, 0.49), at(500, 0, 0.51), at(1_000, 0, 0.5), at(1_700, yaw, 0.51), at(DURATION_MS + 100, yaw, 0.49)];
}

function head(yaw: number): ClipActor {
  return { who: { seed: DISTINCT_SEEDS[ANNA] }, keyframes: turning(yaw, 100), sway: { yaw: 2, pitch: 2, roll: 2 } };
}

/** A cut-out, the attack that gives no passive evidence. The face is 190 of 480 px wide. */
function cutOut(yaw: number): ClipActor {
  const who = { sheet: renderPortrait(DISTINCT_SEEDS[ANNA]), edge: 'oval' } as const;
  return { who, keyframes: turning(yaw, (100 * 480) / 190), sway: { yaw: 2, pitch: 2, roll: 2 } };
}

/** Two cut-outs, of a face that looks ahead and of one that is turned: the second takes the place of the first between two frames. */
function exchanged(yaw: number, tilt: number): ClipActor[] {
  const sizePx = (100 * 480) / 190;
  const at = (atMs: number, turn: number, x = 0.5): Keyframe => ({ atMs, x, y: 0.5, sizePx, pose: { yaw: turn } });
  const show = (own: number, keyframes: Keyframe[]): ClipActor => ({
    who: { sheet: renderPortrait(DISTINCT_SEEDS[ANNA], { pose: { yaw: own } }), edge: 'oval' },
    keyframes,
    sway: { yaw: 2, pitch: 2, roll: 2 },
  });
  return [
    show(0, [at(0, 0, 0.49), at(900, 0), at(1_490, tilt)]),
    show(yaw, [at(1_491, 0), at(2_500, 0, 0.51), at(DURATION_MS + 100, 0)]),
  ];
}

describe('a door that asks for a turn of the head', () => {
  let door: ClipDoor;
  beforeAll(async () => {
    door = await ClipDoor.open(bestModels);
  });
  afterAll(() => door.close());

  async function show(actors: ClipActor[], side: HeadSide): Promise<Played> {
    const gallery = await door.gallery([{ name: 'anna', pictures: await renderedCast.portraits(ANNA, 2) }]);
    const clip = { actors, durationMs: DURATION_MS };
    return door.play(clip, gallery, { keys: { liveness: 'challenge' }, liveness: LOOKS_ALIVE, side });
  }

  it.each([
    { side: 'left', yaw: 30 },
    { side: 'right', yaw: -30 },
  ] as const)('matches a head that turns to the $side', { timeout: 120_000 }, async ({ side, yaw }) => {
    const { events, challenges } = await show([head(yaw)], side);
    expect(describeEvents(events)).toEqual(['match anna agreed']);
    expect(challenges.map(({ state }) => state)).toEqual(['open', 'passed']);
    expect(events[0]!.liveness).toMatchObject({ mode: 'challenge', verdict: 'live' });
  });

  it.each([
    { name: 'a head that turns to the other side', actors: [head(-30)] },
    { name: 'a head that does not turn', actors: [head(0)] },
    { name: 'a cut-out that is held still', actors: [cutOut(0)] },
    { name: 'a cut-out that turns', actors: [cutOut(45)] },
    { name: 'two cut-outs, ahead and turned', actors: exchanged(25, 0) },
    { name: 'two cut-outs, one of which turns before', actors: exchanged(25, 35) },
  ])('grants nothing to $name', { timeout: 120_000 }, async ({ actors }) => {
    const { events, challenges } = await show(actors, 'left');
    expect(describeEvents(events)).toContain('uncertain challenge-failed');
    expect(events.map(({ type }) => type)).not.toContain('match');
    expect(challenges.map(({ state }) => state).slice(0, 2)).toEqual(['open', 'failed']);
  });
});
