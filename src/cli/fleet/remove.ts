// `lintel fleet remove` on the authority, and `lintel fleet leave` on a door: how a door ends its membership.
import type { Command } from 'commander';
import { FLEET_PATHS, findDoor } from '../../fleet/fleet-requests.js';
import type { FleetDoorStatus } from '../../fleet/fleet.types.js';
import { AppError } from '../../errors.js';
import type { CliContext } from '../context.js';
import { makePrintable } from '../output.js';
import { openFleetService, requireRole } from './ask-fleet.js';
import { confirm } from './ask-person.js';
import { formatTime } from './time-words.js';

interface YesOption {
  yes?: boolean;
}

const HOUR_MS = 3_600_000;

/** @param fleet the command `lintel fleet` */
export function registerRemove(fleet: Command, context: CliContext): void {
  fleet
    .command('remove')
    .description('on the authority: take a door out of the fleet, such as one that was stolen')
    .argument('<door>', 'name or id of the door, see "lintel fleet status"')
    .option('--yes', 'remove it without a question')
    .addHelpText(
      'after',
      `
Its credentials are revoked, and every group that it had begins a new epoch, under keys that it
never gets. The door deletes its copies when it hears of its removal. One that cannot be reached
refuses everybody of them when nothing fresh has come for fleet.maxStaleHours.`,
    )
    .action(async (name: string, { yes = false }: YesOption, command: Command) => {
      const service = await openFleetService(command, context);
      const status = await service.status();
      requireRole(status, 'authority');
      const door = findDoor(status, name, 'approved');
      if (door.state === 'waiting') {
        throw new AppError(
          'FLEET_CONFLICT',
          `${makePrintable(door.name)} waits: turn it away with "lintel fleet refuse"`,
        );
      }
      const refusesFrom = (): string =>
        formatTime(new Date(context.clock() + service.config.fleet.maxStaleHours * HOUR_MS).toISOString());
      if (!yes) {
        context.stderr.write(
          `Door         ${makePrintable(door.name)} (${door.id})\n` +
            `Fingerprint  ${door.fingerprint}\n` +
            'Its credentials are revoked, and its groups begin a new epoch. It deletes its copies when it hears of it.\n' +
            `If it does not hear of it, it refuses everybody of them from ${refusesFrom()} at the latest.\n`,
        );
        await confirm(context, 'Remove it?', '--yes');
      }
      const removed = await service.ask<FleetDoorStatus>('POST', FLEET_PATHS.remove, { door: door.id });
      context.stderr.write(
        `${makePrintable(removed.name)} is removed: its credentials are revoked, and its groups have a new epoch.\n` +
          `If it does not hear of it, it refuses everybody of its copies from ${refusesFrom()} at the latest.\n` +
          'Run "lintel fleet status" to see whether it has deleted them.\n',
      );
    });

  fleet
    .command('leave')
    .description('on a door: leave the fleet, and delete the copies of its groups')
    .option('--yes', 'leave without a question')
    .addHelpText(
      'after',
      `
The groups of the door's own stay. To come back, the door needs a new token of the authority. Remove
the door at the authority as well, so that its keys hold no longer.`,
    )
    .action(async ({ yes = false }: YesOption, command: Command) => {
      const service = await openFleetService(command, context);
      const status = await service.status();
      requireRole(status, 'door');
      const groups = status.groups.map(({ groupId }) => groupId).join(', ') || 'none';
      if (!yes) {
        context.stderr.write(`This door has copies of these groups: ${groups}. They are deleted.\n`);
        await confirm(context, 'Leave the fleet?', '--yes');
      }
      await service.ask('POST', FLEET_PATHS.leave);
      context.stderr.write(
        `${status.name} has left the fleet, and its copies are deleted: ${groups}.\n` +
          `Run this on the authority: lintel fleet remove ${status.name}\n`,
      );
    });
}
