// The age tool, for tests of what it can open and what it makes.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Why the tests with the tool cannot run here, or undefined when they can. */
export const missingAge: string | undefined = await exec('age', ['--version']).then(
  () => undefined,
  () => 'the tool "age" is not installed',
);

/** Makes a key pair. @returns its public key; the private key is in the file */
export async function generateKey(identityFile: string): Promise<string> {
  await exec('age-keygen', ['-o', identityFile]);
  return /public key: (age1\w+)/.exec(await readFile(identityFile, 'utf8'))?.[1] ?? '';
}

/** Runs age with these arguments. @throws when it fails, with what it printed on its standard error */
export async function age(...args: string[]): Promise<void> {
  await exec('age', args);
}

/** Runs age in a terminal of its own, which it asks for the passphrase, and types that in as often as it is asked. */
export function ageWithPassphrase(passphrase: string, ...args: string[]): Promise<void> {
  // "script" of util-linux makes the terminal and ends as the tool does.
  const command = ['age', ...args].map((word) => `'${word}'`).join(' ');
  return new Promise((resolve, reject) => {
    const child = execFile('script', ['-qec', command, '/dev/null'], (error, output) => {
      if (error) reject(new Error(output));
      else resolve();
    });
    let asked = 0;
    child.stdout?.on('data', (text: string) => {
      const questions = text.match(/passphrase[^:\n]*: /g)?.length ?? 0;
      asked += questions;
      child.stdin?.write(`${passphrase}\n`.repeat(questions));
      if (asked > 2) child.kill();
    });
  });
}
