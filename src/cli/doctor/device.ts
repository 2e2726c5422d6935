// The doctor's check of the device: memory, heat and throttling, inodes, and the video devices with their permissions.
import { constants } from 'node:fs';
import { access, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { readTemperature } from '../../ops/temperature.js';
import { formatBytes } from '../output.js';
import { fail, ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import { readTextOrNothing, runCommand, type RunCommand } from './system.js';

const HOT_CELSIUS = 80;
/** Share of the memory below which a warning is given. */
const LITTLE_MEMORY = 0.1;
const FEW_INODES = 10_000;

export async function checkMemory(): Promise<DoctorFinding[]> {
  return judgeMemory(await readTextOrNothing('/proc/meminfo'));
}

/** @param meminfo text in the form of /proc/meminfo */
export function judgeMemory(meminfo: string): DoctorFinding[] {
  const readBytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const [total, available] = [readBytes('MemTotal'), readBytes('MemAvailable')];
  if (total === 0) return [ok('this system does not report its memory')];
  const swap = readBytes('SwapTotal');
  const usedSwap = swap - readBytes('SwapFree');
  const swapText = swap === 0 ? 'no swap' : `${formatBytes(usedSwap)} of ${formatBytes(swap)} swap in use`;
  const level = available < total * LITTLE_MEMORY ? 'warn' : 'ok';
  return [{ level, text: `${formatBytes(available)} of ${formatBytes(total)} available, ${swapText}` }];
}

/** Meaning of bits 0 to 3 that the firmware of a Raspberry Pi sets. Bits 16 to 19 mean: at some time since the start. */
const THROTTLING = [
  { now: 'the supply voltage is too low', before: 'the supply voltage was too low' },
  { now: 'the processor runs at a lower clock rate', before: 'the processor ran at a lower clock rate' },
  { now: 'the processor is throttled', before: 'the processor was throttled' },
  { now: 'the temperature limit is reached', before: 'the temperature limit was reached' },
] as const;

/** @param hex value of the firmware, such as `50005` or `throttled=0x50005` */
export function judgeThrottling(hex: string): DoctorFinding[] {
  const bits = Number.parseInt(hex.replace(/^throttled=/, '').replace(/^0x/, ''), 16);
  if (Number.isNaN(bits)) return [];
  const isNow = (bit: number): boolean => (bits & (1 << bit)) !== 0;
  const wasBefore = (bit: number): boolean => (bits & (1 << (bit + 16))) !== 0 && !isNow(bit);
  return [
    ...THROTTLING.filter((_, bit) => isNow(bit)).map(({ now }) => fail(`Raspberry Pi: ${now}`)),
    ...THROTTLING.filter((_, bit) => wasBefore(bit)).map(({ before }) =>
      warn(`Raspberry Pi: ${before} at some time since the start`),
    ),
    ...(bits === 0 ? [ok('Raspberry Pi: no low voltage and no throttling since the start')] : []),
  ];
}

/** @param sys folder where sysfs is mounted */
export async function checkHeat(sys = '/sys', run: RunCommand = runCommand): Promise<DoctorFinding[]> {
  const hottest = await readTemperature(sys);
  const firmware = await readTextOrNothing(join(sys, 'devices/platform/soc/soc:firmware/get_throttled'));
  return [
    hottest === undefined
      ? ok('this system has no temperature sensor')
      : {
          level: hottest.celsius >= HOT_CELSIUS ? 'warn' : 'ok',
          text: `${hottest.celsius.toFixed(0)} °C at the hottest of ${hottest.sensors} sensors`,
        },
    ...judgeThrottling(firmware.trim() || ((await run('vcgencmd', ['get_throttled'])) ?? '').trim()),
  ];
}

/** Checks the inodes, which a file system can run out of while it has space left. @param folder need not exist: its nearest parent counts */
export async function checkInodes(folder: string): Promise<DoctorFinding[]> {
  let found: { files: number; ffree: number } | undefined;
  for (let at = folder; found === undefined; at = join(at, '..')) {
    found = await statfs(at).catch(() => undefined);
    if (at === '/') break;
  }
  return judgeInodes(found ?? { files: 0, ffree: 0 });
}

/** @param found result of statfs; btrfs and other file systems report 0 inodes */
export function judgeInodes({ files, ffree }: { files: number; ffree: number }): DoctorFinding[] {
  if (files === 0) return [];
  return [{ level: ffree < FEW_INODES ? 'warn' : 'ok', text: `${ffree} of ${files} inodes free` }];
}

/** Lists every V4L2 device with its group and mode, and warns of those that this user may not open. */
export async function checkVideoDevices(dev = '/dev', run: RunCommand = runCommand): Promise<DoctorFinding[]> {
  const names = (await readdir(dev).catch(() => [])).filter((name) => /^video\d+$/.test(name));
  if (names.length === 0) return [ok('this machine has no video device: neither a USB nor a CSI camera')];
  const groups = await readGroups();
  const own = new Set(process.getgroups?.() ?? []);
  return Promise.all(
    names
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map(async (name): Promise<DoctorFinding> => {
        const path = join(dev, name);
        const { gid, mode } = await stat(path);
        const group = groups.get(gid) ?? String(gid);
        const model = (await readTextOrNothing(`/sys/class/video4linux/${name}/name`)).trim();
        const device = `${path}${model && ` (${model})`}, group ${group}, mode ${(mode & 0o777).toString(8)}`;
        try {
          await access(path, constants.R_OK | constants.W_OK);
          return ok(device);
        } catch {
          const user = (await run('id', ['-un']))?.trim() ?? 'this user';
          const membership = own.has(gid)
            ? `although it is in the group ${group}`
            : `because it is not in the group ${group}: run usermod -aG ${group} ${user}`;
          return warn(`${device}: ${user} may not open it, ${membership}`);
        }
      }),
  );
}

/** @returns the names of the system's groups by their ids */
async function readGroups(): Promise<Map<number, string>> {
  const groups = new Map<number, string>();
  for (const line of (await readTextOrNothing('/etc/group')).split('\n')) {
    const [name, , gid] = line.split(':');
    if (name && gid) groups.set(Number(gid), name);
  }
  return groups;
}
