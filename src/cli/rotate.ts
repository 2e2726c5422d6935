// `lintel keys rotate`: a new master key, under a running service or without one.
import type { Command } from 'commander';
import { dataPaths } from '../config/paths.js';
import { askService } from './admin-client.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { withOwnStore } from './own-store.js';

/** @param keys the command `lintel keys` */
export function registerRotate(keys: Command, context: CliContext): void {
  keys
    .command('rotate')
    .description(
      'make a new master key and seal the database under it, while the service runs or without it. The old key then opens ' +
        'only old copies of the database',
    )
    .action(async (_options: unknown, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const answer = await askService(dataPaths(config).adminSocket, 'POST', '/master-key');
      if (answer) for await (const piece of answer) void piece;
      else await withOwnStore(config, context, (_store, { masterKey }) => masterKey.rotate());
      context.stderr.write(`There is a new master key in ${config.keysDir}. Keep a copy of it in a safe place.\n`);
    });
}
