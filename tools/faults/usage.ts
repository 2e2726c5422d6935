// Reads the memory, threads and open files of this process.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MOST_GROWTH_MB = 16;

export interface Usage {
  rssMb: number;
  threads: number;
  files: number;
}

/** Collects garbage, then measures. */
export async function measureUsage(): Promise<Usage> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    collect();
    await sleep(50);
  }
  return {
    rssMb: Math.round(process.memoryUsage.rss() / 1e6),
    threads: readdirSync('/proc/self/task').length,
    files: readdirSync('/proc/self/fd').length,
  };
}

/** Lists what grew between two measurements in the same state, one phrase for each. */
export function listGrowth(early: Usage, late: Usage): string[] {
  const found: string[] = [];
  const report = (what: string, from: number, to: number): void =>
    void found.push(`${what} grew from ${from} to ${to}`);
  if (late.rssMb - early.rssMb > MOST_GROWTH_MB) report('memory in MB', early.rssMb, late.rssMb);
  if (late.threads > early.threads) report('threads', early.threads, late.threads);
  if (late.files > early.files) report('open files', early.files, late.files);
  return found;
}
