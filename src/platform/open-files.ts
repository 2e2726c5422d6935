// The files that this process may have open, sockets included: its limit, and how many are open.
import { readdir, readFile } from 'node:fs/promises';

export interface OpenFiles {
  /** Soft limit of the process. Node raises it to the hard limit at its start. */
  limit: number;
  /** Descriptors that are open now. */
  open: number;
}

/** Reads both from /proc. @returns undefined where there is no /proc, or no limit */
export async function readOpenFiles(): Promise<OpenFiles | undefined> {
  try {
    const limit = parseOpenFileLimit(await readFile('/proc/self/limits', 'utf8'));
    return limit === undefined ? undefined : { limit, open: (await readdir('/proc/self/fd')).length };
  } catch {
    return undefined;
  }
}

/** Returns the soft limit of open files. @param limits content of /proc/PID/limits @returns undefined for `unlimited` */
export function parseOpenFileLimit(limits: string): number | undefined {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
