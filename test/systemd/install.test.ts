// scripts/install with a temporary root and a stand-in for systemctl that really starts the installed service.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { Machine, checkout, run } from './checkout.js';

describe('install', () => {
  it('builds a version, configures it, starts it and waits until it is ready', async () => {
    const machine = new Machine();
    const { code, stdout, stderr } = await machine.install(checkout('1.0.0'));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('Lintel 1.0.0-1 is ready.');
    expect(machine.current).toBe('versions/1.0.0-1');
    expect(machine.running).toBe(
      `${machine.root}/opt/lintel/current/bin/node --max-semi-space-size=4 ${machine.root}/opt/lintel/current/dist/cli/main.js ` +
        `serve --config ${machine.root}/etc/lintel/lintel.yaml`,
    );
    expect(machine.runningVersion).toBe('versions/1.0.0-1');
    expect(machine.read('.systemctl/calls').split('\n').slice(0, 4)).toEqual([
      'daemon-reload',
      'enable lintel.service',
      'restart lintel.service',
      'is-active lintel.service',
    ]);
    const config = parse(machine.read('etc/lintel/lintel.yaml')) as Record<string, unknown>;
    expect(config).toMatchObject({ dataDir: '/var/lib/lintel/data', keysDir: '/etc/lintel/keys', cameras: [] });
    expect(statSync(machine.path('var/lib/lintel')).mode & 0o777).toBe(0o700);
    expect(statSync(machine.path('etc/lintel/keys')).mode & 0o777).toBe(0o700);
    expect(machine.has('opt/lintel/current/var')).toBe(false);
    expect(machine.has('usr/local/bin/lintel')).toBe(true);
    // The console is installed as it was bundled: scripts/setup bundles it again only where its sources changed.
    expect(machine.read('opt/lintel/current/dist/console/files/main-ABCDEFGH.js')).toBe('0;');
  });

  it('upgrades when it runs again, and keeps data, configuration and the last three versions', async () => {
    const machine = new Machine();
    for (const old of ['0.8.0-1', '0.9.0-1', '0.9.0-2']) {
      mkdirSync(machine.path(`opt/lintel/versions/${old}`), { recursive: true });
    }
    await machine.install(checkout('1.0.0'));
    expect(machine.versions).toEqual(['0.9.0-1', '0.9.0-2', '1.0.0-1']);
    writeFileSync(machine.path('var/lib/lintel/face'), 'sealed');
    writeFileSync(machine.path('etc/lintel/lintel.yaml'), 'deviceId: gate\n');
    expect((await machine.install(checkout('1.0.0'))).code).toBe(0);
    expect(machine.versions).toEqual(['0.9.0-2', '1.0.0-1', '1.0.0-2']);
    expect(machine.current).toBe('versions/1.0.0-2');
    expect(machine.runningVersion).toBe('versions/1.0.0-2');
    expect(machine.read('var/lib/lintel/face')).toBe('sealed');
    expect(machine.read('etc/lintel/lintel.yaml')).toBe('deviceId: gate\n');
  });

  it.each(['exits', 'silent', 'unready'] as const)(
    'restores the previous version when the new one is %s',
    async (behaviour) => {
      const machine = new Machine();
      const first = checkout('1.0.0');
      await machine.install(first);
      const second = checkout('2.0.0', behaviour);
      writeFileSync(
        join(second, 'systemd/lintel.service'),
        `${machine.read('etc/systemd/system/lintel.service')}# 2\n`,
      );
      const { code, stderr } = await machine.install(second, '--ready-timeout', '2');
      expect(code).toBe(3);
      expect(stderr).toContain(
        'install: version 2.0.0-1 did not become ready within 2 s; for the reason: journalctl -u lintel',
      );
      expect(stderr).toContain('install: version 1.0.0-1 runs again');
      expect(machine.current).toBe('versions/1.0.0-1');
      expect(machine.versions).toEqual(['1.0.0-1']);
      expect(machine.runningVersion).toBe('versions/1.0.0-1');
      expect(machine.read('etc/systemd/system/lintel.service')).not.toContain('# 2');
    },
  );

  it('keeps a first version that never becomes ready, and reports it', async () => {
    const { code, stderr } = await new Machine().install(checkout('1.0.0', 'exits'));
    expect(code).toBe(4);
    expect(stderr).toContain('install: there is no previous version to restore; systemd keeps trying');
  });

  it('reports that the previous version does not become ready again either', async () => {
    const machine = new Machine();
    await machine.install(checkout('1.0.0', 'exits'));
    const { code, stderr } = await machine.install(checkout('2.0.0', 'exits'));
    expect(code).toBe(4);
    expect(stderr).toContain('version 1.0.0-1 was restored, but does not become ready either');
    expect(machine.current).toBe('versions/1.0.0-1');
  });

  it('changes nothing when the new version cannot be built', async () => {
    const machine = new Machine();
    await machine.install(checkout('1.0.0'));
    const { code, stderr } = await machine.install(checkout('2.0.0', 'unbuildable'));
    expect(code).toBe(1);
    expect(stderr).toContain('setup: no compiler\ninstall: version 2.0.0-1 could not be built; nothing was changed');
    expect(machine.versions).toEqual(['1.0.0-1']);
    expect(machine.runningVersion).toBe('versions/1.0.0-1');
  });

  it('removes the leftovers of an interrupted installation', async () => {
    const machine = new Machine();
    mkdirSync(machine.path('opt/lintel/versions/.new-abc123/dist'), { recursive: true });
    expect((await machine.install(checkout('1.0.0'))).code).toBe(0);
    expect(machine.versions).toEqual(['1.0.0-1']);
  });

  it('does not start while another installation is running', async () => {
    const machine = new Machine();
    mkdirSync(machine.path('opt/lintel'), { recursive: true });
    const other = spawn('flock', [machine.path('opt/lintel/.install-lock'), 'sh', '-c', 'echo locked; exec sleep 60']);
    onTestFinished(() => void other.kill('SIGKILL'));
    await once(other.stdout, 'data');
    const { code, stderr } = await machine.install(checkout('1.0.0'));
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'install: another installation is running\n' });
  });

  it('makes files that the service can read even if the umask of root is strict', async () => {
    const machine = new Machine();
    const command = `umask 077; exec "$0" --root "$1"`;
    const install = join(checkout('1.0.0'), 'scripts/install');
    expect((await run('sh', ['-c', command, install, machine.root])).code).toBe(0);
    for (const path of [
      'opt/lintel',
      'opt/lintel/versions/1.0.0-1/bin',
      'opt/lintel/current/dist/cli',
      'usr/local/bin',
    ]) {
      expect(statSync(machine.path(path)).mode & 0o055, path).toBe(0o055);
    }
  });

  it('starts nothing when it installs into the root of an image, and leaves the user to the first start', async () => {
    const machine = new Machine();
    const { code, stdout } = await run(join(checkout('1.0.0'), 'scripts/install'), ['--root', machine.root]);
    expect(code).toBe(0);
    expect(stdout).toContain('it starts with the machine');
    expect(machine.has('.systemctl')).toBe(false);
    expect(machine.read('etc/systemd/system/multi-user.target.wants/lintel.service')).toContain('Type=notify');
    expect(machine.read('usr/lib/sysusers.d/lintel.conf')).toContain('\nu lintel ');
    expect(machine.read('usr/lib/tmpfiles.d/lintel.conf')).toContain('\nd /etc/lintel/keys 0700 lintel lintel\n');
  });
});
