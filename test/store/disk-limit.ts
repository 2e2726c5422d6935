// Makes the writes of this process fail as on a full disk, without a file system of its own: by prlimit (util-linux).
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find((path) => existsSync(path));

export const canLimitFiles = prlimit !== undefined;
if (!canLimitFiles) console.warn('skipped: the disk that refuses writes, since there is no prlimit here');

/** No file of this process grows beyond this from now on; Node ignores the signal, so that the write itself fails. */
export function limitFiles(bytes: number | 'unlimited'): void {
  if (prlimit) execFileSync(prlimit, ['--pid', String(process.pid), `--fsize=${bytes}:`]);
}
