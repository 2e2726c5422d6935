// `lintel clock accept`: the operator vouches for the clock of the device.
import type { Command } from 'commander';
import { dataPaths } from '../config/paths.js';
import { AppError } from '../errors.js';
import { askService } from './admin-client.js';
import { commandConfig, type CliContext } from './context.js';

export function registerClock(program: Command, context: CliContext): void {
  program
    .command('clock')
    .description('the clock of the device, on which every expiry rests')
    .command('accept')
    .description(
      'trust the clock as it stands, although the service has seen a later time: for a clock that had been wrong before. ' +
        'The service must run',
    )
    .action(async (_options: unknown, command: Command) => {
      const { config } = await commandConfig(command, context);
      const answer = await askService(dataPaths(config).adminSocket, 'POST', '/clock');
      if (!answer) throw new AppError('SERVICE_UNREACHABLE', 'no service runs on the data directory');
      for await (const piece of answer) void piece;
      context.stderr.write(`The clock is trusted as it stands: ${new Date(context.clock()).toISOString()}.\n`);
    });
}
