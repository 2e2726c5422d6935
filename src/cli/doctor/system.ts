// The doctor's access to the system: programs with a time limit, and files that may be missing.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const COMMAND_TIMEOUT_MS = 3_000;

/** Runs a program of the system. @returns its standard output; undefined where it is missing or fails */
export type RunCommand = (program: string, args: readonly string[]) => Promise<string | undefined>;

export const runCommand: RunCommand = async (program, args) => {
  try {
    const options = { timeout: COMMAND_TIMEOUT_MS, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } };
    return (await promisify(execFile)(program, [...args], options)).stdout;
  } catch {
    return undefined;
  }
};

/** @returns the text of the file; empty where it cannot be read */
export async function readTextOrNothing(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
