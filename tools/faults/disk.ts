// Runs a gallery on a file system of a few megabytes that fills up and is emptied again. A mount namespace makes root unnecessary.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SIZE = '24m';
/** Shell script that mounts the file system. Its arguments are the size, the mount point and the command to run. */
const MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"';

export interface DiskTally {
  rounds: number;
  registered: number;
  deleted: number;
  /** Number of requests that were refused while the disk was full, by the code of their error. */
  refused: Record<string, number>;
  /** Number of searches that were answered while the disk was full. */
  searches: number;
  problems: string[];
}

/** Returns whether a process may mount a file system of its own on this machine. */
export function canMount(): boolean {
  return existsSync('/usr/bin/unshare') && spawnSync('unshare', ['-Urm', 'true']).status === 0;
}

/** Runs the rounds in a child process. @param directory empty folder; only the child sees the file system that is mounted there */
export async function runFullDisk(
  directory: string,
  { rounds, seed }: { rounds: number; seed: number },
): Promise<DiskTally> {
  const path = fileURLToPath(new URL('disk-child.ts', import.meta.url));
  const command = ['sh', '-c', MOUNT, 'sh', SIZE, directory, process.execPath, '--import', 'tsx', path];
  const child = spawn('unshare', ['-Urm', ...command, directory, String(rounds), String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the run on the small file system ended with ${code}: ${output}`);
  return JSON.parse(output) as DiskTally;
}
