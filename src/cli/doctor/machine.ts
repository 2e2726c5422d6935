// The doctor's look at the machine and the installation.
import { readFile, readdir, stat } from 'node:fs/promises';
import { arch, availableParallelism, freemem, platform, release, totalmem } from 'node:os';
import { packageFile } from '../../config/paths.js';
import { describeError } from '../../errors.js';
import { loadAddon, type Addon } from '../../native/addon.js';
import { askSystem } from './device.js';
import type { Finding } from './doctor.js';
import { bytesText } from '../progress.js';

const MIN_NODE = [20, 19] as const;

/** @param version such as 20.19.0 */
export function checkNode(version: string): Finding[] {
  const [major, minor] = version.split('.').map(Number);
  const enough = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  if (enough) return [{ level: 'ok', text: version }];
  return [{ level: 'fail', text: `${version} is too old, ${MIN_NODE.join('.')} or newer is needed` }];
}

export async function checkPlatform(): Promise<Finding[]> {
  const system = /^PRETTY_NAME="?([^"\n]+)/m.exec(await textOf('/etc/os-release'))?.[1];
  // Raspberry Pi and Jetson name the board here, with a NUL at the end.
  const board = (await textOf('/proc/device-tree/model')).replaceAll('\0', '');
  const memory = `${bytesText(freemem())} of ${bytesText(totalmem())} memory free`;
  const facts = [board, system, `${platform()} ${release()} ${arch()}`, `${availableParallelism()} cores`, memory];
  const supported = platform() === 'linux' && ['x64', 'arm64'].includes(arch());
  return [
    { level: supported ? 'ok' : 'warn', text: facts.filter(Boolean).join(', ') },
    ...(supported ? [] : [{ level: 'warn' as const, text: 'Lintel is made for Linux on x64 and arm64' }]),
  ];
}

/** A day: clocks and time zones of what unpacked the files may differ. */
const CLOCK_SLACK_MS = 86_400_000;

/** Where the system tells of its clock. */
export interface ClockPlaces {
  /** As old as the installation. */
  installed: URL | string;
  /** Left by systemd-timesyncd. */
  synchronised: string;
  /** Holds an entry for each clock that goes on without power. */
  batteryClocks: string;
  /** What the kernel says of its clock, whoever sets it: `yes`, `no`, or undefined where it cannot be asked. */
  kernel: () => Promise<string | undefined>;
}

const CLOCK_PLACES: ClockPlaces = {
  installed: packageFile(),
  synchronised: '/run/systemd/timesync/synchronized',
  batteryClocks: '/sys/class/rtc',
  kernel: () => askSystem('timedatectl', ['show', '--property=NTPSynchronized', '--value']),
};

/** A clock that is wrong lets grants expire at once, or never. */
export async function checkClock(nowMs: number, places: ClockPlaces = CLOCK_PLACES): Promise<Finding[]> {
  const installedMs = (await stat(places.installed)).mtimeMs;
  const now = new Date(nowMs).toISOString();
  if (nowMs < installedMs - CLOCK_SLACK_MS) {
    const installed = new Date(installedMs).toISOString();
    return [{ level: 'fail', text: `it says ${now}, but the installation is from ${installed}: set the clock` }];
  }
  const vouched = await stat(places.synchronised).then(
    () => true,
    () => false,
  );
  const kernel = (await places.kernel())?.trim();
  const hasBattery = (await readdir(places.batteryClocks).catch(() => [])).length > 0;
  const battery = hasBattery ? '' : '; no battery keeps it: it is wrong after a power cut, until a network sets it';
  if (vouched || kernel === 'yes') return [{ level: 'ok', text: `${now}, synchronised${battery}` }];
  if (kernel === 'no') return [{ level: 'warn', text: `${now}, not synchronised: is there a time server?${battery}` }];
  return [{ level: 'ok', text: `${now}; whether it is synchronised cannot be told${battery}` }];
}

/** The rooms that each hold a library with native code. */
const LIBRARY_DOORS: readonly [name: string, load: () => Promise<unknown>][] = [
  ['onnxruntime-node', () => import('../../models/session.js')],
  ['sharp', () => import('../../vision/decode.js')],
  ['classic-level', () => import('../../store/sealed-store.js')],
  ['usearch', () => import('../../gallery/vector-index.js')],
];

/** Loaded as late as here, so that one that does not load is a line of the report. */
export async function checkLibraries(doors = LIBRARY_DOORS): Promise<Finding[]> {
  const broken: Finding[] = [];
  for (const [name, load] of doors) {
    try {
      await load();
    } catch (error) {
      broken.push({ level: 'fail', text: `${name} does not load: ${describeError(error)}` });
    }
  }
  return broken.length > 0 ? broken : [{ level: 'ok', text: doors.map(([name]) => name).join(', ') }];
}

/** What the sources of a camera need of OpenCV. */
const BACKENDS = { V4L2: 'USB cameras', GSTREAMER: 'CSI cameras', FFMPEG: 'streams and files' };

export function checkAddon(load: () => Pick<Addon, 'info'> = loadAddon): Finding[] {
  let info: ReturnType<Addon['info']>;
  try {
    info = load().info();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? ` (${describeError(error.cause)})` : '';
    return [{ level: 'fail', text: `${describeError(error)}${cause}` }];
  }
  const missing = Object.entries(BACKENDS).filter(([name]) => !info.backends.includes(name));
  return [
    { level: 'ok', text: `OpenCV ${info.opencv}, video back-ends ${info.backends.join(', ') || 'none'}` },
    ...missing.map(([name, use]): Finding => ({ level: 'warn', text: `OpenCV has no ${name}: no ${use}` })),
  ];
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
