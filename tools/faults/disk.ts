// A gallery on a file system of a few megabytes that fills up and is emptied again, in a mount namespace of its own: no root is needed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SIZE = '24m';
/** Shell script that mounts the file system. Its arguments: the size, the place, and the command to run there. */
const MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"';

export interface DiskTally {
  rounds: number;
  registered: number;
  deleted: number;
  /** Requests that the full disk refused, by the code of their error. */
  refused: Record<string, number>;
  /** Searches that were answered while it was full. */
  searches: number;
  problems: string[];
}

/** Tells whether this machine lets a process mount a file system of its own. */
export function canMount(): boolean {
  return existsSync('/usr/bin/unshare') && spawnSync('unshare', ['-Urm', 'true']).status === 0;
}

/** @param directory empty; the small file system is mounted there, seen by the child alone, and goes with it */
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
