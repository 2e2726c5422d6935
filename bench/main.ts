// Runs one bench of this folder: npm run bench -- NAME [--short] [--soak] [--set SET].
import { parseArgs } from 'node:util';
import { report, type Result } from './support/report.js';

interface Bench {
  run: (options: { short: boolean; soak: boolean; set: string | undefined }) => Promise<Result[]>;
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
};
/** --short measures the same figures in less time. --soak runs the part of a bench that takes minutes. --set names one model set. */
const OPTIONS = { short: { type: 'boolean' }, soak: { type: 'boolean' }, set: { type: 'string' } } as const;

const [name, ...rest] = process.argv.slice(2);
const flags = readFlags(rest);
if (name === undefined || !(name in benches) || !flags) {
  console.error(
    `usage: npm run bench -- NAME [--short] [--soak] [--set SET]\nbenches: ${Object.keys(benches).join(', ')}`,
  );
  process.exitCode = 2;
} else {
  const { run } = await benches[name]!();
  const { short = false, soak = false, set } = flags;
  report(name, await run({ short, soak, set }));
}

/** Returns undefined where the arguments are no flags of a bench. */
function readFlags(args: string[]): { short?: boolean; soak?: boolean; set?: string } | undefined {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch {
    return undefined;
  }
}
