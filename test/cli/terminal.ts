// Runs commands under test: the outputs keep what is written, the environment is empty, the clock stands still.
import { Readable } from 'node:stream';
import type { CliContext, RegisterCommand } from '../../src/cli/context.js';
import type { Output } from '../../src/cli/output.js';
import { runProgram } from '../../src/cli/program.js';

export class Written implements Output {
  text = '';
  isTTY: boolean | undefined;
  columns: number | undefined;

  write(text: string): void {
    this.text += text;
  }
}

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** The commands of a program under test, by their names; several registrations where several files add to one command. */
export type Commands = Readonly<Record<string, RegisterCommand | readonly RegisterCommand[]>>;

/** Runs one command line as `lintel` would. */
export async function lintel(
  args: readonly string[],
  commands: Commands,
  context: Partial<CliContext> = {},
): Promise<Run> {
  const stdout = new Written();
  const stderr = new Written();
  const code = await runProgram(
    args,
    {
      stdin: Readable.from([]),
      stdout,
      stderr,
      cwd: '/',
      environment: {},
      clock: () => Date.UTC(2030, 0, 31, 12),
      version: '1.2.3',
      ...context,
    },
    Object.entries(commands).map(([name, register]) => ({
      name,
      description: `the command ${name}`,
      load: async () => [register].flat(),
    })),
  );
  return { code, stdout: stdout.text, stderr: stderr.text };
}
