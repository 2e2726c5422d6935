// NOTICE names every model and every package that an installation may contain, with the licence that each declares.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { BUNDLED, lockSchema, manifestSchema, readLicences, writeNotice } from '../../tools/notice/notice.js';

const root = new URL('../../', import.meta.url);
const readText = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const readJson = (path: string): unknown => JSON.parse(readText(path));

const lock = lockSchema.parse(readJson('package-lock.json'));
const manifest = manifestSchema.parse(readJson('models/manifest.json'));
const licences = readLicences();

describe('NOTICE', () => {
  it('is what "npm run notice" writes', () => {
    expect(readText('NOTICE')).toBe(writeNotice({ lock, manifest, licences }));
  });

  it('names every model with its licence', () => {
    const lines = readText('NOTICE').split('\n');
    for (const [name, { licence }] of Object.entries(manifest.models)) {
      const line = lines.find((one) => one.startsWith(`${name} `));
      expect(line, name).toContain(licence);
    }
  });

  it('agrees with what is installed under node_modules', () => {
    const notice = readText('NOTICE');
    const { dependencies } = readJson('package.json') as { dependencies: Record<string, string> };
    for (const name of Object.keys(dependencies)) {
      const folder = `node_modules/${name}`;
      if (!existsSync(new URL(folder, root))) continue;
      const { version, license } = readJson(`${folder}/package.json`) as { version: string; license: string };
      const line = notice.split('\n').find((one) => one.startsWith(`${name} ${version} `));
      expect(line, name).toContain(license.replace('Apache 2.0', 'Apache-2.0'));
    }
  });

  it('names the packages in the bundle of the console, and holds their licences', () => {
    const notice = readText('NOTICE');
    for (const name of BUNDLED) {
      expect(notice).toMatch(new RegExp(`^${name} \\d[\\d.]* +MIT$`, 'm'));
      expect(notice).toContain(/^Copyright .*$/m.exec(licences[name])?.[0]);
    }
    expect(notice).toContain('The above copyright notice and this permission notice shall be included');
  });

  it('leaves out development dependencies and other platforms', () => {
    const notice = readText('NOTICE');
    for (const name of ['vitest', 'eslint', '@img/sharp-darwin-arm64', '@img/sharp-win32-x64']) {
      expect(notice).not.toContain(`\n${name} `);
    }
  });

  it('refuses a package without a licence, and shows a changed licence', () => {
    const packages = { ...lock.packages, 'node_modules/koa': { version: '9.9.9' } };
    expect(() => writeNotice({ lock: { packages }, manifest, licences })).toThrow('no licence for node_modules/koa');
    const changed = { ...lock.packages, 'node_modules/koa': { version: '9.9.9', license: 'GPL-3.0-only' } };
    expect(writeNotice({ lock: { packages: changed }, manifest, licences })).toMatch(/^koa 9\.9\.9 +GPL-3\.0-only$/m);
  });
});

describe('the licence', () => {
  it('is the Apache License 2.0, and package.json says so', () => {
    expect(readText('LICENSE')).toContain('Apache License\n                           Version 2.0, January 2004');
    expect(readJson('package.json')).toMatchObject({ license: 'Apache-2.0' });
  });

  it('comes with the files that a stranger looks for', () => {
    const present = readdirSync(root);
    expect(present).toEqual(
      expect.arrayContaining(['LICENSE', 'NOTICE', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'README.md']),
    );
  });
});

describe('the release', () => {
  it('has its version in package.json, in the lock file and on top of the changelog', () => {
    const { version } = readJson('package.json') as { version: string };
    expect(lock.packages['']?.version).toBe(version);
    expect(readJson('package-lock.json')).toMatchObject({ version });
    const releases = [...readText('CHANGELOG.md').matchAll(/^## \[(\d[\w.-]*)\] - \d{4}-\d{2}-\d{2}$/gm)];
    expect(releases.map(([, release]) => release)[0]).toBe(version);
  });

  it('is checked by a workflow that calls .ci/run on the oldest and the newest supported Node.js', () => {
    const workflow = parse(readText('.github/workflows/check.yml')) as {
      jobs: { check: { strategy: { matrix: { node: string[] } }; steps: { run?: string }[] } };
    };
    const { strategy, steps } = workflow.jobs.check;
    expect(strategy.matrix.node.map((version) => version.split('.')[0])).toEqual(['20', '24']);
    expect(steps.flatMap(({ run }) => run ?? [])).toEqual(['.ci/run']);
    expect(existsSync(new URL('.ci/run', root))).toBe(true);
  });
});
