// `lintel doctor`: the findings of each check, and the report as a whole.
import { chmod, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkAddon, checkClock, checkLibraries, checkNode } from '../../../src/cli/doctor/machine.js';
import { checkApiKeys, checkDataDir, checkMasterKey, judgeSpace } from '../../../src/cli/doctor/storage.js';
import type { DoctorHooks } from '../../../src/cli/doctor/checks.js';
import { registerDoctor } from '../../../src/cli/doctor/doctor.js';
import { registerKeys } from '../../../src/cli/keys.js';
import { AppError } from '../../../src/errors.js';
import { tempDir } from '../../support/temp-dir.js';
import { closedPort } from '../ports.js';
import { lintel, type Run } from '../terminal.js';

const isRoot = process.getuid?.() === 0;
if (isRoot) console.warn('skipped: a data directory that cannot be written: root can write everywhere');

describe('the machine', () => {
  it.each([
    ['20.18.3', 'fail'],
    ['18.20.0', 'fail'],
    ['20.19.0', 'ok'],
    ['22.0.0', 'ok'],
  ])('node %s is %s', (version, level) => {
    expect(checkNode(version)).toMatchObject([{ level }]);
  });

  it('a clock before the installation is a failure', async () => {
    const dir = tempDir();
    const installed = join(dir, 'package.json');
    await writeFile(installed, '');
    await utimes(installed, new Date('2026-03-01'), new Date('2026-03-01'));
    const places = {
      installed,
      synchronised: join(dir, 'synchronized'),
      batteryClocks: join(dir, 'rtc'),
      kernel: async (): Promise<string | undefined> => undefined,
    };
    await mkdir(join(places.batteryClocks, 'rtc0'), { recursive: true });
    const at = (time: string, more = {}) => checkClock(Date.parse(time), { ...places, ...more });
    expect(await at('1970-01-01T00:00:09Z')).toMatchObject([{ level: 'fail' }]);
    expect(await at('2026-02-28T01:00:00Z')).toMatchObject([{ level: 'ok' }]);
    const now = '2026-03-02T00:00:00.000Z';
    expect(await at('2026-03-02')).toEqual([
      { level: 'ok', text: `${now}; this system does not say whether the clock is synchronised` },
    ]);
    expect(await at('2026-03-02', { kernel: async () => 'no\n' })).toEqual([
      { level: 'warn', text: `${now}, not synchronised: set up a time server` },
    ]);
    const synchronised = [{ level: 'ok', text: `${now}, synchronised with a time server` }];
    expect(await at('2026-03-02', { kernel: async () => 'yes\n' })).toEqual(synchronised);
    await writeFile(places.synchronised, '');
    expect(await at('2026-03-02', { kernel: async () => 'no\n' })).toEqual(synchronised);
    const [finding] = await at('2026-03-02', { batteryClocks: join(dir, 'none') });
    expect(finding?.text).toContain('the clock has no battery');
  });

  it('a library that cannot be loaded is named with the reason', async () => {
    const doors: [string, () => Promise<unknown>][] = [
      ['good', () => Promise.resolve()],
      ['bad', () => Promise.reject(new Error('no such symbol'))],
    ];
    expect(await checkLibraries(doors)).toEqual([{ level: 'fail', text: 'bad cannot be loaded: no such symbol' }]);
    expect(await checkLibraries(doors.slice(0, 1))).toEqual([{ level: 'ok', text: 'good' }]);
  });

  it('a missing addon is a failure, with the reason of the system', () => {
    const load = (): never => {
      throw new AppError('ADDON_MISSING', 'no addon', { cause: new Error('cannot open shared object file') });
    };
    expect(checkAddon(load)).toEqual([{ level: 'fail', text: 'no addon (cannot open shared object file)' }]);
  });

  it('a missing back-end of OpenCV is a warning that names the cameras it is for', () => {
    const info = () => ({ opencv: '4.6.0', ffmpeg: '5.1.9', backends: ['V4L2'] });
    expect(checkAddon(() => ({ info }))).toEqual([
      { level: 'ok', text: 'FFmpeg 5.1.9, OpenCV 4.6.0, video back-ends V4L2' },
      { level: 'warn', text: 'OpenCV has no back-end GSTREAMER: CSI cameras do not work' },
    ]);
  });
});

