// The bundles of dist: their compiled code is accepted by the options with which the service runs.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const parts = `${root}dist/parts`;
const isBundled =
  existsSync(`${root}dist/cli/main.js`) && readFileSync(`${root}dist/cli/main.js`, 'utf8').includes('load-bundle');
if (!isBundled) console.log('skipped: dist is not bundled (npm run build:ts)');

/** Loads a bundle. @returns whether V8 refused the compiled code; undefined where there is none */
function isRefused(name: string, options: readonly string[]): unknown {
  const script = `console.log(require(${JSON.stringify(`${parts}/load-bundle.cjs`)}).loadBundle('${name}').script.cachedDataRejected)`;
  const { stdout } = spawnSync(process.execPath, [...options, '-e', script], { encoding: 'utf8' });
  return stdout.trim();
}

describe.skipIf(!isBundled)('a bundle', () => {
  const names = isBundled
    ? readdirSync(parts).filter((name) => name.endsWith('.cjs') && name !== 'load-bundle.cjs')
    : [];

  it.each(names)('%s has compiled code for the options of scripts/start and of the unit', (file) => {
    const name = file.slice(0, -'.cjs'.length);
    for (const starter of ['scripts/start', 'systemd/lintel.service']) {
      const [, options] = /node ((?:--\S+ )*)\S*dist\/cli\/main\.js/.exec(readFileSync(root + starter, 'utf8'))!;
      expect(isRefused(name, options!.trim().split(' ')), starter).toBe('false');
    }
  });

  it('is the program of the command line', () => {
    const { stdout } = spawnSync(process.execPath, [`${root}dist/cli/main.js`, '--version'], { encoding: 'utf8' });
    expect(stdout).toBe(
      `${(JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }).version}\n`,
    );
  });

  it('is two programs: the service, and its vision worker', () => {
    expect(names.map((name) => name.replace(/-\w+\.cjs$/, ''))).toEqual(['cli-main', 'vision-worker']);
  });
});
