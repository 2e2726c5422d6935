// Runs one bench of this folder: npm run bench -- NAME [--short] [--soak].
import { report, type Result } from './support/report.js';

interface Bench {
  run: (options: { short: boolean; soak: boolean }) => Promise<Result[]>;
}

const benches: Record<string, () => Promise<Bench>> = {
  slice: () => import('./slice.js'),
  gallery: () => import('./gallery.js'),
  load: () => import('./load.js'),
  accuracy: () => import('./accuracy.js'),
  door: () => import('./door.js'),
};
/** --short measures the same figures in less time. --soak runs the part of a bench that takes minutes. */
const FLAGS = ['--short', '--soak'];

const [name, ...flags] = process.argv.slice(2);
const unknown = flags.filter((flag) => !FLAGS.includes(flag));
if (name === undefined || !(name in benches) || unknown.length > 0) {
  console.error(`usage: npm run bench -- NAME [${FLAGS.join('] [')}]\nbenches: ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  const { run } = await benches[name]!();
  report(name, await run({ short: flags.includes('--short'), soak: flags.includes('--soak') }));
}
