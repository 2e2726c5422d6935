// The program `lintel`: its commands, its help, and what becomes of an error.
import { Command, CommanderError } from 'commander';
import { AppError, describeError } from '../errors.js';
import type { CliContext, RegisterCommand } from './context.js';
import type { Output } from './progress.js';

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Thrown by a command that has said everything itself, to end with exit code 1. */
export class SilentFailure extends Error {
  override readonly name = 'SilentFailure';
}

export function createProgram(context: CliContext, commands: readonly RegisterCommand[]): Command {
  const program = new Command('lintel')
    .description('Face recognition for doors, on the device beside the door.')
    .version(context.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .option('-c, --config <file>', 'the configuration file; without it LINTEL_CONFIG, then the defaults')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'lintel: ')),
      getOutHelpWidth: () => context.stdout.columns ?? 100,
      getErrHelpWidth: () => context.stderr.columns ?? 100,
    })
    .showHelpAfterError('Run with --help to see what can be given.')
    .exitOverride();
  for (const register of commands) register(program, context);
  return program;
}

/** Runs one command line. @param args without the names of node and of the script @returns the exit code */
export async function runProgram(
  args: readonly string[],
  context: CliContext,
  commands: readonly RegisterCommand[],
): Promise<number> {
  try {
    await createProgram(context, commands).parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof SilentFailure)) printError(context.stderr, error);
    return EXIT.failed;
  }
}

/** One sentence, and a line for each thing behind it; a stack only for what nobody foresaw. */
export function printError(output: Output, error: unknown): void {
  if (error instanceof AggregateError) {
    for (const inner of error.errors) printError(output, inner);
    return;
  }
  let said = describeError(error);
  output.write(`lintel: ${said}\n`);
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    const reason = describeError(cause);
    if (said.includes(reason)) continue;
    said += `\n${reason}`;
    output.write(`  because: ${reason}\n`);
  }
  if (error instanceof Error && !isForeseen(error) && error.stack) {
    output.write(`${error.stack.split('\n').slice(1).join('\n')}\n`);
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** AppErrors, and what the system reports: no such file, address in use. */
function isForeseen(error: Error): boolean {
  return error instanceof AppError || 'syscall' in error;
}
