#!/usr/bin/env node
// Bundles the service (src) into dist, or the given folder: few files, which hold the packages of plain JavaScript as well.
//
// Programs and workers keep their places (dist/cli/main.js, dist/vision/worker.js …); each of them only loads its bundle in dist/parts. The
// two that a start waits for are loaded with compiled code (load-bundle.cjs). The service starts with half of the processor time that way.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'dist'));
const parts = join(out, 'parts');

/** Programs with compiled code: the file, and what it loads at a start. */
const COMPILED = {
  'cli/main': ['cli/serve', 'config/load', 'vision/worker-threads', 'main', 'compose/parts'],
  'vision/worker': ['vision/pipeline'],
};
/** What starts when it is needed, and loads no more than it needs then; `main` is there for programs that make a service themselves. */
const SPLIT = ['cli/main', 'main', 'cli/doctor/service-main', 'vision/decoder-main', 'models/precision-worker'];
/** Packages with native code, which look for it beside themselves. */
const NATIVE = ['onnxruntime-node', 'sharp', 'usearch', 'classic-level'];
/** The options of Node.js with which the service runs: V8 refuses code that was compiled with others. */
const [, given] = /bin\/node ((?:--\S+ )*)\S+main\.js serve/.exec(
  readFileSync(join(root, 'systemd/lintel.service'), 'utf8'),
);
const OPTIONS = given.split(' ').filter(Boolean);
/** Names that packages in CommonJS expect. */
const COMMONJS_NAMES = `import { createRequire as makeRequire } from 'node:module';
import { dirname as findDirname } from 'node:path';
import { fileURLToPath as findPath } from 'node:url';
const require = makeRequire(import.meta.url), __filename = findPath(import.meta.url), __dirname = findDirname(__filename);`;

/** Keeps what import.meta.url means: the place that a module would have in dist if it were not bundled. */
const keepPlaces = (here) => ({
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const place = relative(join(root, 'src'), path).replace(/\.ts$/, '.js');
      if (place.startsWith('..') || !text.includes('import.meta.url')) return undefined;
      return { contents: text.replaceAll('import.meta.url', `new URL('../${place}', ${here}).href`), loader: 'ts' };
    });
  },
});

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: NATIVE,
  tsconfig: join(root, 'tsconfig.build.json'),
  logLevel: 'warning',
};

rmSync(parts, { recursive: true, force: true });
mkdirSync(parts, { recursive: true });
await build({
  ...common,
  entryPoints: SPLIT.map((entry) => ({ in: join(root, 'src', `${entry}.ts`), out: `parts/${nameBundle(entry)}` })),
  outdir: out,
  splitting: true,
  format: 'esm',
  chunkNames: 'parts/[name]-[hash]',
  banner: { js: COMMONJS_NAMES },
  plugins: [keepPlaces('import.meta.url')],
});
for (const entry of SPLIT) writeEntry(entry, (to) => `export * from '${to(`${nameBundle(entry)}.js`)}';\n`);

copyFileSync(join(root, 'scripts/load-bundle.cjs'), join(parts, 'load-bundle.cjs'));
for (const [entry, loaded] of Object.entries(COMPILED)) {
  const imports = loaded.map((path) => `import('./${path}.ts')`).join(', ');
  const { outputFiles } = await build({
    ...common,
    stdin: {
      contents: `export const run = () => import('./${entry}.ts');\nexport const warm = () => Promise.all([${imports}]);\n`,
      sourcefile: 'entry.ts',
      loader: 'ts',
      resolveDir: join(root, 'src'),
    },
    write: false,
    format: 'cjs',
    banner: { js: `const thisFile = require('node:url').pathToFileURL(__filename);` },
    plugins: [keepPlaces('thisFile')],
  });
  const { contents } = outputFiles[0];
  // The compiled code is valid for these bytes alone, and V8 compares no more than their number.
  const name = `${nameBundle(entry)}-${createHash('sha256').update(contents).digest('hex').slice(0, 8)}`;
  writeFileSync(join(parts, `${name}.cjs`), contents);
  writeEntry(entry, (to) => {
    const load = `(await import('${to('load-bundle.cjs')}')).default.loadBundle('${name}').exports.run()`;
    // The command line has many commands, and one of them is the service.
    return entry === 'cli/main'
      ? `await (process.argv[2] === 'serve' ? ${load} : import('${to('cli-main.js')}'));\n`
      : `await ${load};\n`;
  });
  // The warm-up needs the native packages: without them (on another machine, say) the service starts all the same, later.
  if (existsSync(join(root, 'node_modules', NATIVE[0]))) {
    execFileSync(process.execPath, [...OPTIONS, join(parts, 'load-bundle.cjs'), name], { stdio: 'inherit' });
  }
}

function nameBundle(entry) {
  return entry.replaceAll('/', '-');
}

/** Writes the file that keeps the place of a program. @param write makes its text, with a function that gives the path to a part */
function writeEntry(entry, write) {
  const file = join(out, `${entry}.js`);
  mkdirSync(dirname(file), { recursive: true });
  const first = entry === 'cli/main' ? '#!/usr/bin/env node\n' : '';
  writeFileSync(file, first + write((part) => `./${relative(dirname(file), join(parts, part))}`));
}