describe('the storage', () => {
  it('a data directory that does not exist is ok where its parent is writable', async () => {
    const dir = tempDir();
    const [place] = await checkDataDir(join(dir, 'var/data'));
    expect(place).toEqual({ level: 'ok', text: `${dir}/var/data, which the first start will create` });
  });

  it('a data directory that is open to other users is a warning', async () => {
    const dir = tempDir();
    await chmod(dir, 0o755);
    const findings = await checkDataDir(dir);
    expect(findings[1]).toEqual({ level: 'warn', text: `${dir} is open to other users (mode 755): run chmod 700` });
    await chmod(dir, 0o700);
    expect(await checkDataDir(dir)).toHaveLength(2);
  });

  it('a data directory in which others can write, or that holds a link, is a failure; an open folder above is a warning', async () => {
    const parent = tempDir();
    const dir = join(parent, 'data');
    await mkdir(join(dir, 'db'), { recursive: true });
    await chmod(parent, 0o777);
    await chmod(dir, 0o770);
    await symlink('nowhere', join(dir, 'db/000005.ldb'));
    expect((await checkDataDir(dir)).slice(1, -1)).toEqual([
      {
        level: 'fail',
        text: `other users can write to ${dir} (mode 770); forbid that with: chmod -R go-w ${dir}`,
      },
      { level: 'fail', text: `${dir}/db/000005.ldb is a symbolic link; put what it points to in its place` },
      { level: 'warn', text: `anybody can write to ${parent}, and so replace ${dir}: run chmod o-w ${parent}` },
    ]);
  });

  it('a file in place of the data directory, or of a folder above it, is a failure', async () => {
    const file = join(tempDir(), 'data');
    await writeFile(file, '');
    for (const path of [file, join(file, 'db')]) {
      expect(await checkDataDir(path)).toEqual([{ level: 'fail', text: `${file} is not a folder` }]);
    }
  });

  it.skipIf(isRoot)('a data directory that cannot be written is a failure', async () => {
    const dir = tempDir();
    await chmod(dir, 0o500);
    expect((await checkDataDir(dir))[0]).toMatchObject({ level: 'fail' });
  });

  it.each([
    [49_000_000, 'fail', '49.0 MB free'],
    [400_000_000, 'warn', '400.0 MB free'],
    [2_000_000_000, 'ok', '2.0 GB free'],
  ])('%i free bytes are %s', (free, level, text) => {
    expect(judgeSpace(free)).toEqual({ level, text });
  });

  it('the master key: none yet, present, unreadable, and missing where there is data', async () => {
    const dir = tempDir();
    const config = { dataDir: join(dir, 'data'), keysDir: join(dir, 'keys') };
    expect(await checkMasterKey(config, {})).toMatchObject({ level: 'ok', text: /no master key yet/ });
    await mkdir(join(config.dataDir, 'db'), { recursive: true });
    await writeFile(join(config.dataDir, 'db/CURRENT'), '');
    expect(await checkMasterKey(config, {})).toEqual({
      level: 'fail',
      text: `there is data in ${config.dataDir}, but no master key: put back the key that it was sealed with`,
    });
    const masterKey = Buffer.alloc(32, 1).toString('base64');
    expect(await checkMasterKey(config, { masterKey })).toEqual({
      level: 'ok',
      text: 'the master key comes from LINTEL_MASTER_KEY',
    });
    await expect(checkMasterKey(config, { masterKey: 'x' })).rejects.toThrow('32 bytes');
  });

  it('the keys: none yet, how many are valid, and a plain registry that is not used', async () => {
    const cwd = tempDir();
    const config = { dataDir: join(cwd, 'var/data'), keysDir: join(cwd, 'var/keys') };
    const context = { environment: {}, clock: Date.now };
    const keys = (...args: string[]): Promise<Run> => lintel(['keys', ...args], { keys: registerKeys }, { cwd });
    const none = 'there is no admin key yet: the first start creates one';
    expect(await checkApiKeys(config, context)).toEqual([
      { level: 'ok', text: 'there is no appKey yet: the first start creates one' },
      { level: 'ok', text: none },
    ]);
    await keys('add', 'one');
    await keys('add', 'two');
    expect(await checkApiKeys(config, context)).toEqual([
      { level: 'ok', text: '2 valid appKeys' },
      { level: 'ok', text: none },
    ]);
    await keys('revoke', 'two');
    await keys('add', 'desk', '--admin');
    const file = join(config.dataDir, 'admin-keys.json');
    await writeFile(file, '{"keys":[]}');
    expect(await checkApiKeys(config, context)).toEqual([
      { level: 'ok', text: '1 valid appKey' },
      { level: 'fail', text: `${file} is not used: the keys are in the sealed store; remove this file` },
      { level: 'ok', text: '1 valid admin key' },
    ]);
  });
});

