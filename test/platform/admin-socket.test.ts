// The admin socket, with the client of the command line.
import { spawnSync } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askService } from '../../src/cli/admin-client.js';
import { silentLog, type Log } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { AdminSocket, type AdminRoute } from '../../src/platform/admin-socket.js';
import { tempDir } from '../support/temp-dir.js';

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function listening(
  routes: Record<string, AdminRoute>,
  path = join(tempDir(), 'admin.sock'),
  log: Log = silentLog,
): Promise<{ path: string; admin: AdminSocket }> {
  const admin = new AdminSocket({ path, routes, log });
  onTestFinished(() => admin.stop());
  await admin.start();
  return { path, admin };
}

async function text(body: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> {
  if (!body) return undefined;
  const all: Uint8Array[] = [];
  for await (const piece of body) all.push(piece);
  return Buffer.concat(all).toString();
}

describe('the admin socket', () => {
  it('streams the answer of a route, only to its owner, until it is stopped', async () => {
    const { path, admin } = await listening({
      'GET /thing': () => pieces('one ', '', 'two'),
      'POST /act': () => pieces(),
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await text(await askService(path, 'GET', '/thing'))).toBe('one two');
    expect(await text(await askService(path, 'POST', '/act'))).toBe('');
    await admin.stop();
    await admin.stop();
    expect(await askService(path, 'GET', '/thing')).toBeUndefined();
  });

  it('passes on the error of a route that fails at once, and refuses unknown requests', async () => {
    const { path } = await listening({
      'GET /thing': async function* () {
        throw new AppError('STORE_UNAVAILABLE', 'the disk refuses');
      },
    });
    await expect(askService(path, 'GET', '/thing')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the disk refuses',
    });
    for (const [method, name] of [
      ['POST', '/thing'],
      ['GET', '/toString'],
    ] as const) {
      await expect(askService(path, method, name)).rejects.toMatchObject({ code: 'INVALID_PARAM' });
    }
  });

  it('never presents a part of an answer as the whole', async () => {
    const { path, admin } = await listening({
      'GET /fails': async function* () {
        yield Buffer.from('half');
        throw new Error('broken');
      },
      'GET /waits': async function* () {
        yield Buffer.from('half');
        await new Promise(() => undefined);
      },
    });
    await expect(text(await askService(path, 'GET', '/fails'))).rejects.toMatchObject({ code: 'STOPPED' });
    const waiting = text(await askService(path, 'GET', '/waits'));
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'STOPPED' });
    await admin.stop();
    await outcome;
  });

  it('replaces a socket that a killed process left', async () => {
    const path = join(tempDir(), 'admin.sock');
    const leave = `require('node:http').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    expect(spawnSync(process.execPath, ['-e', leave, path]).signal).toBe('SIGKILL');
    expect((await stat(path)).isSocket()).toBe(true);
    expect(await askService(path, 'GET', '/thing')).toBeUndefined();
    await listening({ 'GET /thing': () => pieces('here') }, path);
    expect(await text(await askService(path, 'GET', '/thing'))).toBe('here');
  });

  it('is missing, with a warning, where no socket is possible', async () => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (_, message) => void warnings.push(message) };
    const folder = tempDir();
    const long = join(folder, 'x'.repeat(120));
    const { admin } = await listening({}, long, log);
    expect(warnings).toHaveLength(1);
    expect(await readdir(folder)).toEqual([]);
    expect(await askService(long, 'GET', '/thing')).toBeUndefined();
    await admin.stop();
  });
});
