// `lintel fleet events`: the events of all doors, as the authority gathers them.
import type { Command } from 'commander';
import { FLEET_PATHS } from '../../fleet/fleet-requests.js';
import type { CliContext } from '../context.js';
import { openFleetService } from './ask-fleet.js';

interface EventsOptions {
  follow?: boolean;
  door?: string;
}

/** @param fleet the command `lintel fleet` */
export function registerFleetEvents(fleet: Command, context: CliContext): void {
  fleet
    .command('events')
    .description('on the authority: print the events of all doors, one JSON object on each line')
    .option('--follow', 'wait for further events, until Ctrl-C')
    .option('--door <door>', 'only those of this door: its name or id')
    .addHelpText(
      'after',
      `
Each door sends its history, every event once or more and without gaps, to the log of the fleet,
which keeps it for fleet.eventsMaxAgeHours.`,
    )
    .action(async ({ follow = false, door }: EventsOptions, command: Command) => {
      const service = await openFleetService(command, context);
      const lines = await service.stream(FLEET_PATHS.events, { door, follow: follow ? 'yes' : undefined });
      for await (const piece of lines) context.stdout.write(Buffer.from(piece).toString());
    });
}
