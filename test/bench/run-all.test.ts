// All benches in one run: processes of their own, one table, one file; a bench that fails does not end the others.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { result, type Result } from '../../bench/support/report.js';
import { runAll, type BenchRun } from '../../bench/support/run-all.js';

let folder: string;
let printed: string[];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'lintel-')), 'results');
  mkdirSync(folder);
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(join(folder, '..'), { recursive: true });
});

/** Makes the command of a bench that writes these results, or ends with an error. */
function makeCommand(name: string, results: readonly object[] | 'fails'): [string, ...string[]] {
  const write = 'require("node:fs").writeFileSync(process.argv[1], process.argv[2]); process.exitCode = 1';
  if (results === 'fails') return [process.execPath, '-e', 'process.exit(3)'];
  return [process.execPath, '-e', write, join(folder, `${name}.json`), JSON.stringify(results)];
}

async function run(benches: Record<string, readonly object[] | 'fails'>): Promise<boolean> {
  return runAll({
    names: Object.keys(benches),
    getCommand: (name) => makeCommand(name, benches[name]!),
    resultsDir: folder,
  });
}

function readAll(): { holds: boolean; machine: object; runs: BenchRun[] } {
  return JSON.parse(readFileSync(join(folder, 'all.json'), 'utf8')) as ReturnType<typeof readAll>;
}

const kept = result('ratio', 1, 'ratio', ['<=', 1]);
const broken = result('ratio', 2, 'ratio', ['<=', 1]);
const free = result('time.ms', 7, 'ms');

it.each<[string, Record<string, readonly Result[] | 'fails'>, boolean]>([
  ['all bounds hold', { one: [kept, free], two: [kept] }, true],
  ['one is broken', { one: [broken], two: [kept] }, false],
  ['one bench failed', { one: 'fails', two: [kept] }, false],
])('%s', async (_, benches, holds) => {
  expect(await run(benches)).toBe(holds);
  expect(readAll()).toMatchObject({ holds, machine: { node: process.version } });
  expect(readAll().runs.map(({ name }) => name)).toEqual(['one', 'two']);
});

it('a bench that fails is named, the others run, and its older results do not count', async () => {
  writeFileSync(join(folder, 'one.json'), JSON.stringify([kept]));
  await run({ one: 'fails', two: [kept, free] });
  expect(readAll().runs).toMatchObject([
    { name: 'one', state: 'failed', exitCode: 3, results: [] },
    { name: 'two', state: 'ran', exitCode: 1, results: [kept, free] },
  ]);
  expect(printed.join('\n')).toContain('one FAILED: it ended without results (3)');
});

it('a program that cannot be started is a failure', async () => {
  const getCommand = (): [string] => [join(folder, 'no-such-program')];
  expect(await runAll({ names: ['one'], getCommand, resultsDir: folder })).toBe(false);
  expect(readAll().runs).toMatchObject([{ name: 'one', state: 'failed', exitCode: null }]);
});

it('the table has the bounds of all benches, and no other figures', async () => {
  await run({ one: [kept, free], two: [broken] });
  const table = printed.slice(printed.indexOf('\n== all bounds') + 1, -1);
  expect(table.map((line) => line.split(/ {2,}/))).toEqual([
    ['id', 'value', 'interval', 'unit', 'bound', 'holds'],
    ['one: ratio', '1.000', 'ratio', '<= 1', 'yes'],
    ['two: ratio', '2.000', 'ratio', '<= 1', 'NO'],
  ]);
});

it('a kind of stream is a bound of its own', async () => {
  const streams = [
    { kind: 'size-shrinks', missed: [] },
    { kind: 'frozen', missed: ['noticed late'] },
  ];
  expect(await run({ streams })).toBe(false);
  expect(readAll().runs[0]!.results).toMatchObject([
    { id: 'size-shrinks', value: 0, bound: '<= 0', holds: true },
    { id: 'frozen', value: 1, unit: 'noticed late', bound: '<= 0', holds: false },
  ]);
});
