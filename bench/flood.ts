// The bench of the door under a flood of uploads: latency of its events while clients upload the slowest pictures that are accepted, over quiet.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bestModels } from '../test/support/model-sets.js';
import type { AttackName } from '../tools/siege/attacks.js';
import { runSiege, type Phase } from '../tools/siege/siege.js';
import { median, result, type Result } from './support/report.js';

const FLOODS: readonly AttackName[] = ['slow-pictures', 'picture-bombs', 'leaving-clients'];

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-flood-'));
  try {
    const seconds = short
      ? { attackSeconds: 12, quietSeconds: 12, allSeconds: 8 }
      : { attackSeconds: 60, quietSeconds: 60, allSeconds: 60 };
    const { phases, stopSeconds, exitCode } = await runSiege({ folder, ...bestModels, attacks: FLOODS, ...seconds });
    const quiet = phases.filter(({ name }) => name === 'quiet').flatMap(({ latenciesMs }) => latenciesMs);
    const quietMs = median(quiet);
    return [
      result('flood.latency.quiet.ms', quietMs, `ms from first picture to event, median of ${quiet.length}`),
      ...FLOODS.flatMap((name) =>
        describe(
          phases.find((phase) => phase.name === name)!,
          quietMs,
        ),
      ),
      result('flood.missed', countMissed(phases), 'appearances without an event', ['<=', 0]),
      result('flood.stop.s', stopSeconds, 's from SIGTERM to the end', ['<=', 5]),
      result('flood.stop.clean', exitCode === 0 ? 1 : 0, '1: it ended with exit code 0', ['>=', 1]),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Clients run on the same processors as the service, at the lowest priority. */
function describe({ name, latenciesMs, attempts }: Phase, quietMs: number): Result[] {
  const answers = Object.values(attempts).reduce((sum, count) => sum + count, 0);
  const bound = name === 'slow-pictures' ? (['<=', 2] as const) : undefined;
  return [
    result(`flood.${name}.ratio`, median(latenciesMs) / quietMs, 'median of quiet', bound && [...bound]),
    result(`flood.${name}.worst.ms`, Math.max(...latenciesMs), `ms, of ${latenciesMs.length}`),
    result(`flood.${name}.answers`, answers, 'answers to the clients'),
  ];
}

function countMissed(phases: readonly Phase[]): number {
  return phases.reduce((sum, { expected, latenciesMs }) => sum + expected - latenciesMs.length, 0);
}
