// A peer, or Lintel, in a process of its own that answers requests: one line of JSON each way.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Command } from './peers.js';

/** Answer to a request, with the time that the work took inside the process. */
export interface Answer<T> {
  result: T;
  ms: number;
  /** Processor time of all threads of the process. */
  cpuMs: number;
}

/** A face that a peer found. */
export interface PeerFace {
  box: number[];
  embedding?: number[];
}

interface Line {
  ready?: true;
  error?: string;
}

const START_LIMIT_MS = 120_000;

export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #complaints = '';

  private constructor({ file, args, environment }: Command) {
    const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', ...environment };
    this.#child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#complaints = (this.#complaints + chunk.toString()).slice(-4000);
    });
    // A process that cannot be started, or that ends, closes its output: the next read then fails with the reason.
    this.#child.on('error', (error) => {
      this.#complaints += error.message;
    });
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts a process and waits until it has loaded what it needs. @throws Error with the last lines that it printed */
  static async start(command: Command): Promise<PeerProcess> {
    const peer = new PeerProcess(command);
    const timer = setTimeout(() => peer.stop(), START_LIMIT_MS);
    try {
      await peer.#read();
      return peer;
    } catch (error) {
      peer.stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws Error where the peer could not do it */
  async ask<T>(request: object): Promise<Answer<T>> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return (await this.#read()) as unknown as Answer<T>;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  async #read(): Promise<Line> {
    const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    if (done) throw new Error(pickReason(this.#complaints));
    const line = JSON.parse(value) as Line;
    if (line.error !== undefined) throw new Error(pickReason(line.error));
    return line;
  }
}

/** Returns the line that names the error, from what a process printed. */
export function pickReason(printed: string): string {
  const lines = printed.split('\n').filter((line) => line.trim() !== '');
  const named = lines.findLast((line) => /error|cannot|not found/i.test(line) && !/^\s*at /.test(line));
  return (named ?? lines.at(-1) ?? 'it ended without a word').trim().slice(0, 200);
}
