// `lintel fleet proof`: which doors have proved that they hold the newest version, and so nobody who was deleted.
import { InvalidArgumentError, type Command } from 'commander';
import { setTimeout as pause } from 'node:timers/promises';
import { FLEET_PATHS } from '../../fleet/fleet-requests.js';
import type { FleetProof } from '../../fleet/fleet.types.js';
import type { CliContext } from '../context.js';
import { formatTable } from '../output.js';
import { SilentFailure } from '../program.js';
import { openFleetService } from './ask-fleet.js';
import { formatAgo, formatTime } from './time-words.js';

const PAUSE_MS = 500;

interface ProofOptions {
  json?: boolean;
  wait?: number;
}

/** @param fleet the command `lintel fleet` */
export function registerProof(fleet: Command, context: CliContext): void {
  fleet
    .command('proof')
    .description('on the authority: say which doors have proved that they hold nobody who was deleted')
    .argument('[group]', 'id of a group; default: all groups')
    .option('--json', 'print one JSON document')
    .option('--wait <seconds>', 'wait until every door has proved it, at most this long', parseSeconds)
    .addHelpText(
      'after',
      `
A door that has applied a version deletes what the version does not list, compacts its database, and
signs a receipt with the root hash of what it holds. It has proved the deletion when its receipt is
that of the newest version. A door that is not heard refuses everybody of its copies from the time
that is printed. The exit code is 0 when every door has proved it, and 1 otherwise.`,
    )
    .action(async (group: string | undefined, { json = false, wait = 0 }: ProofOptions, command: Command) => {
      const service = await openFleetService(command, context);
      const endMs = performance.now() + wait * 1_000;
      const parameters = group === undefined ? {} : { group: [group] };
      let proof = await service.ask<FleetProof>('GET', FLEET_PATHS.proof, parameters);
      while (proof.waiting.length > 0 && performance.now() + PAUSE_MS <= endMs) {
        await pause(PAUSE_MS);
        proof = await service.ask<FleetProof>('GET', FLEET_PATHS.proof, parameters);
      }
      context.stdout.write(json ? `${JSON.stringify(proof, null, 2)}\n` : formatProof(proof, context.clock()));
      if (proof.waiting.length > 0) throw new SilentFailure('not every door has proved the deletions');
    });
}

/** @param nowMs milliseconds since the epoch */
function formatProof({ summary, waiting }: FleetProof, nowMs: number): string {
  if (waiting.length === 0) return `${summary}\n`;
  const rows = waiting.map(({ name, lastSeenAt, refusesFrom }) => [
    name,
    formatAgo(lastSeenAt, nowMs),
    refusesFrom === undefined ? 'has no copy' : describeRefusal(refusesFrom, nowMs),
  ]);
  return `${summary}\n\n${formatTable([['NOT PROVED', 'LAST SEEN', 'REFUSES'], ...rows])}`;
}

function describeRefusal(refusesFrom: string, nowMs: number): string {
  const verb = Date.parse(refusesFrom) <= nowMs ? 'since' : 'from';
  return `${verb} ${formatTime(refusesFrom)}`;
}

function parseSeconds(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 to 99999.');
  return Number(text);
}
