// The doctor's look at the device: memory, heat and throttling, inodes, and the video devices with their permissions.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Finding } from './doctor.js';
import { bytesText } from '../progress.js';

const HOT_CELSIUS = 80;
const LITTLE_MEMORY = 0.1;
const FEW_INODES = 10_000;
const COMMAND_TIMEOUT_MS = 3_000;

/** Runs a program of the system. @returns its standard output; undefined where it is not there or fails */
export type Ask = (program: string, args: readonly string[]) => Promise<string | undefined>;

export const askSystem: Ask = async (program, args) => {
  try {
    const options = { timeout: COMMAND_TIMEOUT_MS, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } };
    return (await promisify(execFile)(program, [...args], options)).stdout;
  } catch {
    return undefined;
  }
};

/** @param meminfo as /proc/meminfo */
export function memoryFindings(meminfo: string): Finding[] {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const [total, available] = [bytes('MemTotal'), bytes('MemAvailable')];
  if (total === 0) return [{ level: 'ok', text: 'not told by this system' }];
  const swap = bytes('SwapTotal');
  const swapped = swap === 0 ? 'no swap' : `${bytesText(swap - bytes('SwapFree'))} of ${bytesText(swap)} swap in use`;
  const level = available < total * LITTLE_MEMORY ? 'warn' : 'ok';
  return [{ level, text: `${bytesText(available)} of ${bytesText(total)} available, ${swapped}` }];
}

export async function checkMemory(): Promise<Finding[]> {
  return memoryFindings(await textOf('/proc/meminfo'));
}

/** The bits that the firmware of a Raspberry Pi sets; 16 higher: since the start. */
const THROTTLING = [
  'the supply voltage is too low',
  'the clock is capped',
  'it is throttled',
  'the heat limit is reached',
];

/** @param hex such as `50005` or `throttled=0x50005` */
export function throttlingFindings(hex: string): Finding[] {
  const bits = Number.parseInt(hex.replace(/^throttled=/, '').replace(/^0x/, ''), 16);
  if (Number.isNaN(bits)) return [];
  const now = THROTTLING.filter((_, bit) => bits & (1 << bit));
  const before = THROTTLING.filter((_, bit) => bits & (1 << (bit + 16)) && !(bits & (1 << bit)));
  return [
    ...now.map((text): Finding => ({ level: 'fail', text: `Raspberry Pi: ${text} now` })),
    ...before.map((text): Finding => ({ level: 'warn', text: `Raspberry Pi: since the start, at times: ${text}` })),
    ...(bits === 0
      ? [{ level: 'ok' as const, text: 'Raspberry Pi: neither heat nor a low voltage has slowed it down' }]
      : []),
  ];
}

/** @param sys where sysfs is */
export async function checkHeat(sys = '/sys', ask: Ask = askSystem): Promise<Finding[]> {
  const thermal = join(sys, 'class/thermal');
  const zones = (await readdir(thermal).catch(() => [])).filter((name) => name.startsWith('thermal_zone'));
  const celsius: number[] = [];
  for (const zone of zones) {
    const text = (await textOf(join(thermal, zone, 'temp'))).trim();
    if (/^\d+$/.test(text)) celsius.push(Number(text) / 1_000);
  }
  const hottest = Math.max(...celsius);
  const level = hottest >= HOT_CELSIUS ? 'warn' : 'ok';
  const firmware = await textOf(join(sys, 'devices/platform/soc/soc:firmware/get_throttled'));
  return [
    celsius.length === 0
      ? { level: 'ok', text: 'no sensor of the system tells it' }
      : { level, text: `${hottest.toFixed(0)} °C at the hottest of ${celsius.length} sensors` },
    ...throttlingFindings(firmware.trim() || ((await ask('vcgencmd', ['get_throttled'])) ?? '').trim()),
  ];
}

/** File systems run out of inodes while space is left. @param folder or, where it is not there yet, one above it */
export async function checkInodes(folder: string): Promise<Finding[]> {
  let found: { files: number; ffree: number } | undefined;
  for (let at = folder; found === undefined; at = join(at, '..')) {
    found = await statfs(at).catch(() => undefined);
    if (at === '/') break;
  }
  return inodeFindings(found ?? { files: 0, ffree: 0 });
}

/** @param found of statfs; btrfs and others count none */
export function inodeFindings({ files, ffree }: { files: number; ffree: number }): Finding[] {
  if (files === 0) return [];
  return [{ level: ffree < FEW_INODES ? 'warn' : 'ok', text: `${ffree} of ${files} inodes free` }];
}

/** Every V4L2 device, whether this user may open it, and to whom it belongs. */
export async function checkVideoDevices(dev = '/dev', ask: Ask = askSystem): Promise<Finding[]> {
  const names = (await readdir(dev).catch(() => [])).filter((name) => /^video\d+$/.test(name));
  if (names.length === 0) return [{ level: 'ok', text: 'no video device here: neither a USB nor a CSI camera' }];
  const groups = new Map<number, string>();
  for (const line of (await textOf('/etc/group')).split('\n')) {
    const [name, , gid] = line.split(':');
    if (gid) groups.set(Number(gid), name);
  }
  const mine = new Set(process.getgroups?.() ?? []);
  return Promise.all(
    names
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map(async (name): Promise<Finding> => {
        const path = join(dev, name);
        const { gid, mode } = await stat(path);
        const group = groups.get(gid) ?? String(gid);
        const model = (await textOf(`/sys/class/video4linux/${name}/name`)).trim();
        const owner = `${path}${model && ` (${model})`}, group ${group}, mode ${(mode & 0o777).toString(8)}`;
        try {
          await access(path, constants.R_OK | constants.W_OK);
          return { level: 'ok', text: owner };
        } catch {
          const user = (await ask('id', ['-un']))?.trim() ?? 'this user';
          const member = mine.has(gid)
            ? `${user} is in ${group}`
            : `${user} is not in ${group}: usermod -aG ${group} ${user}`;
          return { level: 'warn', text: `${owner}: closed to this user; ${member}` };
        }
      }),
  );
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
