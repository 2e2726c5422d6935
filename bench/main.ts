// npm run bench -- NAME [--short]: runs one bench of this folder.
import { report, type Result } from './support/report.js';

interface Bench {
  run: (options: { short: boolean }) => Promise<Result[]>;
}

const benches: Record<string, () => Promise<Bench>> = {
  slice: () => import('./slice.js'),
};

const [name, ...flags] = process.argv.slice(2);
const unknown = flags.filter((flag) => flag !== '--short');
if (name === undefined || !(name in benches) || unknown.length > 0) {
  console.error(`usage: npm run bench -- NAME [--short]\nbenches: ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  const { run } = await benches[name]();
  report(name, await run({ short: flags.includes('--short') }));
}
