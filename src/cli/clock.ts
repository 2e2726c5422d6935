// `lintel clock accept`: the operator declares that the clock of the device is right.
import type { Command } from 'commander';
import { dataPaths } from '../config/paths.js';
import { AppError } from '../errors.js';
import { askService } from './admin-client.js';
import { loadCommandConfig, type CliContext } from './context.js';

export function registerClock(clock: Command, context: CliContext): void {
  clock
    .command('accept')
    .description('trust the clock as it is now')
    .addHelpText(
      'after',
      `
When the clock goes back behind a time that the service has seen before, the service trusts it no
longer and publishes no match. Set the clock, then run this command while the service is running.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const answer = await askService(dataPaths(config).adminSocket, 'POST', '/clock');
      if (!answer) throw new AppError('SERVICE_UNREACHABLE', 'no service is running on the data directory');
      for await (const piece of answer) void piece;
      context.stderr.write(`The service trusts the clock as it is now: ${new Date(context.clock()).toISOString()}.\n`);
    });
}
