// scripts/uninstall with a temporary root, and the command lines of both scripts.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Machine, checkout, projectRoot, run } from './checkout.js';

describe('uninstall', () => {
  it('stops and removes the service, keeps data and configuration, and can run twice', async () => {
    const machine = new Machine();
    const from = checkout('1.0.0');
    await machine.install(from);
    writeFileSync(machine.path('var/lib/lintel/face'), 'sealed');
    const { code, stdout } = await machine.uninstall(from);
    expect(code).toBe(0);
    expect(stdout).toContain('Its data stays in');
    expect(machine.running).toBeUndefined();
    for (const gone of ['opt/lintel', 'etc/systemd/system/lintel.service', 'usr/local/bin/lintel']) {
      expect(machine.has(gone), gone).toBe(false);
    }
    expect((await machine.uninstall(from)).code).toBe(0);
    expect(machine.read('var/lib/lintel/face')).toBe('sealed');
    expect(machine.has('etc/lintel/lintel.yaml')).toBe(true);
    expect((await machine.install(from)).code).toBe(0);
    expect(machine.read('var/lib/lintel/face')).toBe('sealed');
  });

  it('destroys the data only with --purge and --yes', async () => {
    const machine = new Machine();
    const from = checkout('1.0.0');
    await machine.install(from);
    const refused = await machine.uninstall(from, '--purge');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('without a terminal for the question it needs --yes');
    expect(machine.running).toBeDefined();
    expect((await machine.uninstall(from, '--purge', '--yes')).code).toBe(0);
    for (const gone of ['opt/lintel', 'etc/lintel', 'var/lib/lintel']) expect(machine.has(gone), gone).toBe(false);
    expect((await machine.uninstall(from, '--purge', '--yes')).code).toBe(0);
  });
});

describe('the command lines', () => {
  it.each([
    ['install', ['--help'], 0, ''],
    ['uninstall', ['--help'], 0, ''],
    ['install', ['--fast'], 2, 'install: unknown option --fast; see scripts/install --help'],
    ['install', ['--root'], 2, 'install: --root needs a value'],
    ['install', ['--ready-timeout', 'soon'], 2, 'install: --ready-timeout takes a number of seconds'],
    ['install', ['--root', '/no/such'], 1, 'install: there is no folder /no/such'],
    ['uninstall', ['--all'], 2, 'uninstall: unknown option --all'],
    ['uninstall', ['--root', '/no/such'], 1, 'uninstall: there is no folder /no/such'],
  ])('%s %j ends with %i', async (name, args, code, sentence) => {
    const ran = await run(join(projectRoot, 'scripts', name), args);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toContain(sentence);
    if (code === 0) expect(ran.stdout).toMatch(new RegExp(`^Usage: sudo scripts/${name}`));
  });

  it.each(['install', 'uninstall'])('%s needs root', async (name) => {
    const folder = checkout('1.0.0');
    const script = join(folder, 'scripts', name);
    // Every user must be able to read the folders on the path.
    chmodSync(join(folder, '..'), 0o755);
    const isRoot = process.getuid?.() === 0;
    const ran = isRoot
      ? await run('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', script])
      : await run(script, []);
    expect(ran).toMatchObject({ code: 1, stdout: '', stderr: `${name}: this needs root: sudo ${script}\n` });
  });
});
