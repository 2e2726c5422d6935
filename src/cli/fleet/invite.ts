// `lintel fleet invite`, `approve` and `refuse`: how the authority takes a door into its fleet.
import { InvalidArgumentError, type Command } from 'commander';
import { FLEET_PATHS, findDoor, isSameFingerprint } from '../../fleet/fleet-requests.js';
import type { FleetDoorStatus, FleetInvitation } from '../../fleet/fleet.types.js';
import { AppError } from '../../errors.js';
import type { CliContext } from '../context.js';
import { makePrintable } from '../output.js';
import { openFleetService, requireRole } from './ask-fleet.js';
import { confirm } from './ask-person.js';
import { formatDuration, formatTime } from './time-words.js';

interface ApproveOptions {
  group?: string[];
  fingerprint?: string;
  yes?: boolean;
}

/** @param fleet the command `lintel fleet` */
export function registerInvite(fleet: Command, context: CliContext): void {
  fleet
    .command('invite')
    .description('on the authority: print a one-time token, with which one door asks to join')
    .addHelpText(
      'after',
      `
The token stands alone on standard output, so that it can be handed on without being seen:

  lintel fleet invite | ssh yard.example.org lintel fleet join

It admits nobody by itself: the door waits until you have compared its fingerprint and approved it.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const service = await openFleetService(command, context);
      const { token, fingerprint, expiresAt } = await service.ask<FleetInvitation>('POST', FLEET_PATHS.invite);
      context.stdout.write(`${token}\n`);
      const lifetime = formatDuration(Math.round((Date.parse(expiresAt) - context.clock()) / 1_000) * 1_000);
      context.stderr.write(
        `The token holds for one door, for ${lifetime}: until ${formatTime(expiresAt)}.\n` +
          `Fingerprint of this authority: ${fingerprint}\n` +
          'Run this at the door, and give it the token: lintel fleet join\n',
      );
    });

  fleet
    .command('approve')
    .description('on the authority: admit a door that waits')
    .argument('<door>', 'name or id of the door, see "lintel fleet status"')
    .option('--group <id>', 'give it this group; may be repeated (default: all groups of the fleet)', collect)
    .option('--fingerprint <fingerprint>', 'approve it without a question if this is its fingerprint')
    .option('--yes', 'approve it without a question, and without a look at its fingerprint')
    .addHelpText(
      'after',
      `
Compare the fingerprint with the one that "lintel fleet join" shows at the door. If they differ,
another machine has used the token: refuse it, and invite the door again.`,
    )
    .action(async (name: string, { group = [], fingerprint, yes = false }: ApproveOptions, command: Command) => {
      const service = await openFleetService(command, context);
      const status = await service.status();
      requireRole(status, 'authority');
      const door = findDoor(status, name, 'waiting');
      requireWaiting(door);
      if (fingerprint !== undefined) requireFingerprint(door, fingerprint);
      else if (!yes) await askToApprove(door, group, context);
      const approved = await service.ask<FleetDoorStatus>('POST', FLEET_PATHS.approve, {
        door: door.id,
        fingerprint: door.fingerprint,
        group,
      });
      const given = approved.allowed ?? status.groups.map(({ groupId }) => groupId);
      const groups = given.length === 0 ? 'no group yet' : given.join(', ');
      context.stderr.write(`${makePrintable(approved.name)} is approved. It gets ${groups}.\n`);
    });

  fleet
    .command('refuse')
    .description('on the authority: turn away a door that waits')
    .argument('<door>', 'name or id of the door, see "lintel fleet status"')
    .action(async (name: string, _options: unknown, command: Command) => {
      const service = await openFleetService(command, context);
      const status = await service.status();
      requireRole(status, 'authority');
      const door = findDoor(status, name, 'waiting');
      requireWaiting(door);
      const refused = await service.ask<FleetDoorStatus>('POST', FLEET_PATHS.refuse, { door: door.id });
      context.stderr.write(`${makePrintable(refused.name)} is refused. Its token does not work again.\n`);
    });
}

async function askToApprove(
  { id, name, fingerprint }: FleetDoorStatus,
  groups: readonly string[],
  context: CliContext,
): Promise<void> {
  context.stderr.write(
    `Door         ${makePrintable(name)} (${id})\n` +
      `Fingerprint  ${fingerprint}\n` +
      `Groups       ${groups.length > 0 ? groups.join(', ') : 'all groups of the fleet'}\n`,
  );
  await confirm(context, 'Does the door show the same fingerprint? Approve it?', '--fingerprint FINGERPRINT or --yes');
}

function requireWaiting({ name, state }: FleetDoorStatus): void {
  if (state === 'waiting') return;
  throw new AppError('FLEET_CONFLICT', `${makePrintable(name)} does not wait for an approval: it is ${state}`);
}

function requireFingerprint(door: FleetDoorStatus, given: string): void {
  if (isSameFingerprint(door.fingerprint, given)) return;
  throw new AppError(
    'FLEET_CONFLICT',
    `${makePrintable(door.name)} was not approved: its fingerprint is ${door.fingerprint}, which is not the one that you gave`,
  );
}

function collect(id: string, before: readonly string[] = []): string[] {
  if (id === '') throw new InvalidArgumentError('It must be the id of a group.');
  return [...before, id];
}
