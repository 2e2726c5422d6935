// The figures of a siege and their bounds.
import { median, result, type Result } from '../../bench/support/report.js';
import type { Phase, SiegeResult } from './siege.js';

/** An enrolled person is announced within twice the quiet latency. */
const MOST_LATENCY = 2;
const MOST_MEMORY_MB = 900;
const MOST_LAG_MS = 50;
const MOST_STOP_S = 5;

const COLUMNS = ['attack', 'expected', 'arrived', 'p50 ms', 'p99 ms', 'lag ms', 'lag p99', 'MB', 'attempts'];
const WIDTHS = [18, 9, 8, 7, 7, 7, 8, 5];

export const PHASE_HEAD = formatRow(COLUMNS);

/** Formats what was seen in one phase as a line of the table. */
export function formatPhase({ name, expected, latenciesMs, lagMs, lagP99Ms, memoryMb, attempts }: Phase): string {
  const numbers = [expected, latenciesMs.length, median(latenciesMs), findP99(latenciesMs), lagMs, lagP99Ms, memoryMb];
  const counts = Object.entries(attempts).map(([what, count]) => `${what} ${count}`);
  return formatRow([name, ...numbers.map((number) => number.toFixed(0)), counts.join(', ')]);
}

/**
 * Judges a siege. `siege.latency.ratio` compares the median under all attacks with the quiet median; `siege.lag.ms` is the worst 99th
 * percentile of a second: on a shared machine the longest single delay (`siege.lag.max.ms`) is often another process's.
 */
export function judgeSiege({ phases, stopSeconds, exitCode }: SiegeResult): Result[] {
  const quiet = phases.filter(({ name }) => name === 'quiet').flatMap(({ latenciesMs }) => latenciesMs);
  const attacked = phases.filter(({ name }) => name !== 'quiet');
  const all = attacked.find(({ name }) => name === 'all');
  const quietMs = median(quiet);
  const worst = Math.max(...attacked.map(({ latenciesMs }) => median(latenciesMs) / quietMs));
  const missed = attacked.reduce((sum, { expected, latenciesMs }) => sum + expected - latenciesMs.length, 0);
  const expected = attacked.reduce((sum, one) => sum + one.expected, 0);
  const largest = (read: (phase: Phase) => number): number => Math.max(...attacked.map(read));
  return [
    result('siege.latency.ratio', median(all?.latenciesMs ?? []) / quietMs, 'all attacks of quiet', [
      '<=',
      MOST_LATENCY,
    ]),
    result('siege.latency.worst', worst, 'the worst attack of quiet'),
    result('siege.latency.quiet.ms', quietMs, `ms, median of ${quiet.length}`),
    result('siege.latency.p99.ms', findP99(all?.latenciesMs ?? []), 'ms, all attacks'),
    result('siege.missed', missed, `matches of ${expected}`, ['<=', 0]),
    result(
      'siege.lag.ms',
      largest(({ lagP99Ms }) => lagP99Ms),
      'ms, worst p99 of a second',
      ['<=', MOST_LAG_MS],
    ),
    result(
      'siege.lag.max.ms',
      largest(({ lagMs }) => lagMs),
      'ms, longest of all',
    ),
    result(
      'siege.memory.mb',
      largest(({ memoryMb }) => memoryMb),
      'MB',
      ['<=', MOST_MEMORY_MB],
    ),
    result(
      'siege.unanswered',
      largest(({ unanswered }) => unanswered),
      'of the seconds without /metrics, worst attack',
    ),
    result('siege.stop.s', stopSeconds, 's from SIGTERM to the end', ['<=', MOST_STOP_S]),
    result('siege.stop.code', exitCode ?? 255, 'exit code; 255: ended by a signal', ['<=', 0]),
  ];
}

function findP99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(0.99 * sorted.length))] ?? NaN;
}

function formatRow(cells: readonly string[]): string {
  return cells
    .map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0))
    .join('  ')
    .trimEnd();
}
