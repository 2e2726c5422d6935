// `lintel fleet status`: the groups, the doors, and what is wrong with them.
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { openFleetService } from './ask-fleet.js';
import { formatFleetStatus } from './status-text.js';

/** @param fleet the command `lintel fleet` */
export function registerStatus(fleet: Command, context: CliContext): void {
  fleet
    .command('status')
    .description('show the groups and doors of the fleet, or the state of this door, and what is wrong')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
A door is "current" in a group when it holds the newest version of it, "behind" while it fetches
one, "stale" when it has heard nothing fresh for too long, "unusable" when it lacks the models of
the group, and "missing" before its first copy is complete. In the last three states it recognises
nobody of the group. What needs a person stands in words below the tables.`,
    )
    .action(async ({ json = false }: { json?: boolean }, command: Command) => {
      const service = await openFleetService(command, context);
      const status = await service.status();
      context.stdout.write(json ? `${JSON.stringify(status, null, 2)}\n` : formatFleetStatus(status, context.clock()));
    });
}
