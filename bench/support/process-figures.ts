// Figures of running processes, as the kernel counts them.
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Reads the user and system time of a process with all its threads and children, in seconds. The kernel counts in hundredths. A child that has
 * ended counts while its parent lives.
 */
export function readTreeCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
  return listChildren(pid).reduce((sum, child) => {
    try {
      return sum + readTreeCpuSeconds(child);
    } catch {
      // It has ended since; its parent has its time now.
      return sum;
    }
  }, own);
}

function listChildren(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
      return children.split(' ').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  });
}
