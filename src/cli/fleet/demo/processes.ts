// The processes of the demonstration of a fleet: started, followed and ended by their ids.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../../errors.js';

/** Time for a process to end in order, before it is killed. */
const STOP_MS = 15_000;
/** Longest wait for one step of the demonstration. The slowest is the first start of a service on a small board. */
const STEP_MS = 120_000;
const POLL_MS = 150;
/** Characters of the output of a process that are kept, for the message about its end. */
const MAX_OUTPUT = 20_000;

/** Entry of the command line, of which the demonstration runs the real commands. */
const LINTEL = fileURLToPath(new URL('../../main.js', import.meta.url));

/** Arguments of Node.js that run `lintel` with these arguments, as scripts/start does. */
export function makeLintelArguments(args: readonly string[]): string[] {
  return ['--max-semi-space-size=4', LINTEL, ...args];
}

/** A child process whose output is kept. */
export class DemoProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #output = '';
  #code: number | null | undefined;

  /** @param name for messages @param input text for its standard input */
  constructor(name: string, program: string, args: readonly string[], input?: string) {
    this.#name = name;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (piece: Buffer) => (this.#output = (this.#output + piece.toString()).slice(-MAX_OUTPUT)));
    }
    // The process may end before it has read its input.
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdin?.end(input);
    this.#exited = new Promise((resolve) => {
      // `close` comes after the last output; `error` alone where the program cannot be started.
      this.#child.once('close', (code) => resolve((this.#code = code)));
      this.#child.once('error', (error) => {
        this.#output += error.message;
        resolve((this.#code = null));
      });
    });
  }

  /** Both outputs together, as far as they have come. */
  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.#code !== undefined;
  }

  /** @returns the exit code; null where a signal ended it */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** Waits for a match in the output. @throws AppError WORKER_FAILED: it ended before; STOPPED */
  async waitFor(pattern: RegExp, signal: AbortSignal): Promise<RegExpExecArray> {
    const found = await waitUntil(
      `${this.#name} to be ready`,
      () => {
        const match = pattern.exec(this.#output);
        if (!match && this.hasEnded) throw this.describeEnd();
        return match ?? undefined;
      },
      signal,
    );
    return found;
  }

  describeEnd(): AppError {
    return new AppError('WORKER_FAILED', `${this.#name} ended: ${this.#output.trim()}`);
  }

  /** Ends it: in order, or by force where it does not end in time. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** Runs a command of `lintel` to its end. @returns both outputs @throws AppError INTERNAL: its exit code is not 0 */
export async function runLintel(
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(process.execPath, makeLintelArguments(args), { stdio: ['ignore', 'pipe', 'pipe'], signal });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (piece: Buffer) => (texts.stdout += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (texts.stderr += piece.toString()));
  const [code] = (await once(child, 'close').catch((error: unknown) => {
    throw signal.aborted ? makeStopped() : error;
  })) as [number | null];
  if (code === 0) return texts;
  throw new AppError('INTERNAL', `lintel ${args.join(' ')} failed: ${texts.stderr.trim() || texts.stdout.trim()}`);
}

/**
 * Asks again and again until there is an answer.
 * @param what is awaited, for the message
 * @throws AppError SERVICE_UNREACHABLE: it takes too long; STOPPED; the errors of `ask`
 */
export async function waitUntil<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T> {
  const endMs = performance.now() + STEP_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > endMs) {
      throw new AppError('SERVICE_UNREACHABLE', `the demonstration waited ${STEP_MS / 1_000} s for ${what}`);
    }
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw makeStopped();
  }
}

function makeStopped(): AppError {
  return new AppError('STOPPED', 'the demonstration was stopped');
}
