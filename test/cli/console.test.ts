// `lintel console open`: the link that it prints, and when it prints none.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { registerConsole } from '../../src/cli/console.js';
import { silentLog } from '../../src/domain/log.js';
import { createTokenRoutes, SignInTokens } from '../../src/keys/sign-in-tokens.js';
import { AdminSocket } from '../../src/platform/admin-socket.js';
import { tempDir } from '../support/temp-dir.js';
import { lintel, type Run } from './terminal.js';

const open = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(['console', 'open', ...args], { console: registerConsole }, { cwd });

/** Makes a folder with a configuration, and runs the admin socket of a service on it. */
async function createDevice(config: object = {}): Promise<{ cwd: string; tokens: SignInTokens; arguments: string[] }> {
  const cwd = tempDir();
  await mkdir(join(cwd, 'var/data'), { recursive: true, mode: 0o700 });
  await writeFile(join(cwd, 'lintel.yaml'), JSON.stringify(config));
  const tokens = new SignInTokens(() => 0);
  const admin = new AdminSocket({
    path: join(cwd, 'var/data/admin.sock'),
    routes: createTokenRoutes(tokens),
    log: silentLog,
  });
  await admin.start();
  onTestFinished(() => admin.stop());
  return { cwd, tokens, arguments: ['--config', 'lintel.yaml'] };
}

const readToken = (stdout: string): string => /#\/sign-in\?token=([\w-]{43})\n$/.exec(stdout)?.[1] ?? '';

describe('lintel console open', () => {
  it('prints one link with a one-time token behind "#", and says how long it works', async () => {
    const { cwd, tokens, arguments: rest } = await createDevice();
    const { code, stdout, stderr } = await open(cwd, ...rest);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:8080\/console\/#\/sign-in\?token=[\w-]{43}\n$/);
    expect(stderr).toBe('Open this link within 60 seconds. It works once, and signs in with the role admin.\n');
    expect(tokens.redeem(readToken(stdout))).toBe('admin');
  });

  it('takes a role', async () => {
    const { cwd, tokens, arguments: rest } = await createDevice();
    const { stdout, stderr } = await open(cwd, ...rest, '--role', 'viewer');
    expect(stderr).toContain('with the role viewer');
    expect(tokens.redeem(readToken(stdout))).toBe('viewer');
    const wrong = await open(cwd, ...rest, '--role', 'king');
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain('Allowed choices are viewer, operator, admin');
  });

  it.each<[object, string[], string]>([
    [{ http: { host: '0.0.0.0', port: 9000 } }, [], 'http://127.0.0.1:9000/console/#'],
    [{ http: { host: '::1' } }, [], 'http://[::1]:8080/console/#'],
    [
      { http: { host: '192.0.2.7', port: 8443, tls: { certFile: 'a', keyFile: 'b' } } },
      [],
      'https://192.0.2.7:8443/console/#',
    ],
    [{ console: { publicOrigin: 'https://lintel.example.org' } }, [], 'https://lintel.example.org/console/#'],
    [{ http: { host: '192.0.2.7' } }, ['--url', 'http://localhost:9000'], 'http://localhost:9000/console/#'],
  ])('with %j and %j begins with %s', async (config, args, start) => {
    const { cwd, arguments: rest } = await createDevice(config);
    const { stdout } = await open(cwd, ...rest, ...args);
    expect(stdout.slice(0, start.length)).toBe(start);
  });

  it.each<[object, string[], string]>([
    [{ http: { host: '192.0.2.7' } }, [], 'the service listens on 192.0.2.7 without TLS, where the console takes no'],
    [{ console: { enabled: false } }, [], 'the console is switched off: console.enabled is false'],
    [{ http: { port: 0 } }, [], 'http.port is 0, so the address of the service is not known: name it with --url'],
    [{}, ['--url', 'localhost:9000'], '--url must be the address of a service'],
  ])('with %j and %j is refused: %s', async (config, args, sentence) => {
    const { cwd, arguments: rest } = await createDevice(config);
    const { code, stdout, stderr } = await open(cwd, ...rest, ...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(sentence);
  });

  it('says so where no service is running', async () => {
    const { code, stdout, stderr } = await open(tempDir());
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('lintel: no service is running on this data directory: start it first\n');
  });
});
