// What the tests of the store and the gallery share: temporary folders, stores to open, processes, and raw LevelDB.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { expect, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import type { ErrorCode } from '../../src/errors.js';
import { SealedStore, type SealedStoreOptions } from '../../src/store/sealed-store.js';
import { masterKey } from './values.js';

export const forever = new AbortController().signal;

/** Removed when the test has finished. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'lintel-store-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Started, and stopped when the test has finished. */
export async function openStore(directory: string, options: Partial<SealedStoreOptions> = {}): Promise<SealedStore> {
  const store = new SealedStore({ directory, masterKey, log: silentLog, ...options });
  onTestFinished(() => store.stop());
  await store.start(forever);
  return store;
}

/** The database below the store; only while no store has it open. */
export async function withRaw<T>(
  directory: string,
  work: (level: ClassicLevel<Buffer, Buffer>) => Promise<T>,
): Promise<T> {
  const level = new ClassicLevel<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await level.open();
  try {
    return await work(level);
  } finally {
    await level.close();
  }
}

/** Everything that lies in the directory's files, by name. A file that is removed meanwhile is left out. */
export async function readContents(directory: string): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  for (const name of await readdir(directory)) {
    const content = await readFile(join(directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (content) contents.set(name, content);
  }
  return contents;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Yields the bytes in pieces of this size. */
export async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export interface Child {
  /** Lines of its standard output so far. */
  readonly lines: string[];
  /** Resolves when a line fits; rejects when the process ends before. */
  line(fits: (line: string) => boolean): Promise<string>;
  kill(): void;
  /** Resolves when it has ended and all of its output was read. */
  readonly ended: Promise<number | null>;
}

/** Runs a TypeScript file in a process of its own; killed when the test has finished. */
export function startChild(path: string, ...args: string[]): Child {
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  let onChange: () => void = () => undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    onChange();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  return {
    lines,
    ended,
    kill: () => void child.kill('SIGKILL'),
    line: (fits) =>
      new Promise((resolve, reject) => {
        onChange = () => {
          const line = lines.find(fits);
          if (line !== undefined) resolve(line);
        };
        onChange();
        void ended.then((code) => reject(new Error(`the child ended (${code}) after: ${lines.join('; ')}`)));
      }),
  };
}

/** Matches an AppError of this code. */
export function withCode(code: ErrorCode): Error {
  return expect.objectContaining({ name: 'AppError', code }) as Error;
}
