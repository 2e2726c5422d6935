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
  isLast: false,
  areGroupsUsable: true,
  isClockRight: true,
  isCameraRight: true,
};
const required = (verdict: Circumstances['liveness']['verdict']) =>
  ({ liveness: { mode: 'required', verdict } }) as const;

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
  { name: 'nobody in the groups that could be searched', facts: { areGroupsUsable: false, identity: unknown }, expected: 'uncertain group-unusable' },
])('$name: $expected', ({ facts, expected }) => {
  const outcome = decide({ ...well, ...facts });
  expect(outcome ? `${outcome.type} ${outcome.reason}` : 'wait').toBe(expected);
  if (outcome) expect(REASONS[outcome.reason].startsWith(outcome.type)).toBe(true);
}); // prettier-ignore
