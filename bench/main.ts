// Runs one bench of this folder: npm run bench -- NAME [OPTION...].
import { parseArgs } from 'node:util';
import { report, type Result } from './support/report.js';

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

const USAGE = `usage: npm run bench -- NAME [OPTION...]
benches: ${Object.keys(benches).join(', ')}

  --short          measures the same figures in less time
  --soak           runs the part of a bench that takes minutes (door)
  --set SET        measures one model set (trust, fairness, persons, angles)

The bench "streams" also takes:
  --list           names the kinds of stream; those of --short have a star
  --only KIND      runs one kind, or compares one size (720p, 1080p, 4K); can be given several times
  --json           prints the results as JSON
  --against PATH   compares the processor time of reading with that of another built checkout
  -h, --help       prints this text`;

const [name, ...rest] = process.argv.slice(2);
const flags = readFlags(rest);
if (name === '--help' || name === '-h' || flags?.help) {
  console.log(USAGE);
} else if (name === undefined || !(name in benches) || !flags) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  const { run } = await benches[name]!();
  const { short = false, soak = false, set, only, list, json, against } = flags;
  const results = await run({ short, soak, set, only, list, json, against });
  if (results) report(name, results);
}

/** Returns undefined where the arguments are no flags of a bench. */
function readFlags(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch {
    return undefined;
  }
}
