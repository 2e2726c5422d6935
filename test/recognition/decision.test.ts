// The decision that follows from an identity under all circumstances, as a table.
import { expect, test } from 'vitest';
import { REASONS } from '../../src/events/event.js';
import { decide, type Circumstances } from '../../src/recognition/decision.js';

const match = { kind: 'match' } as const;
const unknown = { kind: 'unknown', reason: 'tie' } as const;
const well: Circumstances = {
  identity: match,
  bareness: 'any',
  liveness: { mode: 'required', verdict: 'live' },
  challenge: undefined,
  isLast: false,
  areGroupsUsable: true,
  isGalleryFresh: true,
  isClockRight: true,
  isCameraRight: true,
};
const required = (verdict: Circumstances['liveness']['verdict']) =>
  ({ liveness: { mode: 'required', verdict } }) as const;
const challenged = (
  challenge: Circumstances['challenge'],
  verdict: Circumstances['liveness']['verdict'] = 'live',
): Partial<Circumstances> => ({ challenge, liveness: { mode: 'challenge', verdict } });

test.each<{ name: string; facts: Partial<Circumstances>; expected: string }>([
  { name: 'all well', facts: {}, expected: 'match agreed' },
  { name: 'a spoof', facts: required('spoof'), expected: 'spoof not-alive' },
  { name: 'a spoof of a stranger', facts: { ...required('spoof'), identity: unknown }, expected: 'spoof not-alive' },
  { name: 'liveness that is unsure', facts: required('unsure'), expected: 'wait' },
  { name: 'liveness that stayed unsure to the end', facts: { ...required('unsure'), isLast: true }, expected: 'uncertain liveness-unsure' },
  { name: 'no liveness model', facts: required('unavailable'), expected: 'uncertain liveness-missing' },
  { name: 'a stranger without liveness', facts: { ...required('unavailable'), identity: unknown }, expected: 'unknown tie' },
  { name: 'an observed spoof', facts: { liveness: { mode: 'observe', verdict: 'spoof' } }, expected: 'match agreed' },
  { name: 'liveness that is off', facts: { liveness: { mode: 'off', verdict: 'unavailable' } }, expected: 'match agreed' },
  { name: 'a wrong clock', facts: { isClockRight: false }, expected: 'uncertain clock-wrong' },
  { name: 'a wrong clock and a spoof', facts: { isClockRight: false, ...required('spoof') }, expected: 'spoof not-alive' },
  { name: 'a wrong clock at a stranger', facts: { isClockRight: false, identity: unknown }, expected: 'unknown tie' },
  { name: 'a camera fault', facts: { isCameraRight: false }, expected: 'uncertain camera-fault' },
  { name: 'a mask that is refused', facts: { bareness: 'masked' }, expected: 'uncertain masked' },
  { name: 'a mask that is refused, with liveness that is unsure', facts: { bareness: 'masked', ...required('unsure') }, expected: 'uncertain masked' },
  { name: 'a face that is bare in too few shots yet', facts: { bareness: 'unsure' }, expected: 'wait' },
  { name: 'a face that stayed bare in too few shots', facts: { bareness: 'unsure', isLast: true }, expected: 'uncertain masked' },
  { name: 'a bare face', facts: { bareness: 'bare' }, expected: 'match agreed' },
  { name: 'a spoof in a mask', facts: { bareness: 'masked', ...required('spoof') }, expected: 'spoof not-alive' },
  { name: 'a match in one of two groups', facts: { areGroupsUsable: false }, expected: 'match agreed' },
  { name: 'a match in a copy that is too old', facts: { isGalleryFresh: false }, expected: 'uncertain gallery-stale' },
  { name: 'a stranger beside a copy that is too old', facts: { isGalleryFresh: false, identity: unknown, areGroupsUsable: false }, expected: 'uncertain gallery-stale' },
  { name: 'a spoof of a person in a copy that is too old', facts: { isGalleryFresh: false, ...required('spoof') }, expected: 'spoof not-alive' },
  { name: 'nobody in the groups that could be searched', facts: { areGroupsUsable: false, identity: unknown }, expected: 'uncertain group-unusable' },
  { name: 'a live person who was not asked', facts: challenged(undefined), expected: 'challenge' },
  { name: 'a person of unsure liveness who was not asked', facts: challenged(undefined, 'unsure'), expected: 'challenge' },
  { name: 'a spoof that was not asked', facts: challenged(undefined, 'spoof'), expected: 'spoof not-alive' },
  { name: 'no liveness model, before anybody is asked', facts: challenged(undefined, 'unavailable'), expected: 'uncertain liveness-missing' },
  { name: 'a stranger who is not asked', facts: { ...challenged(undefined), identity: unknown }, expected: 'unknown tie' },
  { name: 'a wrong clock before anybody is asked', facts: { ...challenged(undefined), isClockRight: false }, expected: 'uncertain clock-wrong' },
  { name: 'a refused mask before anybody is asked', facts: { ...challenged(undefined), bareness: 'masked' }, expected: 'uncertain masked' },
  { name: 'a person who has time to answer', facts: challenged('open'), expected: 'wait' },
  { name: 'a person who leaves without an answer', facts: { ...challenged('open'), isLast: true }, expected: 'uncertain challenge-failed' },
  { name: 'a spoof that shows itself after the question', facts: challenged('open', 'spoof'), expected: 'uncertain challenge-failed' },
  { name: 'the right answer', facts: challenged('passed'), expected: 'match agreed' },
  { name: 'the right answer of a face whose liveness is unsure', facts: challenged('passed', 'unsure'), expected: 'wait' },
  { name: 'the right answer of a face whose liveness stayed unsure', facts: { ...challenged('passed', 'unsure'), isLast: true }, expected: 'uncertain liveness-unsure' },
  { name: 'the right answer of a spoof', facts: challenged('passed', 'spoof'), expected: 'uncertain challenge-failed' },
  { name: 'a wrong answer', facts: challenged('failed'), expected: 'uncertain challenge-failed' },
  { name: 'a wrong answer of somebody else', facts: { ...challenged('failed'), identity: unknown }, expected: 'uncertain challenge-failed' },
])('$name: $expected', ({ facts, expected }) => {
  const outcome = decide({ ...well, ...facts });
  if (outcome === 'challenge') return expect(outcome).toBe(expected);
  expect(outcome ? `${outcome.type} ${outcome.reason}` : 'wait').toBe(expected);
  if (outcome) expect(REASONS[outcome.reason].startsWith(outcome.type)).toBe(true);
}); // prettier-ignore