describe('the report', () => {
  const hooks: DoctorHooks = {
    loadAddon: () => ({ info: () => ({ opencv: '4.6.0', ffmpeg: '5.1.9', backends: ['GSTREAMER', 'V4L2'] }) }),
    inspectModels: async ({ models }) => ({ lines: [`${models.set}: complete`, 'on cpu'] }),
  };
  const doctor = (cwd: string, args: string[] = [], more: DoctorHooks = {}): Promise<Run> =>
    lintel(
      ['doctor', ...args],
      { doctor: (command, context) => registerDoctor(command, context, { ...hooks, ...more }) },
      // The real clock: the fixed clock of the tests is older than the installation.
      { cwd, clock: Date.now },
    );

  it('of a working installation has a line for every check and exit code 0', async () => {
    const cwd = tempDir();
    await writeFile(join(cwd, 'lintel.yaml'), 'http: { port: 0 }\n');
    const { code, stdout, stderr } = await doctor(cwd, ['--config', 'lintel.yaml']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Lintel 1\.2\.3, \d{4}-/);
    const titles = stdout.split('\n').flatMap((line) => /^(?:ok {2}|warn|FAIL) {2}(\w+)/.exec(line)?.[1] ?? []);
    const machine = ['node', 'platform', 'memory', 'heat', 'clock', 'libraries', 'addon', 'video', 'unit'];
    const stored = ['data', 'keys', 'certificates', 'records', 'audit', 'models', 'groups'];
    const configured = ['config', ...stored, 'cameras', 'broker', 'fleet', 'service'];
    expect([...new Set(titles)]).toEqual([...machine, ...configured]);
    expect(stdout).toContain('standard: complete');
    expect(stdout).toMatch(/\n0 failed, \d+ warnings?, \d+ ok\n$/);
    expect(code).toBe(0);
  });

  it('has exit code 1 when something does not work, and continues after a check that throws', async () => {
    const { code, stdout, stderr } = await doctor(tempDir(), [], {
      inspectModels: () => Promise.reject(new Error('the manifest cannot be read')),
    });
    expect(code).toBe(1);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^FAIL {2}models +the manifest cannot be read$/m);
    expect(stdout).toMatch(/^ok {4}cameras /m);
    expect(stdout).toContain('\n1 failed, ');
  });

  it('lists the problems of the configuration, and still checks the machine', async () => {
    const cwd = tempDir();
    await writeFile(join(cwd, 'lintel.yaml'), 'deviceId: hunter2!\nhtpp: {}\n');
    const { code, stdout } = await doctor(cwd, ['--config', 'lintel.yaml']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAIL {2}config +the configuration .* is not valid:\n +deviceId: must match .*\n +htpp: /m);
    expect(stdout).toMatch(/^ok {4}node /m);
    expect(stdout).not.toContain('hunter2');
    expect(stdout).not.toContain('broker');
  });

  it('holds no secret', async () => {
    const cwd = tempDir();
    const masterKey = Buffer.alloc(32, 3).toString('base64');
    await mkdir(join(cwd, 'var/keys'), { recursive: true });
    await writeFile(join(cwd, 'var/keys/master.key'), masterKey, { mode: 0o600 });
    const { stdout: appKeys } = await lintel(['keys', 'add', 'default'], { keys: registerKeys }, { cwd });
    await writeFile(join(cwd, 'password'), 'hunter2', { mode: 0o600 });
    await writeFile(
      join(cwd, 'lintel.yaml'),
      `http: { port: 0 }\nmqtt: { url: "mqtt://127.0.0.1:${await closedPort()}", username: u, passwordFile: password }\n`,
    );
    const { stdout } = await doctor(cwd, ['--config', 'lintel.yaml']);
    expect(stdout).toContain(`the master key is in ${cwd}/var/keys`);
    expect(stdout).toContain('1 valid appKey');
    for (const secret of [...appKeys.trim().split('\n'), masterKey, 'hunter2']) expect(stdout).not.toContain(secret);
  });
});
