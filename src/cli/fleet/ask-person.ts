// Questions of a command to the person at the terminal.
import { createInterface } from 'node:readline/promises';
import { AppError } from '../../errors.js';
import type { CliContext } from '../context.js';
import { readLines } from '../read-lines.js';
import { SilentFailure } from '../program.js';

type Terminal = Pick<CliContext, 'stdin' | 'stderr'>;

/** Longest line that is read as a token, in characters. */
const MAX_TOKEN_LENGTH = 16_384;

/**
 * Asks for a yes. Everything but `y` and `yes` is a no.
 * @param instead the option that a script gives in place of an answer, such as `--yes`
 * @throws AppError INVALID_PARAM: standard input is no terminal; SilentFailure: the answer is no
 */
export async function confirm({ stdin, stderr }: Terminal, question: string, instead: string): Promise<void> {
  if (!stdin.isTTY) throw new AppError('INVALID_PARAM', `there is no terminal to ask on: confirm with ${instead}`);
  stderr.write(`${question} [y/N] `);
  const answer = await readAnswer(stdin);
  if (/^y(es)?$/i.test(answer)) return;
  stderr.write('Nothing was changed.\n');
  throw new SilentFailure('the person said no');
}

/** Reads one line, which is not empty. @throws AppError TOKEN_INVALID */
export async function readToken({ stdin, stderr }: Terminal): Promise<string> {
  if (stdin.isTTY) {
    stderr.write('Token of the invitation: ');
    return mustBeToken(await readAnswer(stdin));
  }
  for await (const line of readLines(stdin, MAX_TOKEN_LENGTH)) return mustBeToken(line.trim());
  return mustBeToken('');
}

function mustBeToken(text: string): string {
  if (text !== '') return text;
  throw new AppError(
    'TOKEN_INVALID',
    'no token was given: "lintel fleet invite" on the authority prints one; give it as an argument or on standard input',
  );
}

async function readAnswer(stdin: CliContext['stdin']): Promise<string> {
  const lines = createInterface({ input: stdin });
  try {
    for await (const line of lines) return line.trim();
    return '';
  } finally {
    lines.close();
  }
}
