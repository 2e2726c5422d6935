#!/usr/bin/env node
// Bundles the console (src/console) into dist/console, or the given folder: index.html, and files whose names hold a hash of their content.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src/console');
// Another folder may be given, for measurements.
const out = resolve(process.argv[2] ?? join(root, 'dist/console'));

/** Phrases of each language, by catalogue and key: data, of which a browser loads one language. */
const languages = { en: {}, ko: {} };

/** Takes the catalogues (files named words.ts or *-words.ts) out of the script and puts references in their place. */
const takeWords = {
  name: 'take-words',
  setup({ onLoad }) {
    onLoad({ filter: /words\.ts$/ }, async ({ path }) => {
      if (path === join(source, 'words.ts')) return undefined;
      const exported = Object.entries(await readModule(path));
      const references = exported.map(([name, value]) => {
        if (!value.en || !value.ko) return `export const ${name} = ${JSON.stringify(value)};`;
        requireSameKeys(relative(root, path), value);
        const id = Object.keys(languages.en).length.toString(36);
        languages.en[id] = value.en;
        languages.ko[id] = value.ko;
        return `export const ${name} = referWords('${id}');`;
      });
      const words = relative(dirname(path), join(source, 'words.js'));
      return { contents: [`import { referWords } from './${words}';`, ...references].join('\n'), loader: 'js' };
    });
  },
};

rmSync(out, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: [join(source, 'main.tsx'), join(source, 'style.css')],
  outdir: join(out, 'files'),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'browser',
  // Browsers of 2022 and newer.
  target: ['chrome105', 'firefox105', 'safari16'],
  minify: true,
  charset: 'utf8',
  legalComments: 'none',
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  tsconfig: join(source, 'tsconfig.json'),
  metafile: true,
  plugins: [takeWords],
  logLevel: 'warning',
});

/** Path of each built file from dist/console, with what it was made from. */
const locate = (path) => relative(out, join(process.cwd(), path));
const built = Object.entries(metafile.outputs).map(([path, output]) => [locate(path), output]);
const [script] = find('main.tsx');
const [style] = find('style.css');
// The doors are what most people open: their file comes at the same time as the script.
const [doors] = find('doors/screen.tsx');
const preloaded = [...new Set([script, doors].flatMap((path) => [path, ...listImports(path)]))].filter(
  (path) => path !== script,
);

const words = Object.entries(languages).map(([language, phrases]) => {
  const content = JSON.stringify(phrases);
  return ` data-${language}="${write(language, 'json', content)}"`;
});
const iconName = write('icon', 'svg', readFileSync(join(source, 'icon.svg')));
writeFileSync(
  join(out, 'index.html'),
  `<!doctype html>
<html lang="en"${words.join('')}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Lintel</title>
<link rel="icon" type="image/svg+xml" href="${iconName}">
<link rel="stylesheet" href="${style}">
${preloaded.map((path) => `<link rel="modulepreload" href="${path}">\n`).join('')}<script type="module" src="${script}"></script>
</head>
<body>
<div id="app"></div>
<noscript>The console of Lintel needs JavaScript.</noscript>
</body>
</html>
`,
);

/** Lists the files that a built file imports at once. */
function listImports(path) {
  const { imports } = Object.fromEntries(built)[path];
  const direct = imports.filter(({ kind }) => kind === 'import-statement').map((one) => locate(one.path));
  return direct.flatMap((one) => [one, ...listImports(one)]);
}

function find(entry) {
  const found = built.find(([, { entryPoint }]) => entryPoint?.endsWith(`/${entry}`));
  if (!found) throw new Error(`esbuild made nothing of ${entry}`);
  return found;
}

/** Writes a file whose name holds a hash of its content. @returns its path from the page */
function write(name, end, content) {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
  const path = `files/${name}-${hash}.${end}`;
  writeFileSync(join(out, path), content);
  return path;
}

/** Runs a module of the console and returns its exports. */
async function readModule(path) {
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    tsconfig: join(source, 'tsconfig.json'),
    logLevel: 'warning',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

/** Refuses a catalogue in which one language lacks a phrase. */
function requireSameKeys(file, { en, ko }) {
  for (const key of new Set([...Object.keys(en), ...Object.keys(ko)])) {
    const missing = !en[key] ? 'en' : !ko[key] ? 'ko' : undefined;
    if (missing) throw new Error(`${file}: the phrase "${key}" is missing in ${missing}`);
  }
}
