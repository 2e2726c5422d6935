// Random conditions of pictures: one or two degradations each, from mild ones to those that no face is recognised in.
import { between, pick, type Random } from '../rendered-people/random.js';

/** Each draws one step of a condition, as parseCondition of tools/conditions reads it. */
const STEPS: readonly ((random: Random) => string)[] = [
  (random) => `turn:${number(random, -180, 180)}`,
  (random) => `blur:${number(random, 0.5, 5)}`,
  (random) => `small:${number(random, 14, 60)}`,
  (random) => `jpeg:${Math.round(between(random, 4, 30))}`,
  (random) => `dark:${number(random, 0.08, 0.6)}`,
  (random) => `glare:${number(random, 0.1, 0.5)}`,
  (random) => `noise:${number(random, 5, 50)}`,
  () => 'lower:any',
  () => 'upper:any',
  () => 'glasses:any',
  () => 'mask:any',
  () => 'mirror',
];
/** Share of the conditions that have two steps. */
const DOUBLE_SHARE = 0.3;

/** Draws a condition, such as `blur:2.31+mask:any`. */
export function drawCondition(random: Random): string {
  const first = pick(random, STEPS);
  if (random() >= DOUBLE_SHARE) return first(random);
  const second = pick(
    random,
    STEPS.filter((step) => step !== first),
  );
  return `${first(random)}+${second(random)}`;
}

/** Returns the kinds of a condition without their numbers, such as `blur+mask`. */
export function nameKinds(condition: string): string {
  return condition
    .split('+')
    .map((step) => step.split(':')[0])
    .sort()
    .join('+');
}

function number(random: Random, low: number, high: number): string {
  return between(random, low, high).toFixed(2);
}
