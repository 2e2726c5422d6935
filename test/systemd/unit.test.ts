// The systemd unit: checked with systemd-analyze, and against the rest of the installation.
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { STOP_BUDGET } from '../../src/compose/stop-budget.js';
import { generateServerFiles } from '../../src/fleet/nats/server-config.js';
import { makeServerKeys } from '../../src/fleet/nats/server-keys.js';
import { ALLOCATOR } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import { Machine, checkout, projectRoot, run } from './checkout.js';

const unit = readFileSync(join(projectRoot, 'systemd/lintel.service'), 'utf8');

/** Returns every value of a directive, in order. */
function values(key: string, text = unit): string[] {
  return [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

const lacks = spawnSync('systemd-analyze', ['--version']).error !== undefined;
if (lacks)
  console.warn(
    'skipped: the checks of the unit with systemd-analyze, which is not installed (Debian: package systemd)',
  );

describe.skipIf(lacks)('systemd-analyze', () => {
  it('rates the exposure of the unit at 1.5 or less', async () => {
    const args = ['security', '--offline=true', '--no-pager', join(projectRoot, 'systemd/lintel.service')];
    const { stdout, stderr } = await run('systemd-analyze', args);
    const exposure = /Overall exposure level for lintel\.service: ([\d.]+)/.exec(stdout)?.[1];
    expect(Number(exposure), stdout + stderr).toBeLessThanOrEqual(1.5);
  });

  it('finds no fault in the installed unit', async () => {
    const machine = new Machine();
    await run(join(checkout('1.0.0'), 'scripts/install'), ['--root', machine.root]);
    // verify looks for the program of ExecStart on this machine, also for a unit of another root, so its path is changed.
    const installed = machine.path('etc/systemd/system/lintel.service');
    const text = readFileSync(installed, 'utf8').replaceAll('=/opt/lintel/', `=${machine.root}/opt/lintel/`);
    writeFileSync(installed, text);
    const { code, stdout, stderr } = await run('systemd-analyze', ['verify', '--man=false', installed]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('accepts the examples of drop-ins', async () => {
    const folder = tempDir();
    const program = unit.replaceAll(/^ExecStart=.*$/gm, 'ExecStart=/bin/true');
    writeFileSync(join(folder, 'lintel.service'), program);
    cpSync(join(projectRoot, 'systemd/examples'), join(folder, 'lintel.service.d'), { recursive: true });
    const args = ['verify', '--man=false', join(folder, 'lintel.service')];
    const { code, stderr } = await run('systemd-analyze', args, { SYSTEMD_UNIT_PATH: `${folder}:` });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    writeFileSync(join(folder, 'lintel.service.d/wrong.conf'), '[Service]\nNoSuchKey=1\n');
    expect((await run('systemd-analyze', args, { SYSTEMD_UNIT_PATH: `${folder}:` })).stderr).toContain('NoSuchKey');
  });
});

describe('the unit', () => {
  it('sets the allocator as scripts/start and the tests do', () => {
    const setting = values('Environment').find((value) => value.startsWith('GLIBC_TUNABLES='));
    expect(setting).toBe(`GLIBC_TUNABLES=${ALLOCATOR.GLIBC_TUNABLES}`);
    expect(readFileSync(join(projectRoot, 'scripts/start'), 'utf8')).toContain(`export ${setting}\n`);
  });

  it('accepts READY and WATCHDOG from the main process only', () => {
    expect(values('Type')).toEqual(['notify']);
    expect(values('NotifyAccess')).toEqual(['main']);
    expect(values('WatchdogSec')).toEqual(['30s']);
  });

  it('allows more time for a stop than the stop budget, for the end of the process', () => {
    const [seconds] = values('TimeoutStopSec').map((value) => Number(/^(\d+)s$/.exec(value)?.[1]));
    expect(seconds).toBeGreaterThanOrEqual(STOP_BUDGET.totalMs / 1_000 + 1);
    expect(seconds).toBeLessThanOrEqual(10);
  });

  it('never stops restarting the service', () => {
    expect(values('Restart')).toEqual(['always']);
    expect(values('StartLimitIntervalSec')).toEqual(['0']);
  });

  it('needs no credential: their paths are relative', () => {
    const credentials = values('LoadCredential').map((value) => value.split(':'));
    expect(credentials.map(([id]) => id)).toEqual(['master-key', 'signing-key', 'mqtt-password']);
    for (const [id, path] of credentials) expect(path).toBe(`lintel.${id}`);
  });

  it('uses only directives that Debian 12 (systemd 252) knows', () => {
    for (const newer of ['RestartSteps', 'RestartMaxDelaySec', 'ImportCredential', 'MemoryZSwapMax']) {
      expect(values(newer), newer).toEqual([]);
    }
    const steps = readFileSync(join(projectRoot, 'systemd/restart-steps.conf'), 'utf8');
    expect(values('RestartSteps', steps)).toEqual(['10']);
  });

  it('lets the service write the data and key folders of the installed configuration', async () => {
    const machine = new Machine();
    await run(join(checkout('1.0.0'), 'scripts/install'), ['--root', machine.root]);
    const config = machine.read('etc/lintel/lintel.yaml');
    expect(`/var/lib/${values('StateDirectory')[0]}/data`).toBe(/^dataDir: (.*)$/m.exec(config)?.[1]);
    expect(values('ReadWritePaths')).toEqual([`-${/^keysDir: (.*)$/m.exec(config)?.[1]}`]);
  });

  it('lets the service open video devices and no others', () => {
    expect(values('DevicePolicy')).toEqual(['closed']);
    expect(values('DeviceAllow')).toEqual(['char-video4linux rw']);
  });
});

describe('the unit of the NATS server', () => {
  const nats = readFileSync(join(projectRoot, 'systemd/lintel-nats.service'), 'utf8');

  it.skipIf(lacks)('is rated 1.5 or less, and has no fault', async () => {
    const args = ['security', '--offline=true', '--no-pager', join(projectRoot, 'systemd/lintel-nats.service')];
    const { stdout, stderr } = await run('systemd-analyze', args);
    const exposure = /Overall exposure level for lintel-nats\.service: ([\d.]+)/.exec(stdout)?.[1];
    expect(Number(exposure), stdout + stderr).toBeLessThanOrEqual(1.5);
    const file = join(tempDir(), 'lintel-nats.service');
    writeFileSync(file, nats.replaceAll(/^ExecStart=.*$/gm, 'ExecStart=/bin/true'));
    const verified = await run('systemd-analyze', ['verify', '--man=false', file]);
    expect({ code: verified.code, stderr: verified.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('runs the generated configuration as another user, which writes the store alone', () => {
    const making = { now: Date.now, randomBytes };
    const keys = makeServerKeys({ fleet: 'aa', ...making });
    const { files } = generateServerFiles(keys, { hosts: ['fleet.example.org'], ...making });
    const config = files.find(({ name }) => name === 'nats-server.conf')!.content;
    const path = /-c (\S+)$/.exec(values('ExecStart', nats)[0] ?? '')?.[1];
    expect(config).toContain(`"nats-server -t -c ${path}"`);
    expect(config).toContain(`store_dir: "/var/lib/${values('StateDirectory', nats)[0]}"`);
    expect(values('User', nats)).toEqual(['nats']);
    expect(values('ReadWritePaths', nats)).toEqual([]);
  });

  it('is installed but not enabled, and stays where a server was set up', async () => {
    const machine = new Machine();
    const source = checkout('1.0.0');
    await run(join(source, 'scripts/install'), ['--root', machine.root]);
    expect(machine.read('etc/systemd/system/lintel-nats.service')).toBe(nats);
    expect(existsSync(machine.path('etc/systemd/system/multi-user.target.wants/lintel-nats.service'))).toBe(false);
    mkdirSync(machine.path('etc/lintel-nats'), { recursive: true });
    await run(join(source, 'scripts/uninstall'), ['--root', machine.root]);
    expect(machine.read('etc/systemd/system/lintel-nats.service')).toBe(nats);
    rmSync(machine.path('etc/lintel-nats'), { recursive: true });
    await run(join(source, 'scripts/uninstall'), ['--root', machine.root]);
    expect(existsSync(machine.path('etc/systemd/system/lintel-nats.service'))).toBe(false);
  });
});
