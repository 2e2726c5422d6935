// The bench of the installation: what scripts/install puts into the folder of a version, by part.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { result, type Result } from './support/report.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Installs this checkout, which must be set up, into a temporary root, and adds up its files. */
export function run(): Promise<Result[]> {
  const root = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  try {
    execFileSync(join(ROOT, 'scripts/install'), ['--root', root], { stdio: ['ignore', 'ignore', 'inherit'] });
    const version = realpathSync(join(root, 'opt/lintel/current'));
    const parts = readdirSync(version).map((name): [string, number] => [name, measureMb(join(version, name))]);
    const large = parts.filter(([, mb]) => mb >= 0.5).sort(([, a], [, b]) => b - a);
    return Promise.resolve([
      result('installed.mb', measureMb(version), 'MB', ['<=', 120]),
      ...large.map(([name, mb]) => result(`installed.${name}`, mb, 'MB')),
    ]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Returns the space that a file or folder takes on the disk, in MB of 1,000,000 bytes. */
function measureMb(path: string): number {
  const [kilobytes] = execFileSync('du', ['--summarize', '--block-size=1024', path], { encoding: 'utf8' }).split('\t');
  return (Number(kilobytes) * 1_024) / 1e6;
}
