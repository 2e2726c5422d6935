// The command `lintel gallery`, which several files add to.
import type { Command } from 'commander';

/** The command, made where it is not there yet. */
export function galleryCommand(program: Command): Command {
  return (
    program.commands.find((command) => command.name() === 'gallery') ??
    program.command('gallery').description('the enrolled faces: enrol many, list the groups, back up, restore, verify')
  );
}
