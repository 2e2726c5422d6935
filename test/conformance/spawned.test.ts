// Runs the conformance suite against a service that it starts: the service keeps the whole contract.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CLI } from '../support/service.js';
import { missing, sharedModelsDir } from '../support/shared.js';

const MAIN = fileURLToPath(new URL('../../tools/conformance/main.ts', import.meta.url));

describe.skipIf(missing('the conformance suite', sharedModelsDir, existsSync(CLI) ? CLI : undefined))('Lintel', () => {
  it('keeps every rule of the contract that the conformance suite checks', { timeout: 240_000 }, async () => {
    const args = ['--import', 'tsx', MAIN, '--spawn', '--time-limit', '200'];
    const { stdout } = await promisify(execFile)(process.execPath, args).catch((error: { stdout: string }) => error);
    const [, passed] = /\n(\d+) passed, 0 failed\n$/.exec(stdout) ?? [];
    expect(Number(passed), stdout).toBeGreaterThanOrEqual(250);
    expect(stdout).not.toContain('left out');
    expect(stdout).not.toContain('not deleted');
  });
});
