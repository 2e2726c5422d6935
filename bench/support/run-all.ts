// Runs benches one after the other, each in a process of its own, and sums them up in one table and one file.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { printResults, RESULTS_DIR, writeResults, type Result } from './report.js';
import type { StreamResult } from './streams/judge.js';

/** How one bench ended. */
export interface BenchRun {
  name: string;
  /** `failed`: it ended without results. */
  state: 'ran' | 'failed';
  exitCode: number | null;
  seconds: number;
  results: Result[];
}

export interface AllOptions {
  /** Names of the benches, in their order. */
  names: readonly string[];
  /** Returns the command of a bench: a program and its arguments. It writes NAME.json into the folder of results. */
  getCommand: (name: string) => readonly [program: string, ...args: string[]];
  /** Folder of the results. Default: bench/results. */
  resultsDir?: string;
}

/**
 * Runs the benches. A bench that ends without results counts as failed, and the next one runs.
 * @returns whether all benches ran and every bound holds
 */
export async function runAll({ names, getCommand, resultsDir = RESULTS_DIR }: AllOptions): Promise<boolean> {
  const runs: BenchRun[] = [];
  for (const [index, name] of names.entries()) {
    console.log(`\n== ${name} (${index + 1} of ${names.length})`);
    runs.push(await runOne(name, getCommand(name), resultsDir));
  }
  const bounded = runs.flatMap(({ name, results }) =>
    results.filter(({ bound }) => bound !== '').map((one) => ({ ...one, id: `${name}: ${one.id}` })),
  );
  console.log('\n== all bounds');
  printResults(bounded);
  const failed = runs.filter(({ state }) => state === 'failed');
  for (const { name, exitCode } of failed) console.log(`\n${name} FAILED: it ended without results (${exitCode})`);
  const holds = failed.length === 0 && bounded.every((one) => one.holds);
  const machine = {
    processor: cpus()[0]?.model ?? '',
    cores: availableParallelism(),
    architecture: process.arch,
    node: process.version,
  };
  writeResults('all', { finishedAt: new Date().toISOString(), machine, holds, runs }, { folder: resultsDir });
  return holds;
}

async function runOne(name: string, command: readonly [string, ...string[]], resultsDir: string): Promise<BenchRun> {
  const file = join(resultsDir, `${name}.json`);
  // What an earlier run left must not pass as the result of this one.
  rmSync(file, { force: true });
  const start = performance.now();
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit' });
  const exitCode = await new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
    child.once('error', (error) => {
      console.error(error.message);
      resolve(null);
    });
  });
  const seconds = Math.round((performance.now() - start) / 1_000);
  const results = readResults(file);
  return { name, state: results ? 'ran' : 'failed', exitCode, seconds, results: results ?? [] };
}

/** Reads the results of a bench; undefined where it wrote none. */
function readResults(file: string): Result[] | undefined {
  if (!existsSync(file)) return undefined;
  const read = JSON.parse(readFileSync(file, 'utf8')) as (Result | StreamResult)[];
  return read.map((one) => ('kind' in one ? describeStream(one) : one));
}

/** Describes a kind of stream as a figure with a bound. */
function describeStream({ kind, missed }: StreamResult): Result {
  const unit = missed.length === 0 ? 'expectations missed' : missed.join('; ');
  return { id: kind, value: missed.length, unit, bound: '<= 0', holds: missed.length === 0 };
}
