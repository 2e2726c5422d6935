// A run of fuzzing: starts the process that fuzzes, starts it again behind a number at which it crashed, and keeps what was found.
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PRESENT_FILE, type FuzzNews, type FuzzOrder } from './fuzz-order.js';

export interface FuzzRunOptions extends Omit<FuzzOrder, 'to'> {
  /** Numbers to try. */
  count: number;
  /** Environment of the process that fuzzes. Default: that of this process. */
  env?: NodeJS.ProcessEnv;
  onProgress?: (summary: FuzzSummary) => void;
}

/** What a run has found so far. It is also written to the folder, as `pictures.json` or `addon.json`. */
export interface FuzzSummary {
  what: string;
  seed: number;
  /** First number that was tried, and first one that was not: `--from` of a run that goes on. */
  from: number;
  next: number;
  outcomes: Record<string, number>;
  failures: string[];
}

const CHILD_FILE = fileURLToPath(new URL('./child.ts', import.meta.url));
/** Lines of a crash in the summary; a file beside it holds all of them. */
const SHOWN_LINES = 6;
/** A program with so many findings needs no further ones. */
const MOST_FAILURES = 20;

export async function runFuzz({
  count,
  env = process.env,
  onProgress,
  ...options
}: FuzzRunOptions): Promise<FuzzSummary> {
  const { what, seed, from, folder } = options;
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, PRESENT_FILE), { force: true });
  const summary: FuzzSummary = { what, seed, from, next: from, outcomes: {}, failures: [] };
  const to = from + count;
  while (summary.next < to && summary.failures.length < MOST_FAILURES) {
    const ended = await runChild({ ...options, from: summary.next, to }, env, (news) => {
      summary.next = news.next;
      summary.failures.push(...news.failures);
      for (const [outcome, times] of Object.entries(news.outcomes)) {
        summary.outcomes[outcome] = (summary.outcomes[outcome] ?? 0) + times;
      }
      writeFileSync(join(folder, `${what}.json`), `${JSON.stringify(summary, null, 2)}\n`);
      onProgress?.(summary);
    });
    if (ended === undefined) continue;
    const number = readPresent(folder, summary.next);
    if (number === undefined) throw new Error(`the process that fuzzes does not start: ${ended}`);
    writeFileSync(join(folder, `${what}-${seed}-${number}.txt`), ended);
    summary.failures.push(`seed ${seed}, number ${number}: ${ended.split('\n', SHOWN_LINES).join('\n')}`);
    summary.next = number + 1;
  }
  writeFileSync(join(folder, `${what}.json`), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

/** Returns the number at which the process crashed; undefined where it had begun none. */
function readPresent(folder: string, from: number): number | undefined {
  const file = join(folder, PRESENT_FILE);
  const number = existsSync(file) ? Number(readFileSync(file, 'utf8')) : -1;
  return number >= from ? number : undefined;
}

/** Runs the process to its end. @returns how it crashed; undefined where it did not */
function runChild(
  order: FuzzOrder,
  env: NodeJS.ProcessEnv,
  onNews: (news: FuzzNews) => void,
): Promise<string | undefined> {
  const child = fork(CHILD_FILE, [JSON.stringify(order)], {
    env,
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-20_000)));
  child.on('message', (news: FuzzNews) => onNews(news));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(undefined);
      resolve(`the process ended with ${signal ?? `exit code ${code}`}${errors === '' ? '' : `\n${errors}`}`);
    });
  });
}
