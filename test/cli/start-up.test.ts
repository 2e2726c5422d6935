// The start of a command loads only what that command needs.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CLI } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

/** Runs `lintel` with a hook that prints the URL of every module that is loaded. @returns names of the packages and of the own files */
function loadedBy(args: readonly string[]): { packages: Set<string>; files: string[] } {
  const dir = tempDir();
  const [hooks, register] = [join(dir, 'hooks.mjs'), join(dir, 'register.mjs')];
  writeFileSync(
    hooks,
    "import { writeSync } from 'node:fs';\n" +
      'export const load = (url, context, next) => (writeSync(2, `LOADED ${url}\\n`), next(url, context));\n',
  );
  // CommonJS modules do not pass the hook: their cache is printed at the end.
  writeFileSync(
    register,
    "import { createRequire, register } from 'node:module';\nimport { writeSync } from 'node:fs';\n" +
      `register(${JSON.stringify(pathToFileURL(hooks).href)});\n` +
      "process.on('exit', () => Object.keys(createRequire(import.meta.url).cache).forEach((file) => writeSync(2, `LOADED ${file}\\n`)));\n",
  );
  const output = execFileSync(
    'sh',
    ['-c', 'exec "$0" "$@" 2>&1', process.execPath, '--import', register, CLI, ...args],
    { cwd: dir, encoding: 'utf8' },
  );
  const urls = [...output.matchAll(/^LOADED (.*)$/gm)].map(([, url = '']) => url);
  const files = urls.filter((url) => url.includes('/dist/'));
  const packages = urls.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  return { packages: new Set([...packages, ...files.flatMap(listBundled)]), files };
}

/** Lists the packages in a file of dist: the bundler writes the path of each module above it. */
function listBundled(url: string): string[] {
  const text = readFileSync(url.startsWith('file:') ? fileURLToPath(url) : url, 'utf8');
  return [...text.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map(([, name = '']) => name);
}

describe('the start of lintel', () => {
  it.each([['--help'], ['--version'], ['help']])(
    'loads for %s the parser of the command line and no other package',
    (arg) => {
      const { packages, files } = loadedBy([arg]);
      expect([...packages]).toEqual(['commander']);
      expect(files.length).toBeLessThan(15);
    },
  );

  it.each([
    ['keys', 'list'],
    ['audit', '--help'],
    ['events', '--help'],
    ['clock', '--help'],
  ])('loads for %s %s no inference, no image library, no database and no MQTT client', (...args) => {
    const { packages } = loadedBy(args);
    for (const name of ['onnxruntime-node', 'sharp', 'classic-level', 'usearch', 'mqtt', 'aedes', 'koa']) {
      expect([...packages]).not.toContain(name);
    }
  });
});
