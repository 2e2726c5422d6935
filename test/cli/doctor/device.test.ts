// The doctor's findings about the device: memory, heat, inodes, video devices, the unit and the installed versions.
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkHeat,
  checkInodes,
  checkVideoDevices,
  judgeInodes,
  judgeMemory,
  judgeThrottling,
} from '../../../src/cli/doctor/device.js';
import { runCommand, type RunCommand } from '../../../src/cli/doctor/system.js';
import { checkUnit, checkVersions, judgeUnit } from '../../../src/cli/doctor/systemd.js';
import { tempDir } from '../../support/temp-dir.js';

const nothing: RunCommand = async () => undefined;

describe('memory', () => {
  it.each([
    ['MemTotal: 4000000 kB\nMemAvailable: 2000000 kB\nSwapTotal: 0 kB\n', 'ok', '2.0 GB of 4.1 GB available, no swap'],
    [
      'MemTotal: 1000000 kB\nMemAvailable: 90000 kB\nSwapTotal: 100000 kB\nSwapFree: 50000 kB\n',
      'warn',
      '92.2 MB of 1.0 GB available, 51.2 MB of 102.4 MB swap in use',
    ],
    ['', 'ok', 'this system does not report its memory'],
  ])('%j', (meminfo, level, text) => {
    expect(judgeMemory(meminfo)).toEqual([{ level, text }]);
  });
});

describe('heat', () => {
  it.each<[string, [string, string][]]>([
    ['throttled=0x0', [['ok', 'no low voltage and no throttling since the start']]],
    ['0', [['ok', 'no low voltage and no throttling since the start']]],
    [
      'throttled=0x50005',
      [
        ['fail', 'the supply voltage is too low'],
        ['fail', 'the processor is throttled'],
      ],
    ],
    ['80000', [['warn', 'the temperature limit was reached at some time since the start']]],
    ['', []],
    ['VCHI initialization failed', []],
  ])('of a Raspberry Pi whose firmware reports %j', (hex, expected) => {
    expect(judgeThrottling(hex)).toEqual(expected.map(([level, text]) => ({ level, text: `Raspberry Pi: ${text}` })));
  });

  it('is that of the hottest sensor', async () => {
    const sys = tempDir();
    expect(await checkHeat(sys, nothing)).toEqual([{ level: 'ok', text: 'this system has no temperature sensor' }]);
    const zones: [zone: string, temp: string][] = [
      ['thermal_zone0', '51200\n'],
      ['thermal_zone1', '81700\n'],
      ['cooling_device0', ''],
    ];
    for (const [zone, temp] of zones) {
      await mkdir(join(sys, 'class/thermal', zone), { recursive: true });
      await writeFile(join(sys, 'class/thermal', zone, 'temp'), temp);
    }
    expect(await checkHeat(sys, nothing)).toEqual([{ level: 'warn', text: '82 °C at the hottest of 2 sensors' }]);
    const pi: RunCommand = async (program) => (program === 'vcgencmd' ? 'throttled=0x4\n' : undefined);
    expect(await checkHeat(sys, pi)).toContainEqual({
      level: 'fail',
      text: 'Raspberry Pi: the processor is throttled',
    });
    await mkdir(join(sys, 'devices/platform/soc/soc:firmware'), { recursive: true });
    await writeFile(join(sys, 'devices/platform/soc/soc:firmware/get_throttled'), '0\n');
    expect((await checkHeat(sys, pi)).map(({ level }) => level)).toEqual(['warn', 'ok']);
  });
});

describe('inodes', () => {
  it.each([
    [{ files: 1_000_000, ffree: 9_999 }, [{ level: 'warn', text: '9999 of 1000000 inodes free' }]],
    [{ files: 1_000_000, ffree: 500_000 }, [{ level: 'ok', text: '500000 of 1000000 inodes free' }]],
    [{ files: 0, ffree: 0 }, []],
  ])('%j', (found, findings) => {
    expect(judgeInodes(found)).toEqual(findings);
  });

  it('are counted on the file system of a folder that does not exist yet', async () => {
    const dir = tempDir();
    const [here, there] = [await checkInodes(dir), await checkInodes(join(dir, 'not/yet'))];
    expect(there.length).toBe(here.length);
  });
});

