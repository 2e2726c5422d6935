// A context for commands under test: outputs that remember, an environment that is empty, a clock that stands.
import type { CliContext, RegisterCommand } from '../../src/cli/context.js';
import type { Output } from '../../src/cli/progress.js';
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

/** Runs one command line as `lintel` would. */
export async function lintel(
  args: readonly string[],
  commands: readonly RegisterCommand[],
  context: Partial<CliContext> = {},
): Promise<Run> {
  const stdout = new Written();
  const stderr = new Written();
  const code = await runProgram(
    args,
    {
      stdout,
      stderr,
      cwd: '/',
      environment: {},
      clock: () => Date.UTC(2030, 0, 31, 12),
      version: '1.2.3',
      ...context,
    },
    commands,
  );
  return { code, stdout: stdout.text, stderr: stderr.text };
}
