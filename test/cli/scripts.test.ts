// The scripts of a checkout, up to the point where they would install something.
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ADDON_PATH } from '../../src/native/addon.js';
import { missing, sharedModelsDir } from '../support/shared.js';
import { tempDir } from '../support/temp-dir.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a script. @param env variables that are added to a minimal environment */
function run(script: string, args: string[] = [], env: Record<string, string> = {}, cwd = root): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env } };
    execFile(join(root, script), args, options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** Creates a folder of commands that are found before those of the system. */
async function commands(bodies: Record<string, string>): Promise<string> {
  const dir = join(tempDir(), 'bin');
  await mkdir(dir);
  for (const [name, body] of Object.entries(bodies)) {
    await writeFile(join(dir, name), `#!/bin/bash\n${body}\n`);
    await chmod(join(dir, name), 0o755);
  }
  return dir;
}

describe('the scripts', () => {
  it.each(['scripts/setup', 'scripts/start', 'scripts/fleet-demo', 'scripts/test'])(
    '%s --help prints its usage',
    async (script) => {
      const { code, stdout } = await run(script, ['--help']);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Usage: ${script}`));
    },
  );

  it.each([
    ['scripts/setup', ['--fast'], 2, 'setup: unknown option --fast'],
    ['scripts/setup', ['--config'], 2, 'setup: --config needs a file'],
    ['scripts/fleet-demo', ['--fast'], 2, 'fleet-demo: unknown option --fast'],
    ['scripts/start', ['--config'], 2, 'start: --config needs a file'],
    ['scripts/start', ['--config', '/no/such.yaml'], 1, 'start: there is no configuration file /no/such.yaml'],
    ['scripts/start', ['--config=none.yaml'], 1, 'start: there is no configuration file none.yaml'],
  ])('%s %j has exit code %i and prints one sentence', async (script, args, code, sentence) => {
    const ran = await run(script, args);
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(ran.stderr).toContain(sentence);
  });
});

describe('the command line of a checkout', () => {
  it.each([
    ['the lintel.yaml of the checkout', {}, true, /\/lintel\.yaml$/],
    ['what LINTEL_CONFIG names before it', { LINTEL_CONFIG: 'other.yaml' }, true, /^other\.yaml$/],
    ['the defaults without one', {}, false, /^undefined$/],
  ])('takes %s', async (_, env, isThere, taken) => {
    const checkout = tempDir();
    await mkdir(join(checkout, 'scripts'));
    await mkdir(join(checkout, 'dist/cli'), { recursive: true });
    await copyFile(join(root, 'scripts/lintel'), join(checkout, 'scripts/lintel'));
    await writeFile(join(checkout, 'dist/cli/main.js'), 'console.log(`${process.env.LINTEL_CONFIG}`);');
    if (isThere) await writeFile(join(checkout, 'lintel.yaml'), '');
    const { code, stdout } = await run(join(relative(root, checkout), 'scripts/lintel'), [], env);
    expect(code).toBe(0);
    expect(stdout.trim()).toMatch(taken);
  });
});

describe('setup', () => {
  it.each([
    ['v18.20.4', 'Node.js v18.20.4 is too old; version 20.19 or newer is needed.'],
    ['v20.18.9', 'Node.js v20.18.9 is too old; version 20.19 or newer is needed.'],
  ])('refuses node %s in one sentence', async (version, sentence) => {
    const bin = await commands({ node: `echo ${version}` });
    const { code, stdout, stderr } = await run('scripts/setup', [], { PATH: `${bin}:${process.env.PATH}` });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(`setup: ${sentence}`);
  });

  it('refuses a machine of 32 bits', async () => {
    const bin = await commands({ uname: '[[ $1 == -m ]] && echo armv7l || echo Linux' });
    const { code, stderr } = await run('scripts/setup', [], { PATH: `${bin}:${process.env.PATH}` });
    expect(code).toBe(1);
    expect(stderr).toBe('setup: Lintel runs on 64-bit Linux (x86_64, aarch64), and this is Linux armv7l.\n');
  });

  it('lists the missing packages and their purpose before it installs them, and prints one sentence when that fails', async () => {
    const calls = join(tempDir(), 'calls');
    const fake = `echo "$0 $*" >> ${calls}; echo "E: Unable to fetch some archives" >&2; exit 100`;
    // Where the npm packages of this checkout are not those of its lock file, setup would install them beside.
    const bin = await commands({ 'pkg-config': 'exit 1', 'apt-get': fake, sudo: '"$@"', npm: 'exec sleep 60' });
    const { code, stdout, stderr } = await run('scripts/setup', [], { PATH: `${bin}:${process.env.PATH}` });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Missing system packages:\n(.*\n)* {2}libavformat-dev +FFmpeg: streams and video files\n/);
    expect(stdout).toMatch(/\nInstalling them with apt-get(, through sudo)?; that can take some minutes\.\n/);
    expect(stderr).toContain('E: Unable to fetch some archives\n');
    expect(stderr).toMatch(/setup: apt-get could not install .*libavformat-dev.*\. Is this machine online\? Otherwise/);
    const [update, install, ...more] = (await readFile(calls, 'utf8')).trim().split('\n');
    expect(more).toEqual([]);
    expect(update).toMatch(/ update$/);
    expect(install).toMatch(/ install -y --no-install-recommends .*libavformat-dev/);
  });
});

describe('setup of a new checkout', () => {
  it('installs the npm packages beside the system packages, and ends that work when it fails', async () => {
    const checkout = tempDir();
    const pidFile = join(checkout, 'npm-pid');
    for (const name of ['scripts/setup', 'package.json', 'package-lock.json']) {
      await cp(join(root, name), join(checkout, name), { recursive: true });
    }
    const bin = await commands({
      'pkg-config': 'exit 1',
      sudo: '"$@"',
      npm: `echo $$ > ${pidFile}; exec sleep 300`,
      'apt-get': `[[ "$*" == *install* ]] || exit 0; until [[ -s ${pidFile} ]]; do sleep 0.05; done; exit 100`,
    });
    const { code, stderr } = await run(join(relative(root, checkout), 'scripts/setup'), [], {
      PATH: `${bin}:${process.env.PATH}`,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('setup: apt-get could not install');
    // Of a process that has ended, and that its parent has not asked for yet, the command line is empty.
    const commandLine = `/proc/${(await readFile(pidFile, 'utf8')).trim()}/cmdline`;
    expect(await readFile(commandLine, 'utf8').catch(() => '')).toBe('');
  });

  it('does nothing where nothing has changed since all was complete', async () => {
    const checkout = tempDir();
    for (const folder of ['models/ranges', 'models/files', 'build', 'src', 'scripts']) {
      await mkdir(join(checkout, folder), { recursive: true });
    }
    for (const file of ['models/manifest.json', 'models/ranges/one.json', 'src/one.ts']) {
      await writeFile(join(checkout, file), '{}');
    }
    const names = [
      'describe_checkout',
      'is_complete',
      'note_complete',
      'configured_set',
      'models_are_there',
      'quantised_stamp',
    ];
    const functions = `tests=false; nats=false; config=()\n${await readFunctions(names)}`;
    const script = join(checkout, 'check');
    const call = async (body: string): Promise<string> => {
      await writeFile(script, `#!/bin/bash\nset -euo pipefail\n${functions}\n${body}\n`, { mode: 0o755 });
      return (await run(relative(root, script), [], {}, checkout)).stdout.trim();
    };
    const ask = 'note_complete; if is_complete; then echo yes; else echo no; fi';
    // The 8-bit forms are not made yet.
    expect(await call(ask)).toBe('no');
    expect(await call(`quantised_stamp >models/files/.quantised; ${ask}`)).toBe('yes');
    const check = 'if is_complete; then echo yes; else echo no; fi';
    expect(await call(check)).toBe('yes');
    // Of the same size and with its old date.
    expect(await call(`cp -p src/one.ts old; printf '[]' >src/one.ts; touch -r old src/one.ts; ${check}`)).toBe('no');
    expect(await call(`note_complete; tests=true; ${check}`)).toBe('no');
    expect(await call(`note_complete; rm src/one.ts; ${check}`)).toBe('no');
  });

  it('reports why the npm packages cannot be installed', async () => {
    const checkout = tempDir();
    for (const name of ['scripts/setup', 'package.json', 'package-lock.json']) {
      await cp(join(root, name), join(checkout, name), { recursive: true });
    }
    const bin = await commands({ npm: 'echo "npm error" >&2; exit 1', 'apt-get': 'exit 0', sudo: '"$@"' });
    const { code, stderr } = await run(join(relative(root, checkout), 'scripts/setup'), [], {
      PATH: `${bin}:${process.env.PATH}`,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('npm error\nsetup: npm ci failed. Is this machine online?');
  });
});

describe('a machine without a compiler', () => {
  /** Runs addon_is_brought of scripts/setup in a checkout with the addon of this one. @returns its exit code and output */
  async function isBrought(
    tools: Record<string, string>,
    source = 'int main;',
  ): Promise<{ code: number; stderr: string }> {
    const checkout = tempDir();
    const bin = await commands(tools);
    for (const name of ['bash', 'find', 'sort', 'xargs', 'sha256sum', 'uname', 'cat', 'env']) {
      if (!(name in tools)) await symlink(`/usr/bin/${name}`, join(bin, name));
    }
    await symlink(process.execPath, join(bin, 'node'));
    for (const folder of ['src/native', 'build', 'scripts']) await mkdir(join(checkout, folder), { recursive: true });
    await copyFile(join(root, 'scripts/build-native'), join(checkout, 'scripts/build-native'));
    for (const name of ['lintel.node', 'lintel-streams.so', 'lintel-devices.so']) {
      await copyFile(join(dirname(ADDON_PATH), name), join(checkout, 'build', name));
    }
    await writeFile(join(checkout, 'src/native/one.cc'), 'int main;');
    const script = join(checkout, 'script');
    const names = ['addon_stamp', 'addon_is_brought'];
    await writeFile(script, `#!/usr/bin/env bash\n${await readFunctions(names)}\n"$@"\n`);
    await chmod(script, 0o755);
    const env = { PATH: bin };
    const { stdout } = await run(relative(root, script), ['addon_stamp'], env, checkout);
    await writeFile(join(checkout, 'build/.stamp'), stdout);
    await writeFile(join(checkout, 'src/native/one.cc'), source);
    const { code, stderr } = await run(relative(root, script), ['addon_is_brought'], env, checkout);
    return { code, stderr };
  }

  it('takes the addon that was built elsewhere from the same sources', async () => {
    expect(await isBrought({})).toEqual({ code: 0, stderr: '' });
  });

  it.each([
    ['the sources are others', {}, 'int other;'],
    ['a compiler is here, which decides by itself', { 'g++': 'exit 0' }, 'int main;'],
    ['the addon is for another machine', { uname: 'echo $RANDOM$RANDOM' }, 'int main;'],
  ])('does not take it where %s', async (_where, tools, source) => {
    expect((await isBrought(tools, source)).code).toBe(1);
  });
});

/** Reads functions of scripts/setup by their names. */
async function readFunctions(names: readonly string[]): Promise<string> {
  const setup = await readFile(join(root, 'scripts/setup'), 'utf8');
  return names
    .map((name) => new RegExp(`^${name}\\(\\) \\{(.*\\}$|[^]*?^\\}$)`, 'm').exec(setup)?.[0] ?? `no ${name}`)
    .join('\n');
}

describe('the download of the models', () => {
  const SENTENCE =
    'The models cannot be fetched now. Lintel uses the built-in models, which are less exact; the next start tries again.';

  /** Runs fetch_models of scripts/setup in a new checkout. @param from URL or folder of the models @param builtin with built-in models */
  async function fetchModels({ from, config, builtin = true }: { from: string; config?: string; builtin?: boolean }) {
    const checkout = tempDir();
    await mkdir(join(checkout, 'models/builtin'), { recursive: true });
    if (builtin) await writeFile(join(checkout, 'models/builtin/one.int8.onnx'), '');
    await copyFile(join(root, 'models/manifest.json'), join(checkout, 'models/manifest.json'));
    await symlink(join(root, 'dist'), join(checkout, 'dist'));
    if (config !== undefined) await writeFile(join(checkout, 'lintel.yaml'), config);
    const functions = await readFunctions([
      ...['say', 'configured_set', 'models_are_there', 'origin_answers', 'fetch_models'],
    ]);
    const given = `tests=false; config=(${config === undefined ? '' : '--config lintel.yaml'})`;
    const script = join(checkout, 'fetch');
    await writeFile(script, `#!/bin/bash\nset -euo pipefail\n${given}\n${functions}\nfetch_models\n`);
    await chmod(script, 0o755);
    const env = {
      LINTEL_MODELS_FROM: from,
      ...(config === undefined && { LINTEL_MODELS_DIR: join(checkout, 'files') }),
    };
    const beganMs = performance.now();
    const ran = await run(relative(root, script), [], env, checkout);
    return { ...ran, tookMs: performance.now() - beganMs };
  }

  /** Starts a server for the models. @param answer to every connection; where it is missing, connections are accepted and not answered */
  async function origin(answer?: string): Promise<{ url: string; connections: () => number }> {
    let connections = 0;
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      connections++;
      open.add(socket.on('error', () => undefined));
      if (answer !== undefined) socket.once('data', () => socket.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of open) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, connections: () => connections };
  }

  it('is given up after some seconds without an answer, with one sentence, and the built-in models are used', async () => {
    const { url, connections } = await origin();
    const { code, stdout, stderr, tookMs } = await fetchModels({ from: url });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${SENTENCE}\n`, stderr: '' });
    expect(connections()).toBe(1);
    expect(tookMs).toBeLessThan(15_000);
  }, 30_000);

  it('reports why the origin refused, and the built-in models are used', async () => {
    const { url } = await origin('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    const { code, stdout, stderr } = await fetchModels({ from: url });
    expect([code, stdout]).toEqual([0, `${SENTENCE}\n`]);
    expect(stderr).toContain('HTTP 404');
  });

  it.skipIf(missing('models in a folder of the configuration', sharedModelsDir))(
    'sends no request where the folder of the configuration has every file',
    async () => {
      const { url, connections } = await origin();
      const config = `models: { dir: ${sharedModelsDir} }\n`;
      expect(await fetchModels({ from: url, config })).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(connections()).toBe(0);
    },
  );

  it.skipIf(missing('models in a folder of the configuration', sharedModelsDir))(
    'asks for the files of another set that the configuration names, although those of the standard set are there',
    async () => {
      const [from, dir] = [tempDir(), tempDir()];
      await cp(sharedModelsDir!, dir, { recursive: true, filter: (path) => !path.includes('espressif') });
      const config = `models:\n  dir: ${dir}\n  set: accurate-large\n`;
      const { stdout, stderr } = await fetchModels({ from, config });
      expect(stderr).toContain(`human_face_feat_mbf_s8_v1.espdl is not in ${from}`);
      expect(stdout).toBe(`${SENTENCE}\n`);
    },
  );

  it('is an error, with its reason, where there are no built-in models', async () => {
    const from = tempDir();
    const { code, stdout, stderr } = await fetchModels({ from, builtin: false });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`is not in ${from}`);
  });
});

describe('the count of the tests', () => {
  const file = (status: string, ...tests: string[]) => ({
    status,
    assertionResults: tests.map((state) => ({ status: state })),
  });
  const report = (testResults: object[], [passed = 0, failed = 0, pending = 0]: number[]) => ({
    ...{ numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: 0 },
    testResults,
  });
  const more = report([file('passed', 'passed', 'skipped')], [1, 0, 1]);
  it.each([
    [0, [report([file('passed', 'passed', 'passed')], [2])], '2 passed, 0 failed'],
    [0, [report([file('passed', 'passed', 'skipped')], [1, 0, 1])], '1 passed, 0 failed, 1 skipped'],
    [1, [report([file('failed', 'passed', 'failed')], [1, 1])], '1 passed, 1 failed'],
    [1, [report([file('failed'), file('passed', 'passed')], [1])], '1 passed, 1 failed'],
    [1, [report([file('passed', 'passed')], [1])], '1 passed, 1 failed'],
    [0, [report([file('passed', 'passed')], [1]), more], '2 passed, 0 failed, 1 skipped'],
    [1, [report([file('failed', 'failed')], [0, 1]), more], '1 passed, 1 failed, 1 skipped'],
  ])('of runs that ended with %i', async (status, reports, line) => {
    const folder = tempDir();
    const paths = reports.map((_, i) => join(folder, `${i}.json`));
    for (const [i, path] of paths.entries()) await writeFile(path, JSON.stringify(reports[i]));
    const command = [join(root, 'scripts/count-tests.mjs'), String(status), ...paths];
    const ran = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, command, (error, stdout) =>
        error ? reject(new Error(error.message)) : resolve(stdout),
      ),
    );
    expect(ran).toBe(`${line}\n`);
  });
});
