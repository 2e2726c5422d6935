// The report of a bench: a table for people, a JSON file for programs, ratios with their intervals and bounds.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { medianInterval, type Interval } from './interval.js';
import type { Pair } from './pairs.js';

export interface Result {
  id: string;
  value: number;
  unit: string;
  /** Bound such as "<= 1.35"; empty for a figure without a bound. */
  bound: string;
  /** True when the value keeps its bound, or has none. With an interval: false only where the whole interval is beyond the bound. */
  holds: boolean;
  /** Ends of the interval of the value, with a confidence of 95 %; only for figures that are measured in pairs. */
  low?: number;
  high?: number;
  /** Number of pairs that were measured. */
  pairs?: number;
}

/** Relation and limit, such as `['<=', 1.35]`. */
export type Bound = readonly [relation: '<=' | '>=' | '<', limit: number];

/** Makes a result, and compares its value with the bound. @param bound such as `['<=', 1.35]` */
export function result(id: string, value: number, unit: string, bound?: Bound): Result {
  if (!bound) return { id, value, unit, bound: '', holds: true };
  return { id, value, unit, bound: bound.join(' '), holds: keeps(value, bound) };
}

/**
 * Makes a result with an interval. It holds its bound while any part of the interval does: the machines of benches are shared, and a median that
 * is beyond a bound by chance proves nothing. A value that is not a number holds no bound.
 */
export function resultWithInterval(
  id: string,
  { value, low, high, pairs }: Interval,
  unit: string,
  bound?: Bound,
): Result {
  const nearest = bound?.[0] === '>=' ? high : low;
  const holds = !bound || keeps(nearest, bound);
  return { id, value, unit, bound: bound?.join(' ') ?? '', holds, low, high, pairs };
}

/** Makes a result of the median of a / b, with its interval. @param pairs from `interleavePairs`; at least one */
export function pairedRatio(id: string, pairs: readonly Pair[], unit: string, bound?: Bound): Result {
  return resultWithInterval(id, medianInterval(pairs.map(({ a, b }) => a / b)), unit, bound);
}

/** Prints the table and writes bench/results/NAME.json. */
export function report(name: string, results: readonly Result[]): void {
  printResults(results);
  writeResults(name, results);
}

/** Prints results as a table. */
export function printResults(results: readonly Result[]): void {
  printTable([
    ['id', 'value', 'interval', 'unit', 'bound', 'holds'],
    ...results.map((r) => [r.id, format(r.value), describeInterval(r), r.unit, r.bound, describeBound(r)]),
  ]);
}

function describeInterval({ low, high, pairs }: Result): string {
  return low === undefined || high === undefined ? '' : `${format(low)} to ${format(high)} (${pairs})`;
}

/** Tells whether a bound is kept: "unsure" where the value is beyond it, and part of the interval is not. */
function describeBound({ value, bound, holds }: Result): string {
  if (bound === '') return '';
  if (!holds) return 'NO';
  const [relation, limit] = bound.split(' ');
  const isKnown = relation === '<=' || relation === '<' || relation === '>=';
  return isKnown && !keeps(value, [relation, Number(limit)]) ? 'unsure' : 'yes';
}

function keeps(value: number, [relation, limit]: Bound): boolean {
  return relation === '<=' ? value <= limit : relation === '<' ? value < limit : value >= limit;
}

/** Prints rows with their columns aligned. The first row is the head. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    );
}

/** Folder of the results. */
export const RESULTS_DIR = fileURLToPath(new URL('../results/', import.meta.url));

/** Writes NAME.json. @param isTold whether to print where it was written; default: true @param folder default: bench/results */
export function writeResults(name: string, results: unknown, { isTold = true, folder = RESULTS_DIR } = {}): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  if (isTold) console.log(`\nwritten to ${relative(process.cwd(), file)}`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Measures functions in turns, round by round, so that all of them see the same state of the machine.
 * @returns for each name the milliseconds of each round
 */
export async function interleave<N extends string>(
  rounds: number,
  functions: Record<N, () => Promise<unknown>>,
): Promise<Record<N, number[]>> {
  const names = Object.keys(functions) as N[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<N, number[]>;
  for (let round = -Math.ceil(rounds / 10); round < rounds; round++) {
    for (const name of names) {
      const start = performance.now();
      await functions[name]();
      if (round >= 0) times[name].push(performance.now() - start);
    }
  }
  return times;
}

function format(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3);
}
