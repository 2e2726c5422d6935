// The program `lintel`: its commands, its help, its exit codes, and how it prints an error.
import { Command, CommanderError } from 'commander';
import { AppError, describeError } from '../errors.js';
import type { CliContext, RegisterCommand } from './context.js';
import type { Output } from './output.js';

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Thrown by a command that has printed its own error, to end with exit code 1, or with one of its own. */
export class SilentFailure extends Error {
  override readonly name = 'SilentFailure';
  readonly exitCode: number;

  constructor(message?: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** One command of the program. */
export interface CommandEntry {
  name: string;
  /** One line for the help. */
  description: string;
  /** Loads the code of the command. Only the command that runs is loaded, which keeps the help and short commands fast. */
  load: () => Promise<readonly RegisterCommand[]>;
}

export function createProgram(context: CliContext, entries: readonly CommandEntry[]): Command {
  const program = new Command('lintel')
    .description('Face recognition for doors, on the device beside the door.')
    .version(context.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .option('-c, --config <file>', 'configuration file (default: the file in LINTEL_CONFIG, or no file)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'lintel: ')),
      getOutHelpWidth: () => context.stdout.columns ?? 100,
      getErrHelpWidth: () => context.stderr.columns ?? 100,
    })
    .showHelpAfterError('Run it with --help to see its arguments and options.')
    .exitOverride();
  for (const { name, description } of entries) program.command(name).description(description);
  return program;
}

/** Runs one command line. @param args without the names of node and of the script @returns the exit code */
export async function runProgram(
  args: readonly string[],
  context: CliContext,
  entries: readonly CommandEntry[],
): Promise<number> {
  const program = createProgram(context, entries);
  return reportErrors(context, async () => {
    const [first, second] = program.parseOptions([...args]).operands;
    const name = first === 'help' ? second : first;
    await loadCommands(
      program,
      entries.filter((entry) => entry.name === name),
      context,
    );
    await program.parseAsync(args, { from: 'user' });
  });
}

/** Runs a program and prints its error. @returns the exit code */
export async function reportErrors(context: CliContext, run: () => Promise<void>): Promise<number> {
  try {
    await run();
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof SilentFailure) return error.exitCode;
    printError(context.stderr, error);
    return EXIT.failed;
  }
}

/** Loads the code of these commands, and lets it add their arguments, options, subcommands and actions to the program. */
export async function loadCommands(
  program: Command,
  entries: readonly CommandEntry[],
  context: CliContext,
): Promise<void> {
  for (const { name, load } of entries) {
    const command = program.commands.find((one) => one.name() === name);
    if (!command) throw new TypeError(`the program has no command ${name}`);
    for (const register of await load()) register(command, context);
  }
}

/** Prints one line for the error and one for each of its causes; the stack as well where the error was not foreseen. */
export function printError(output: Output, error: unknown): void {
  if (error instanceof AggregateError) {
    for (const inner of error.errors) printError(output, inner);
    return;
  }
  let printed = describeError(error);
  output.write(`lintel: ${printed}\n`);
  for (let cause = getCause(error); cause !== undefined; cause = getCause(cause)) {
    const reason = describeError(cause);
    if (printed.includes(reason)) continue;
    printed += `\n${reason}`;
    output.write(`  because: ${reason}\n`);
  }
  if (error instanceof Error && !isForeseen(error) && error.stack) {
    output.write(`${error.stack.split('\n').slice(1).join('\n')}\n`);
  }
}

function getCause(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** @returns true for an AppError and for an error of the system, such as "no such file" or "address in use" */
function isForeseen(error: Error): boolean {
  return error instanceof AppError || 'syscall' in error;
}
