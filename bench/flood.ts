// The bench of the door under a flood of uploads: latency of its events while clients upload the slowest pictures that are accepted, over quiet.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bestModels } from '../test/support/model-sets.js';
import type { AttackName } from '../tools/siege/attacks.js';
import { runSiege, type Phase } from '../tools/siege/siege.js';
import { median, pairedRatio, result, type Result } from './support/report.js';

/** The attack whose effect has a bound: it runs several times, each time after a quiet time. */
const BOUNDED: AttackName = 'slow-pictures';
const OTHERS: readonly AttackName[] = ['picture-bombs', 'leaving-clients'];

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-flood-'));
  try {
    const rounds = short ? 6 : 10;
    const seconds = short
      ? { attackSeconds: 9, quietSeconds: 9, allSeconds: 8 }
      : { attackSeconds: 18, quietSeconds: 18, allSeconds: 60 };
    const attacks = [...Array.from({ length: rounds }, () => BOUNDED), ...OTHERS];
    const siege = await runSiege({ folder, ...bestModels, attacks, isInterleaved: true, ...seconds });
    const { phases, stopSeconds, exitCode } = siege;
    const quiet = phases.filter(({ name }) => name === 'quiet').flatMap(({ latenciesMs }) => latenciesMs);
    return [
      result('flood.latency.quiet.ms', median(quiet), `ms from first picture to event, median of ${quiet.length}`),
      ...[BOUNDED, ...OTHERS].flatMap((name) => describe(name, phases)),
      result('flood.missed', countMissed(phases), 'appearances without an event', ['<=', 0]),
      // Not a comparison: systemd gives a service this time, with all clients still sending.
      result('flood.stop.s', stopSeconds, 's from SIGTERM to the end', ['<=', 5]),
      result('flood.stop.clean', exitCode === 0 ? 1 : 0, '1: it ended with exit code 0', ['>=', 1]),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Compares each run of an attack with the quiet time before it. Clients run on the processors of the service, at the lowest priority. */
function describe(name: AttackName, phases: readonly Phase[]): Result[] {
  const runs = phases.flatMap((phase, i) => (phase.name === name ? [{ attack: phase, quiet: phases[i - 1]! }] : []));
  // A time without any event has no median; it counts in flood.missed.
  const pairs = runs
    .filter(({ attack, quiet }) => attack.latenciesMs.length > 0 && quiet.latenciesMs.length > 0)
    .map(({ attack, quiet }) => ({ a: median(attack.latenciesMs), b: median(quiet.latenciesMs) }));
  const latencies = runs.flatMap(({ attack }) => attack.latenciesMs);
  const attempts = runs.flatMap(({ attack }) => Object.values(attack.attempts));
  const bound = name === BOUNDED ? (['<=', 2] as const) : undefined;
  const ratio = `flood.${name}.ratio`;
  return [
    pairs.length === 0 ? result(ratio, NaN, 'no event', bound) : pairedRatio(ratio, pairs, 'of quiet', bound),
    result(`flood.${name}.worst.ms`, Math.max(...latencies), `ms, of ${latencies.length}`),
    result(
      `flood.${name}.answers`,
      attempts.reduce((sum, count) => sum + count, 0),
      'answers to the clients',
    ),
  ];
}

function countMissed(phases: readonly Phase[]): number {
  return phases.reduce((sum, { expected, latenciesMs }) => sum + expected - latenciesMs.length, 0);
}
