// The output of the log under back-pressure: a reader that stops and goes on sees whole lines, and learns how many it missed.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempDir } from '../support/temp-dir.js';

/** Writes numbered lines on demand, and reports on standard error how many lines were dropped so far. */
const WRITER = `
  import { createInterface } from 'node:readline';
  import { createLog, forJournal } from './src/platform/log.ts';
  import { LogOutput } from './src/platform/log-output.ts';
  const output = new LogOutput(process.stdout.fd);
  const log = createLog('info', process.argv.includes('journal') ? forJournal(output) : output);
  let n = 0;
  for await (const command of createInterface({ input: process.stdin })) {
    const [count, padding] = command.split(' ').map(Number);
    for (let i = 0; i < count; i++) log.info({ n: n++, padding: 'ä'.repeat(padding) }, 'numbered');
    process.stderr.write(output.dropped + '\\n');
  }
  // Stays, with its timers, until it is asked to end.
`;

interface Writer {
  child: ChildProcess;
  /** Has the process write lines. @returns the number of lines that were dropped so far */
  write(this: void, count: number, padding: number): Promise<number>;
}

function startWriter(stdout: number | 'pipe', args: string[] = []): Writer {
  const node = ['--import', 'tsx', '--input-type=module', '-e', WRITER, '--', ...args];
  const child = spawn(process.execPath, node, { stdio: ['pipe', stdout, 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const { stdin, stderr } = child;
  if (!stdin || !stderr) throw new TypeError('the writer has no pipes');
  const reports: Interface = createInterface({ input: stderr });
  return {
    child,
    async write(count, padding) {
      stdin.write(`${count} ${padding}\n`);
      const [report] = (await once(reports, 'line')) as [string];
      return Number(report);
    },
  };
}

/** A FIFO whose reader reads only when it is asked to. */
class ManualPipe {
  readonly #path = join(tempDir(), 'log');
  readonly #reader: number;
  readonly writer: number;
  text = '';
  readonly #bytes: Buffer[] = [];

  constructor() {
    expect(spawnSync('mkfifo', [this.#path]).status).toBe(0);
    this.#reader = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writer = openSync(this.#path, constants.O_WRONLY);
    onTestFinished(() => {
      closeSync(this.#reader);
      closeSync(this.writer);
    });
  }

  /** Reads what is there now. @param limit bytes at most */
  read(limit = Infinity): void {
    const chunk = Buffer.alloc(4_096);
    for (let left = limit; left > 0;) {
      let count: number;
      try {
        count = readSync(this.#reader, chunk, 0, Math.min(left, chunk.length), null);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') break;
        throw error;
      }
      if (count === 0) break;
      this.#bytes.push(Buffer.from(chunk.subarray(0, count)));
      left -= count;
    }
    this.text = Buffer.concat(this.#bytes).toString();
  }
}

interface Entry {
  msg: string;
  n?: number;
  droppedLines?: number;
}

/** Parses every line. @throws SyntaxError for a line that is torn */
function parseLines(text: string): Entry[] {
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line.replace(/^<\d>/, '')) as Entry);
}

function sumDropped(entries: readonly Entry[]): number {
  return entries.reduce((sum, { droppedLines = 0 }) => sum + droppedLines, 0);
}

/** The numbered lines are in order, and each gap is declared where it is, with its size. */
function expectDeclaredGaps(entries: readonly Entry[]): void {
  let next = 0;
  for (const { n, droppedLines } of entries) {
    if (droppedLines !== undefined) next += droppedLines;
    if (n !== undefined) expect(n).toBe(next++);
  }
}

// Lines longer than 4096 bytes are written to a pipe in parts; shorter ones are not.
const lengths = [
  ['short', 40],
  ['long', 5_000],
] as const;

describe.each(lengths)('a pipe whose reader stops and goes on, with %s lines', (_, padding) => {
  const perMegabyte = Math.ceil(1_000_000 / (2 * padding + 100));

  it('sees whole lines, and a line that says how many are missing', async () => {
    const pipe = new ManualPipe();
    const { write } = startWriter(pipe.writer);
    const dropped = await write(perMegabyte, padding);
    expect(dropped).toBeGreaterThan(0);
    await expect
      .poll(() => {
        pipe.read();
        return pipe.text;
      })
      .toContain('log lines were dropped');
    expect(await write(3, padding)).toBe(dropped);
    const last = `"n":${perMegabyte + 2},`;
    await expect
      .poll(() => {
        pipe.read();
        return pipe.text.includes(last) && pipe.text.endsWith('\n');
      })
      .toBe(true);
    const entries = parseLines(pipe.text);
    expect(entries.filter(({ msg }) => msg === 'numbered')).toHaveLength(perMegabyte + 3 - dropped);
    expect(sumDropped(entries)).toBe(dropped);
    expectDeclaredGaps(entries);
  });

  it('loses nothing when the reader is back before 256 KiB wait', async () => {
    const pipe = new ManualPipe();
    const { write } = startWriter(pipe.writer);
    const count = Math.ceil(perMegabyte / 5);
    expect(await write(count, padding)).toBe(0);
    // A few bytes at a time, so that writes are cut within lines.
    await expect
      .poll(() => {
        pipe.read(50_001);
        return pipe.text.includes(`"n":${count - 1},`) && pipe.text.endsWith('\n');
      })
      .toBe(true);
    const entries = parseLines(pipe.text);
    expect(entries).toHaveLength(count);
    expectDeclaredGaps(entries);
  });
});

it('a socket, as systemd connects one, whose reader stops and goes on sees whole lines as well', async () => {
  const { child, write } = startWriter('pipe', ['journal']);
  const stdout = child.stdout as Socket;
  const dropped = await write(20_000, 40);
  expect(dropped).toBeGreaterThan(0);
  let text = '';
  stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await expect.poll(() => text).toContain('log lines were dropped');
  await write(1, 40);
  await expect.poll(() => text.includes('"n":20000,') && text.endsWith('\n')).toBe(true);
  const entries = parseLines(text);
  expect(sumDropped(entries)).toBe(dropped);
  expectDeclaredGaps(entries);
});

it('counts the lines that nobody reads any more, and goes on', async () => {
  const { child, write } = startWriter('pipe');
  child.stdout?.destroy();
  await expect.poll(() => write(100, 40)).toBeGreaterThan(0);
  child.stdin?.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});
