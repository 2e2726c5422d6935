// The doctor's check of the machine and the installation: Node, the system, the clock, the libraries, the native addon.
import { readdir, stat } from 'node:fs/promises';
import { arch, availableParallelism, freemem, platform, release, totalmem } from 'node:os';
import { getPackageFile } from '../../config/paths.js';
import { describeError } from '../../errors.js';
import { loadAddon, type Addon } from '../../native/addon.js';
import { formatBytes } from '../output.js';
import { fail, ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import { readTextOrNothing, runCommand } from './system.js';

const MIN_NODE = [20, 19] as const;

/** @param version version of Node.js, such as 20.19.0 */
export function checkNode(version: string): DoctorFinding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  if (isEnough) return [ok(version)];
  return [fail(`Node.js ${version} is too old: install ${MIN_NODE.join('.')} or newer`)];
}

export async function checkPlatform(): Promise<DoctorFinding[]> {
  const system = /^PRETTY_NAME="?([^"\n]+)/m.exec(await readTextOrNothing('/etc/os-release'))?.[1];
  // A Raspberry Pi and a Jetson have the name of the board here, with a NUL at its end.
  const board = (await readTextOrNothing('/proc/device-tree/model')).replaceAll('\0', '');
  const memory = `${formatBytes(freemem())} of ${formatBytes(totalmem())} memory free`;
  const facts = [board, system, `${platform()} ${release()} ${arch()}`, `${availableParallelism()} cores`, memory];
  const text = facts.filter(Boolean).join(', ');
  const isSupported = platform() === 'linux' && ['x64', 'arm64'].includes(arch());
  return isSupported ? [ok(text)] : [warn(text), warn('Lintel supports only Linux on x64 and arm64')];
}

/** A day: the clock and the time zone of the program that unpacked the installation may differ. */
const CLOCK_SLACK_MS = 86_400_000;

/** Places where the system tells the state of its clock. */
export interface ClockPlaces {
  /** A file that is as old as the installation. */
  installed: URL | string;
  /** The file that systemd-timesyncd writes when it has set the clock. */
  synchronised: string;
  /** The folder with an entry for each clock that runs on a battery. */
  batteryClocks: string;
  /** Asks the kernel whether its clock is synchronised: `yes`, `no`, or undefined where it cannot be asked. */
  kernel: () => Promise<string | undefined>;
}

const CLOCK_PLACES: ClockPlaces = {
  installed: getPackageFile(),
  synchronised: '/run/systemd/timesync/synchronized',
  batteryClocks: '/sys/class/rtc',
  kernel: () => runCommand('timedatectl', ['show', '--property=NTPSynchronized', '--value']),
};

/** Checks the clock: with a wrong one, events expire at once or never. */
export async function checkClock(nowMs: number, places: ClockPlaces = CLOCK_PLACES): Promise<DoctorFinding[]> {
  const installedMs = (await stat(places.installed)).mtimeMs;
  const now = new Date(nowMs).toISOString();
  if (nowMs < installedMs - CLOCK_SLACK_MS) {
    const installed = new Date(installedMs).toISOString();
    return [fail(`the clock says ${now}, but Lintel was installed on ${installed}: set the clock`)];
  }
  const hasTimesyncFile = await stat(places.synchronised).then(
    () => true,
    () => false,
  );
  const kernel = (await places.kernel())?.trim();
  const hasBattery = (await readdir(places.batteryClocks).catch(() => [])).length > 0;
  const battery = hasBattery
    ? ''
    : '; the clock has no battery: after a power cut it is wrong until a time server sets it';
  if (hasTimesyncFile || kernel === 'yes') return [ok(`${now}, synchronised with a time server${battery}`)];
  if (kernel === 'no') return [warn(`${now}, not synchronised: set up a time server${battery}`)];
  return [ok(`${now}; this system does not say whether the clock is synchronised${battery}`)];
}

/** The libraries with native code, each with the module that loads it. */
const NATIVE_LIBRARIES: readonly [name: string, load: () => Promise<unknown>][] = [
  ['onnxruntime-node', () => import('../../models/session.js')],
  ['sharp', () => import('../../vision/decode.js')],
  ['classic-level', () => import('../../store/sealed-store.js')],
  ['usearch', () => import('../../gallery/usearch-scans.js')],
];

/** Loads each library here and not at the top of the file, so that one that cannot be loaded becomes a line of the report. */
export async function checkLibraries(libraries = NATIVE_LIBRARIES): Promise<DoctorFinding[]> {
  const broken: DoctorFinding[] = [];
  for (const [name, load] of libraries) {
    try {
      await load();
    } catch (error) {
      broken.push(fail(`${name} cannot be loaded: ${describeError(error)}`));
    }
  }
  return broken.length > 0 ? broken : [ok(libraries.map(([name]) => name).join(', '))];
}

/** The video back-ends of OpenCV that cameras use. */
const BACKENDS = { V4L2: 'USB cameras', GSTREAMER: 'CSI cameras' };

export function checkAddon(load: () => Pick<Addon, 'info'> = loadAddon): DoctorFinding[] {
  let info: ReturnType<Addon['info']>;
  try {
    info = load().info();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? ` (${describeError(error.cause)})` : '';
    return [fail(`${describeError(error)}${cause}`)];
  }
  const missing = Object.entries(BACKENDS).filter(([name]) => !info.backends.includes(name));
  return [
    ok(`FFmpeg ${info.ffmpeg}, OpenCV ${info.opencv}, video back-ends ${info.backends.join(', ') || 'none'}`),
    ...missing.map(([name, use]) => warn(`OpenCV has no back-end ${name}: ${use} do not work`)),
  ];
}
