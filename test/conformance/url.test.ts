// Runs the conformance suite against a service that it did not start, as an integrator does with a device.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestModels } from '../support/model-sets.js';
import { CLI, startService, type Service } from '../support/service.js';
import { missing } from '../support/shared.js';

const MAIN = fileURLToPath(new URL('../../tools/conformance/main.ts', import.meta.url));
const left = existsSync(CLI) ? CLI : undefined;

interface Ran {
  code: number;
  stdout: string;
}

async function suite(...args: string[]): Promise<Ran> {
  const command = ['--import', 'tsx', MAIN, ...args];
  return promisify(execFile)(process.execPath, command)
    .then(({ stdout }) => ({ code: 0, stdout }))
    .catch(({ code, stdout }: Ran) => ({ code, stdout }));
}

describe.skipIf(missing('the conformance suite by url', left))('the suite, pointed at a service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-conformance-url-'));
  let service: Service;
  beforeAll(async () => {
    service = await startService({ folder, ...bestModels, config: { vision: { workers: 1 } } });
  });
  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs the supported scenarios, names the skipped ones, and leaves the groups unchanged', async () => {
    await service.call('POST', '/groups', { groupId: 'door' });
    const { code, stdout } = await suite('--url', service.url, '--app-key', service.appKey, '--only', 'group');
    expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/);
    expect(stdout).toMatch(/left out: they need --spawn\n/);
    expect(stdout).toMatch(/left out: they need --other-app-key\n/);
    expect(stdout).toMatch(/left out: they need --secret-key\n/);
    expect(code).toBe(0);
    const listed = await service.call('GET', '/groups');
    expect(listed.data).toMatchObject({ groupCount: 1, groups: [{ groupId: 'door' }] });
  });

  it('fails when the target does not know the appKey, and reports the answer', async () => {
    const { code, stdout } = await suite('--url', service.url, '--app-key', 'nobody', '--only', 'group');
    expect(code).toBe(1);
    expect(stdout).toContain('UnauthorizedAppKey');
    expect(stdout).toMatch(/\n0 passed, 1 failed\n$/);
  });
});
