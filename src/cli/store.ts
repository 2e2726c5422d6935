// `lintel store accept`: the operator accepts a data directory that was altered, or that is an older copy of itself.
import type { Command } from 'commander';
import { dataPaths } from '../config/paths.js';
import { AppError } from '../errors.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { withOwnStore } from './own-store.js';
import { SilentFailure } from './program.js';

export function registerStore(store: Command, context: CliContext): void {
  store
    .command('accept')
    .description('accept the data directory as it is, after records were altered or an older copy was put back')
    .option('--yes', 'accept it; without this option the command only lists what does not add up')
    .addHelpText(
      'after',
      `
Lintel refuses data that somebody has altered behind its back: records that were removed, added or
put back, and a data directory that is an older copy of itself. Run "lintel doctor" to see what
changed, and restore a backup where you can. Accept the data only when you know why they changed,
such as after you have put back a copy of the disk yourself. The audit log records it. Stop the
service first.

A database from before the upgrade to this version loses its keys when it is accepted: the next
start makes new ones.`,
    )
    .action(async ({ yes = false }: { yes?: boolean }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const problems = await withOwnStore(
        config,
        context,
        async (opened) => {
          const altered = yes ? [] : await opened.findAltered();
          return [...opened.problems, ...altered.map(({ label, id, problem }) => `"${label}" (${id}): ${problem}`)];
        },
        { onAltered: yes ? 'accept' : 'report' },
      ).catch((error: unknown) => {
        if (!(error instanceof AppError && error.code === 'STORE_LOCKED')) throw error;
        throw new AppError('STORE_LOCKED', 'the service is running: stop it first', { cause: error });
      });
      for (const problem of problems) context.stderr.write(`lintel: ${problem}\n`);
      const { databaseDir } = dataPaths(config);
      if (problems.length === 0) {
        context.stderr.write(`Everything adds up in ${databaseDir}. There is nothing to accept.\n`);
      } else if (yes) {
        context.stderr.write(`The data in ${databaseDir} are accepted as they are. The audit log records it.\n`);
      } else {
        context.stderr.write('Nothing was changed. Run it with --yes to accept the data as they are.\n');
        throw new SilentFailure();
      }
    });
}
