// The scripts of a checkout, up to the point where they would install something.
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
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
  it.each(['scripts/setup', 'scripts/start', 'scripts/test'])('%s --help prints its usage', async (script) => {
    const { code, stdout } = await run(script, ['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: ${script}`));
  });

  it.each([
    ['scripts/setup', ['--fast'], 2, 'setup: unknown option --fast'],
    ['scripts/setup', ['--config'], 2, 'setup: --config needs a file'],
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
    const bin = await commands({ 'pkg-config': 'exit 1', 'apt-get': fake, sudo: '"$@"' });
    const { code, stdout, stderr } = await run('scripts/setup', [], { PATH: `${bin}:${process.env.PATH}` });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Missing system packages:\n(.*\n)* {2}libopencv-dev +OpenCV 4: cameras and pictures\n/);
    expect(stdout).toMatch(/\nInstalling them with apt-get(, through sudo)?; that can take some minutes\.\n$/);
    expect(stderr).toContain('E: Unable to fetch some archives\n');
    expect(stderr).toMatch(/setup: apt-get could not install .*libopencv-dev.*\. Is this machine online\? Otherwise/);
    const [update, install, ...more] = (await readFile(calls, 'utf8')).trim().split('\n');
    expect(more).toEqual([]);
    expect(update).toMatch(/ update$/);
    expect(install).toMatch(/ install -y --no-install-recommends .*libopencv-dev/);
  });
});

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
    const setup = await readFile(join(root, 'scripts/setup'), 'utf8');
    const functions = ['say', 'configured_set', 'models_are_there', 'origin_answers', 'fetch_models'].map((name) => {
      return new RegExp(`^${name}\\(\\) \\{(.*\\}$|[^]*?^\\}$)`, 'm').exec(setup)?.[0] ?? `no ${name}`;
    });
    const given = `tests=false; config=(${config === undefined ? '' : '--config lintel.yaml'})`;
    const script = join(checkout, 'fetch');
    await writeFile(script, `#!/bin/bash\nset -euo pipefail\n${given}\n${functions.join('\n')}\nfetch_models\n`);
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
  it.each([
    [0, [file('passed', 'passed', 'passed')], [2, 0, 0], '2 passed, 0 failed'],
    [0, [file('passed', 'passed', 'skipped')], [1, 0, 1], '1 passed, 0 failed, 1 skipped'],
    [1, [file('failed', 'passed', 'failed')], [1, 1, 0], '1 passed, 1 failed'],
    [1, [file('failed'), file('passed', 'passed')], [1, 0, 0], '1 passed, 1 failed'],
    [1, [file('passed', 'passed')], [1, 0, 0], '1 passed, 1 failed'],
  ])('of a run that ended with %i', async (status, testResults, [passed, failed, pending], line) => {
    const report = join(tempDir(), 'report.json');
    const counts = { numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: 0 };
    await writeFile(report, JSON.stringify({ ...counts, testResults }));
    const ran = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, [join(root, 'scripts/count-tests.mjs'), report, String(status)], (error, stdout) =>
        error ? reject(new Error(error.message)) : resolve(stdout),
      ),
    );
    expect(ran).toBe(`${line}\n`);
  });
});
