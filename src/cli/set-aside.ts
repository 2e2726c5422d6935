// `lintel events refused` and `lintel events resend`: what the broker did not take, and sending it again.
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { dataPaths } from '../config/paths.js';
import { AppError } from '../errors.js';
import {
  FORGET_PATH,
  parseSetAsideAnswer,
  RESEND_PATH,
  SET_ASIDE_PATH,
  type SetAsideAnswer,
} from '../events/set-aside-requests.js';
import type { SetAsideEntry } from '../events/set-aside.js';
import { askService } from './admin-client.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { SilentFailure } from './program.js';

/** @param events the command `lintel events` */
export function registerSetAside(events: Command, context: CliContext): void {
  events
    .command('refused')
    .description('list the events that the broker did not take, or only without their snapshots')
    .option('--forget', 'empty the list: the events stay on the device, and are not sent again')
    .addHelpText(
      'after',
      `
An event that the broker does not take is set aside, and the history goes on without it. Each line
has its number, what was left out, its size, and the reason. The device API still has the event.`,
    )
    .action(async ({ forget = false }: { forget?: boolean }, command: Command) => {
      const path = forget ? FORGET_PATH : SET_ASIDE_PATH;
      const { entries, count = 0 } = await ask(command, context, forget ? 'POST' : 'GET', path);
      for (const entry of entries) context.stdout.write(`${describeEntry(entry)}\n`);
      context.stderr.write(forget ? `${count} forgotten.\n` : `${entries.length} set aside.\n`);
    });

  events
    .command('resend')
    .description('send the events again that the broker did not take')
    .addHelpText(
      'after',
      `
Use it after you have raised the limit of the broker, or given Lintel the right to publish. The
events go to the history topic only, each marked "again". Where the broker announces a limit, Lintel
also does this by itself when it connects and the limit has been raised. The exit code is 1 while
something is left.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { entries, count } = await ask(command, context, 'POST', RESEND_PATH);
      if (count === undefined) throw new AppError('BROKER_FAILED', 'the service is not connected to its broker');
      for (const entry of entries) context.stdout.write(`${describeEntry(entry)}\n`);
      context.stderr.write(`${count} sent, ${entries.length} still set aside.\n`);
      if (entries.length > 0) throw new SilentFailure();
    });
}

/** @throws AppError SERVICE_UNREACHABLE, and the codes of the service */
async function ask(
  command: Command,
  context: CliContext,
  method: 'GET' | 'POST',
  path: string,
): Promise<SetAsideAnswer> {
  const { config } = await loadCommandConfig(command, context);
  const answer = await askService(dataPaths(config).adminSocket, method, path);
  if (!answer) throw new AppError('SERVICE_UNREACHABLE', 'no service is running on the data directory');
  return parseSetAsideAnswer(await text(Readable.from(answer)));
}

function describeEntry({ sequence, what, topic, bytes, detail, atMs }: SetAsideEntry): string {
  const time = new Date(atMs).toISOString();
  return `${sequence}: ${what}, ${bytes} bytes for ${topic}, set aside ${time}: ${detail}`;
}
