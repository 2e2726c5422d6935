// A service stops cleanly also when its log has lost its reader, and while it is still starting.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { bestModels } from '../support/model-sets.js';
import { CLI } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

const models = { dir: bestModels.modelsDir, set: bestModels.set };

it('stops cleanly at SIGTERM during its start', async () => {
  const file = join(tempDir(), 'lintel.yaml');
  const ports = { http: { port: 0 }, mqtt: { embedded: { port: 0 } } };
  writeFileSync(file, stringify({ ...ports, models }));
  const service = spawn(process.execPath, [CLI, 'serve', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void service.kill('SIGKILL'));
  const exited = new Promise<number | null>((resolve) => service.once('exit', (code) => resolve(code)));
  let log = '';
  let errors = '';
  service.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  service.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  // The models take some half a second after the gallery.
  await expect.poll(() => log, { timeout: 20_000, interval: 5 }).toContain('the gallery is loaded');
  service.kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(log).not.toContain('"msg":"ready"');
  expect(errors).toBe('');
});

it('stops at SIGTERM when its log has lost its reader', async () => {
  const file = join(tempDir(), 'lintel.yaml');
  const ports = { http: { port: 0 }, mqtt: { embedded: { port: 0 } } };
  writeFileSync(file, stringify({ ...ports, models, vision: { workers: 1 } }));
  const service = spawn(process.execPath, [CLI, 'serve', '--config', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void service.kill('SIGKILL'));
  const exited = new Promise<number | null>((resolve) => service.once('exit', (code) => resolve(code)));
  let log = '';
  service.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await expect.poll(() => log, { timeout: 20_000 }).toContain('"msg":"ready"');
  service.stdout.destroy();
  service.kill('SIGTERM');
  expect(await exited).toBe(0);
});