describe('video devices', () => {
  it('may be missing', async () => {
    expect(await checkVideoDevices(tempDir(), nothing)).toMatchObject([{ level: 'ok' }]);
  });

  it('are listed in their order with group and mode', async () => {
    const dev = tempDir();
    for (const name of ['video10', 'video2', 'videocore', 'null'])
      await writeFile(join(dev, name), '', { mode: 0o600 });
    const texts = (await checkVideoDevices(dev, nothing)).map(({ level, text }) => `${level} ${text}`);
    expect(texts).toHaveLength(2);
    expect(texts[0]).toMatch(/^ok .*\/video2, group \S+, mode 600$/);
    expect(texts[1]).toMatch(/^ok .*\/video10, /);
  });

  const isRoot = process.getuid?.() === 0;
  if (isRoot) console.warn('skipped: devices that are closed to this user: to root none is closed');
  it.skipIf(isRoot)('that this user may not open come with a solution', async () => {
    const dev = tempDir();
    await writeFile(join(dev, 'video0'), '');
    await chmod(join(dev, 'video0'), 0);
    const [finding] = await checkVideoDevices(dev, nothing);
    expect(finding?.level).toBe('warn');
    expect(finding?.text).toMatch(/mode 0: this user may not open it, although it is in the group \S+$/);
  });
});

describe('a program of the system', () => {
  it('may be missing or fail', async () => {
    expect(await runCommand('uname', ['-s'])).toBe('Linux\n');
    expect(await runCommand('lintel-no-such-program', [])).toBeUndefined();
    expect(await runCommand('false', [])).toBeUndefined();
  });
});

describe('the unit', () => {
  const active = {
    LoadState: 'loaded',
    ActiveState: 'active',
    SubState: 'running',
    Result: 'success',
    UnitFileState: 'enabled',
    NRestarts: '0',
    NeedDaemonReload: 'no',
    StatusText: '1 of 1 cameras running, 3 recognitions',
    DropInPaths: '',
    ActiveEnterTimestamp: 'Mon 2026-03-02 00:00:00 UTC',
    MemoryCurrent: '450000000',
  };
  const shown = (more: Partial<typeof active>): string =>
    Object.entries({ ...active, ...more })
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');

  it.each<[Partial<typeof active>, [string, RegExp][]]>([
    [{}, [['ok', /^lintel.service is active \(running\) since Mon .*, 450.0 MB of memory: 1 of 1 cameras/]]],
    [{ LoadState: 'not-found' }, [['ok', /^Lintel is not installed as a service/]]],
    [
      {
        ActiveState: 'activating',
        SubState: 'auto-restart',
        Result: 'watchdog',
        NRestarts: '7',
        MemoryCurrent: '[not set]',
      },
      [
        ['warn', /is activating \(auto-restart\), last result watchdog: /],
        ['warn', /^systemd has restarted the service 7 times/],
      ],
    ],
    [{ ActiveState: 'failed', SubState: 'failed', StatusText: '' }, [['fail', /is failed \(failed\), 450/]]],
    [
      { UnitFileState: 'disabled' },
      [
        ['ok', /active/],
        ['warn', /does not start with the machine/],
      ],
    ],
    [
      { NeedDaemonReload: 'yes' },
      [
        ['ok', /active/],
        ['warn', /daemon-reload/],
      ],
    ],
    [
      { DropInPaths: '/etc/systemd/system/lintel.service.d/a.conf /run/b.conf' },
      [
        ['ok', /active/],
        ['ok', /^drop-in files change the unit: \/etc\/systemd\/system\/lintel.service.d\/a.conf, \/run\/b.conf$/],
      ],
    ],
  ])('%j', (more, expected) => {
    const findings = judgeUnit(shown(more));
    expect(findings.map(({ level }) => level)).toEqual(expected.map(([level]) => level));
    expected.forEach(([, text], index) => expect(findings[index]?.text).toMatch(text));
  });

  it('is not asked for properties that may hold a secret', async () => {
    let asked = '';
    await checkUnit(async (program, args) => ((asked = [program, ...args].join(' ')), undefined));
    expect(asked).toMatch(/^systemctl show lintel.service --property=/);
    expect(asked).not.toMatch(/Environment|Exec|Credential/);
    expect(await checkUnit(nothing)).toMatchObject([{ level: 'ok', text: /systemd does not run this machine/ }]);
  });
});

describe('the versions', () => {
  it('are listed, with the one in use', async () => {
    const folder = tempDir();
    expect(await checkVersions(folder)).toEqual([]);
    for (const name of ['1.0.0-1', '1.1.0-1', '.new-abc'])
      await mkdir(join(folder, 'versions', name), { recursive: true });
    expect(await checkVersions(folder)).toEqual([
      { level: 'fail', text: 'version in use: none; kept versions: 1.0.0-1, 1.1.0-1' },
    ]);
    await symlink('versions/1.1.0-1', join(folder, 'current'));
    expect(await checkVersions(folder)).toEqual([
      { level: 'ok', text: 'version in use: 1.1.0-1; kept versions: 1.0.0-1, 1.1.0-1' },
    ]);
  });
});
