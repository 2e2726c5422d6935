// Composed attacks before a door that requires liveness: whatever the liveness model says of them, none of these is a match. A sheet whose
// edges hardly differ from the room, and a cut-out, give no passive evidence.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { composeAttack, type Attack } from '../../tools/rendered-people/attack-picture.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import {
  createPresentationScript,
  type Motion,
  type Presented,
} from '../../tools/rendered-people/presentation-clip.js';
import { bestModels } from '../support/model-sets.js';
import { ClipDoor, describeEvents, renderedCast, type Played } from './clip-door.js';

const PERSON = 0;
/** Score of a face that the liveness model takes for alive: the tests are about what contradicts it. */
const LOOKS_ALIVE = 6;
/** Width of the face in widths of the portrait. */
const FACE_SHARE = 190 / 480;

async function compose(attack: Attack): Promise<Presented> {
  const { picture, widthPerPortrait, edge } = await composeAttack(renderPortrait(DISTINCT_SEEDS[PERSON]), attack);
  return { sheet: picture, edge, facePerWidth: FACE_SHARE / widthPerPortrait };
}

describe('a door that requires liveness', () => {
  let door: ClipDoor;
  beforeAll(async () => {
    door = await ClipDoor.open(bestModels);
  });
  afterAll(() => door.close());

  async function show(presented: Presented, motion: Motion, durationMs: number, seed = 21): Promise<Played> {
    const gallery = await door.gallery([{ name: 'anna', pictures: await renderedCast.portraits(PERSON, 2) }]);
    const script = createPresentationScript({ presented, motion, seed, durationMs, turnDegrees: 40 });
    return door.play(script, gallery, { keys: { liveness: 'required' }, liveness: LOOKS_ALIVE });
  }

  it.each([
    { attack: 'paper', motion: 'held', evidence: 'border' },
    { attack: 'phone', motion: 'held', evidence: 'border' },
    { attack: 'phone', motion: 'coming', evidence: 'border' },
    { attack: 'moire', motion: 'held', evidence: 'pattern' },
    { attack: 'halftone', motion: 'held', evidence: 'pattern' },
    { attack: 'grey', motion: 'held', evidence: 'grey' },
    { attack: 'gamma', motion: 'held', evidence: 'border' },
  ] as const)('grants nothing to a sheet: $attack, $motion', { timeout: 120_000 }, async (attempt) => {
    const { events } = await show(await compose(attempt.attack), attempt.motion, 2_000);
    expect(describeEvents(events)).toContain('spoof not-alive');
    expect(events.map(({ type }) => type)).not.toContain('match');
    expect(events.findLast(({ type }) => type === 'spoof')!.liveness).toMatchObject({
      verdict: 'spoof',
      score: LOOKS_ALIVE,
      evidence: expect.arrayContaining([attempt.evidence]),
    });
  });

  it('grants nothing to a phone on a stand, which gives no evidence but its border', { timeout: 120_000 }, async () => {
    const { events } = await show(await compose('phone'), 'still', 2_000);
    expect(describeEvents(events)).toEqual(['uncertain liveness-unsure']);
    expect(events[0]!.liveness).toMatchObject({ verdict: 'unsure', evidence: ['border'] });
  });

  it.each([
    { motion: 'held', seed: 31 },
    { motion: 'turning', seed: 32 },
    { motion: 'coming', seed: 33 },
  ] as const)('matches a head in space: $motion', { timeout: 120_000 }, async ({ motion, seed }) => {
    const { events } = await show({ seed: DISTINCT_SEEDS[PERSON] }, motion, 2_000, seed);
    expect(describeEvents(events)).toEqual(['match anna agreed']);
    expect(events[0]!.liveness).toEqual({ mode: 'required', verdict: 'live', score: LOOKS_ALIVE, threshold: 1 });
  });
});
