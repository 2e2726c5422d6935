// The demonstration of a fleet, as scripts/fleet-demo runs it: its story, its end, and what it leaves behind.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { natsServerPath } from '../fleet/nats-server.js';
import { bestModels } from '../support/model-sets.js';
import { CLI } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

const run = promisify(execFile);

if (natsServerPath === undefined) console.warn('skipped: the demonstration over NATS: nats-server is not installed');

/** Runs the demonstration. @returns its output, and the files that remained in its folder for temporary files */
async function demonstrate(...args: string[]): Promise<{ output: string; left: string[] }> {
  const TMPDIR = tempDir();
  const env = { ...process.env, TMPDIR, LINTEL_MODELS_DIR: bestModels.modelsDir };
  const { stdout, stderr } = await run(process.execPath, [CLI, 'fleet', 'demo', ...args], { env });
  return { output: stdout + stderr, left: readdirSync(TMPDIR) };
}

describe('lintel fleet demo', () => {
  // One log is enough here: e2e/fleet has a whole fleet over both.
  it('enrols, recognises, dismisses and refuses, removes a door, ends by itself, and leaves nothing behind', async () => {
    const args = natsServerPath === undefined ? ['--folder'] : [];
    const { output, left } = await demonstrate(...args);
    expect(left).toEqual([]);
    expect(output).toMatch(/MATCH guest, similarity 9\d/);
    expect(output).toContain('3 of 3 proved');
    expect(output).toContain('UNKNOWN twice, MATCH 0 times. guest is refused.');
    expect(output).toContain('cellar is removed');
    expect(output).toMatch(/The demonstration has ended; its processes are stopped, and its data is deleted\.\n$/);
    for (const line of output.split('\n')) expect(line.length).toBeLessThanOrEqual(130);
  }, 300_000);
});
