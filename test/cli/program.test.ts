// The program: its help, its usage errors, its exit codes and the text of an error.
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import type { RegisterCommand } from '../../src/cli/context.js';
import { registerDoctor } from '../../src/cli/doctor/doctor.js';
import { registerKeys } from '../../src/cli/keys.js';
import { SilentFailure } from '../../src/cli/program.js';
import { AppError } from '../../src/errors.js';
import { lintel } from './terminal.js';

const all = { keys: registerKeys, doctor: registerDoctor };

/** A command that fails with this error. */
const failing =
  (error: unknown): RegisterCommand =>
  (command) => {
    command.action(() => {
      throw error;
    });
  };

describe('help', () => {
  it.each([['--help'], ['-h'], ['help']])('of the whole program is printed for %s', async (arg) => {
    const { code, stdout, stderr } = await lintel([arg], all);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain('Usage: lintel [options] [command]');
    expect(stdout).toMatch(/^ {2}keys +the command keys$/m);
    expect(stdout).toMatch(/^ {2}doctor +the command doctor$/m);
    expect(stdout).toContain('--config <file>');
  });

  it.each([
    [
      ['keys', '--help'],
      ['add [options] <name>', 'list', 'revoke [options] <name>'],
    ],
    [['help', 'keys'], ['add [options] <name>']],
    [
      ['keys', 'add', '--help'],
      ['letters, digits', '--config <file>'],
    ],
    [
      ['doctor', '--help'],
      ['The exit code is 1', '--config <file>'],
    ],
  ])('of %j describes the arguments and options', async (args, words) => {
    const { code, stdout } = await lintel(args, all);
    expect(code).toBe(0);
    for (const word of words) expect(stdout).toContain(word);
  });

  it('keeps to 100 columns where there is no terminal', async () => {
    const { stdout } = await lintel(['--help'], all);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it.each(COMMANDS.map(({ name }) => name))(
    'of the command %s and of its subcommands keeps to 100 columns',
    async (name) => {
      const entry = COMMANDS.find((one) => one.name === name);
      const all = { [name]: (await entry?.load()) ?? [] };
      const { code, stdout } = await lintel([name, '--help'], all);
      expect(code).toBe(0);
      const below = [...stdout.matchAll(/^ {2}([a-z]+) .*/gm)].flatMap(([, command]) =>
        command === 'help' ? [] : [command ?? ''],
      );
      const helps = [stdout];
      for (const command of stdout.includes('Commands:') ? below : []) {
        helps.push((await lintel([name, command, '--help'], all)).stdout);
      }
      for (const line of helps.join('').split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    },
  );

  it('is printed for a call without a command, with the exit code of a usage error', async () => {
    const { code, stderr } = await lintel([], all);
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: lintel');
  });
});

it('the version is printed', async () => {
  expect(await lintel(['--version'], all)).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
});

describe('a usage error has exit code 2 and prints one sentence', () => {
  it.each([
    [['kez'], "lintel: unknown command 'kez'"],
    [['doctor', '--fast'], "lintel: unknown option '--fast'"],
    [['keys', 'add'], "lintel: missing required argument 'name'"],
    [['keys', 'add', 'a', 'b'], 'lintel: too many arguments'],
    [['keys', 'remove'], "lintel: unknown command 'remove'"],
    [['doctor', '--config'], "lintel: option '-c, --config <file>' argument missing"],
  ])('%j', async (args, sentence) => {
    const { code, stdout, stderr } = await lintel(args, all);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('Run it with --help');
  });
});

describe('a command that fails has exit code 1', () => {
  it('and prints an expected error with its causes, without a stack', async () => {
    const cause = new Error('outer cause', { cause: new Error('inner cause') });
    const { code, stderr } = await lintel(['fail'], {
      fail: failing(new AppError('ADDON_MISSING', 'no addon', { cause })),
    });
    expect(code).toBe(1);
    expect(stderr).toBe('lintel: no addon\n  because: outer cause\n  because: inner cause\n');
  });

  it('and prints no cause that the sentence contains', async () => {
    const cause = new Error('fetch failed', { cause: new Error('ENOTFOUND') });
    const error = new AppError('DOWNLOAD_FAILED', 'no file (fetch failed: ENOTFOUND)', { cause });
    expect((await lintel(['fail'], { fail: failing(error) })).stderr).toBe(
      'lintel: no file (fetch failed: ENOTFOUND)\n',
    );
  });

  it('and prints an error of the system without a stack', async () => {
    const error = Object.assign(new Error('listen EADDRINUSE 127.0.0.1:8080'), { syscall: 'listen' });
    expect((await lintel(['fail'], { fail: failing(error) })).stderr).toBe(
      'lintel: listen EADDRINUSE 127.0.0.1:8080\n',
    );
  });

  it('and prints each of several errors', async () => {
    const errors = [new AppError('STORE_LOCKED', 'one'), new AppError('BROKER_FAILED', 'two')];
    const { code, stderr } = await lintel(['fail'], { fail: failing(new AggregateError(errors, 'both')) });
    expect(code).toBe(1);
    expect(stderr).toBe('lintel: one\nlintel: two\n');
  });

  it('and prints the stack of an unexpected error', async () => {
    const { code, stderr } = await lintel(['fail'], { fail: failing(new TypeError('x is not a function')) });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lintel: x is not a function\n +at .*program\.test/);
  });

  it('and prints a thrown value that is not an Error', async () => {
    expect(await lintel(['fail'], { fail: failing('a text') })).toMatchObject({ code: 1, stderr: 'lintel: a text\n' });
  });

  it('and prints nothing where the command has printed its own error', async () => {
    expect(await lintel(['fail'], { fail: failing(new SilentFailure()) })).toMatchObject({ code: 1, stderr: '' });
  });
});

it('--config may stand before or after the command, and a problem with the file is printed', async () => {
  for (const args of [
    ['--config', 'none.yaml', 'keys', 'list'],
    ['keys', 'list', '-c', 'none.yaml'],
  ]) {
    const { code, stderr } = await lintel(args, all, { cwd: '/nowhere' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lintel: the configuration file \/nowhere\/none\.yaml cannot be read \(ENOENT\)/);
  }
});
