// The report of a bench: a table for people, a JSON file for programs, ratios with their bounds.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Result {
  id: string;
  value: number;
  unit: string;
  /** Bound such as "<= 1.35"; empty for a figure without a bound. */
  bound: string;
  /** True when the value keeps its bound, or has none. */
  holds: boolean;
}

/** Makes a result, and compares its value with the bound. @param bound such as `['<=', 1.35]` */
export function result(id: string, value: number, unit: string, bound?: ['<=' | '>=' | '<', number]): Result {
  if (!bound) return { id, value, unit, bound: '', holds: true };
  const [relation, limit] = bound;
  const holds = relation === '<=' ? value <= limit : relation === '<' ? value < limit : value >= limit;
  return { id, value, unit, bound: `${relation} ${limit}`, holds };
}

/** Prints the table and writes bench/results/NAME.json. */
export function report(name: string, results: readonly Result[]): void {
  const rows = [
    ['id', 'value', 'unit', 'bound', 'holds'],
    ...results.map((r) => [r.id, format(r.value), r.unit, r.bound, r.bound === '' ? '' : r.holds ? 'yes' : 'NO']),
  ];
  printTable(rows);
  writeResults(name, results);
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

/** Writes bench/results/NAME.json. @param isTold whether to print where it was written; default: true */
export function writeResults(name: string, results: unknown, isTold = true): void {
  const folder = fileURLToPath(new URL('../results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(results, null, 2)}\n`);
  if (isTold) console.log(`\nwritten to bench/results/${name}.json`);
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
