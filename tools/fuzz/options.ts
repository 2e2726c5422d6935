// The options that the commands for fuzzing share, and the report that they print.
import type { FuzzSummary } from './run.js';

export const NUMBER_OPTIONS = {
  count: { type: 'string' },
  from: { type: 'string', default: '0' },
  seed: { type: 'string', default: '1' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @returns undefined where a value is no whole number of at least 0 */
export function readNumbers<Name extends string>(values: Record<Name, string>): Record<Name, number> | undefined {
  const entries = Object.entries<string>(values).map(
    ([name, text]) => [name, /^\d+$/.test(text) ? Number(text) : NaN] as const,
  );
  if (entries.some(([, number]) => !Number.isSafeInteger(number))) return undefined;
  return Object.fromEntries(entries) as Record<Name, number>;
}

/** Prints how far a run is, at most every ten seconds. */
export function createProgress(): (summary: FuzzSummary) => void {
  let shownMs = -Infinity;
  return ({ what, seed, next, failures }) => {
    if (performance.now() - shownMs < 10_000) return;
    shownMs = performance.now();
    console.log(`${what}: seed ${seed}, at number ${next}, findings ${failures.length}`);
  };
}

/** Prints what a run has found and how to go on, and sets the exit code. */
export function finish(summary: FuzzSummary): void {
  console.log(JSON.stringify(summary, null, 2));
  const { what, seed, from, next, failures } = summary;
  console.log(`${what}: ${next - from} tried, ${failures.length} findings; go on with --seed ${seed} --from ${next}`);
  if (failures.length > 0) process.exitCode = 1;
}
