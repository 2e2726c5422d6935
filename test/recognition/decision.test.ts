// What follows from a decision under all circumstances, by a table.
import { expect, test } from 'vitest';
import { REASONS } from '../../src/events/event.js';
import { judge, type Circumstances } from '../../src/recognition/decision.js';

const match = { kind: 'match' } as const;
const unknown = { kind: 'unknown', reason: 'tie' } as const;
const well: Circumstances = {
  identity: match,
  liveness: { mode: 'required', verdict: 'live' },
  isLast: false,
  areGroupsUsable: true,
  isClockRight: true,
  isCameraRight: true,
};
const required = (verdict: Circumstances['liveness']['verdict']) =>
  ({ liveness: { mode: 'required', verdict } }) as const;

test.each<{ name: string; facts: Partial<Circumstances>; told: string }>([
  { name: 'all well', facts: {}, told: 'match agreed' },
  { name: 'a spoof', facts: required('spoof'), told: 'spoof not-alive' },
  { name: 'a spoof of a stranger', facts: { ...required('spoof'), identity: unknown }, told: 'spoof not-alive' },
  { name: 'liveness that is not told yet', facts: required('unsure'), told: 'wait' },
  { name: 'liveness that was never told', facts: { ...required('unsure'), isLast: true }, told: 'uncertain liveness-unsure' },
  { name: 'no liveness model', facts: required('unavailable'), told: 'uncertain liveness-missing' },
  { name: 'a stranger without liveness', facts: { ...required('unavailable'), identity: unknown }, told: 'unknown tie' },
  { name: 'an observed spoof', facts: { liveness: { mode: 'observe', verdict: 'spoof' } }, told: 'match agreed' },
  { name: 'liveness that is off', facts: { liveness: { mode: 'off', verdict: 'unavailable' } }, told: 'match agreed' },
  { name: 'a wrong clock', facts: { isClockRight: false }, told: 'uncertain clock-wrong' },
  { name: 'a wrong clock and a spoof', facts: { isClockRight: false, ...required('spoof') }, told: 'spoof not-alive' },
  { name: 'a wrong clock at a stranger', facts: { isClockRight: false, identity: unknown }, told: 'unknown tie' },
  { name: 'a camera fault', facts: { isCameraRight: false }, told: 'uncertain camera-fault' },
  { name: 'a match in one of two groups', facts: { areGroupsUsable: false }, told: 'match agreed' },
  { name: 'nobody in the groups that could be searched', facts: { areGroupsUsable: false, identity: unknown }, told: 'uncertain group-unusable' },
])('$name: $told', ({ facts, told }) => {
  const outcome = judge({ ...well, ...facts });
  expect(outcome ? `${outcome.type} ${outcome.reason}` : 'wait').toBe(told);
  if (outcome) expect(REASONS[outcome.reason].startsWith(outcome.type)).toBe(true);
}); // prettier-ignore
