// Runs Node.js processes that load the addon.
import { spawn } from 'node:child_process';
import { ADDON_PATH } from '../../src/native/addon.js';

export interface ChildEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a CommonJS script to its end. The script can use `addon`, `options` and `values`.
 * @param env variables in addition to the test's own
 */
export async function runChild(script: string, values: unknown, env: NodeJS.ProcessEnv = {}): Promise<ChildEnd> {
  const code = `
    const addon = require(${JSON.stringify(ADDON_PATH)});
    const values = ${JSON.stringify(values)};
    const options = (source) =>
      ({ source, widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 5000, readTimeoutMs: 5000 });
    ${script}`;
  const child = spawn(process.execPath, ['--expose-gc', '-e', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const end: ChildEnd = { code: null, signal: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (end.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (end.stderr += data.toString()));
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ ...end, code, signal })));
}
