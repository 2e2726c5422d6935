// Runs one bench of this folder, or all of them: npm run bench -- NAME [OPTION...].
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { report, type Result } from './support/report.js';
import { runAll } from './support/run-all.js';

interface BenchOptions {
  short: boolean;
  soak: boolean;
  set: string | undefined;
  only: string[] | undefined;
  list: boolean | undefined;
  json: boolean | undefined;
  against: string | undefined;
}

interface Bench {
  /** Returns the results; nothing where the bench reports them itself. */
  run: (options: BenchOptions) => Promise<Result[] | void>;
}

const benches: Record<string, () => Promise<Bench>> = {
  slice: () => import('./slice.js'),
  memory: () => import('./memory.js'),
  gallery: () => import('./gallery.js'),
  load: () => import('./load.js'),
  accuracy: () => import('./accuracy.js'),
  door: () => import('./door.js'),
  flood: () => import('./flood.js'),
  liveness: () => import('./liveness.js'),
  trust: () => import('./trust.js'),
  fairness: () => import('./fairness.js'),
  persons: () => import('./persons.js'),
  angles: () => import('./angles.js'),
  streams: () => import('./streams.js'),
  console: () => import('./console.js'),
  fleet: () => import('./fleet.js'),
  forms: () => import('./forms.js'),
  cores: () => import('./cores.js'),
  start: () => import('./start.js'),
  installed: () => import('./installed.js'),
  peers: () => import('./peers.js'),
};
const OPTIONS = {
  short: { type: 'boolean' },
  soak: { type: 'boolean' },
  set: { type: 'string' },
  only: { type: 'string', multiple: true },
  list: { type: 'boolean' },
  json: { type: 'boolean' },
  against: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Benches that have figures and no bounds: "all" leaves them out. */
const WITHOUT_BOUNDS = ['liveness'];

const USAGE = `usage: npm run bench -- NAME [OPTION...]
benches: ${Object.keys(benches).join(', ')}

  --short          measures the same figures in less time
  --soak           runs the part of a bench that takes minutes (door, load, memory)
  --set SET        measures one model set (trust, fairness, persons, angles)
  --against PATH   compares frames per second of processor time (door), or the starts (start), with another built checkout

"all" runs every bench that has bounds, each in a process of its own, and ends with one table of all bounds. It takes
--short, --against (for door and start), and:
  --only BENCH     runs one bench; can be given several times

The bench "streams" also takes:
  --list           names the kinds of stream; those of --short have a star
  --only KIND      runs one kind, or compares one size (720p, 1080p, 4K); can be given several times
  --json           prints the results as JSON
  --against PATH   compares the processor time of reading with that of another built checkout
  -h, --help       prints this text

The exit code is 1 where a bound is broken, or where a bench failed.`;

const [name, ...rest] = process.argv.slice(2);
const flags = readFlags(rest);
if (name === '--help' || name === '-h' || flags?.help) {
  console.log(USAGE);
} else if (name === undefined || !(name === 'all' || name in benches) || !flags) {
  console.error(USAGE);
  process.exitCode = 2;
} else if (name === 'all') {
  await measureAll(flags);
} else {
  const { run } = await benches[name]!();
  const { short = false, soak = false, set, only, list, json, against } = flags;
  const results = await run({ short, soak, set, only, list, json, against });
  if (results) {
    report(name, results);
    if (results.some(({ holds }) => !holds)) process.exitCode = 1;
  }
}

async function measureAll({ short, only, against }: NonNullable<ReturnType<typeof readFlags>>): Promise<void> {
  const unknown = only?.find((one) => !(one in benches));
  if (unknown !== undefined) {
    console.error(`There is no bench "${unknown}".\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const names = Object.keys(benches).filter((one) => only?.includes(one) ?? !WITHOUT_BOUNDS.includes(one));
  const main = fileURLToPath(import.meta.url);
  const getCommand = (bench: string): [string, ...string[]] => {
    const more = ['door', 'start'].includes(bench) && against !== undefined ? ['--against', against] : [];
    // Node's own options load the compiler of TypeScript.
    return [process.execPath, ...process.execArgv, main, bench, ...(short ? ['--short'] : []), ...more];
  };
  if (!(await runAll({ names, getCommand }))) process.exitCode = 1;
}

/** Returns undefined where the arguments are no flags of a bench. */
function readFlags(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch {
    return undefined;
  }
}
