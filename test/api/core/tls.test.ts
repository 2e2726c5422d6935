// HTTPS: the files of the certificate at the start and when they change, and clients that never finish their handshake.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get, createServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { TlsIdentity } from '../../../src/platform/tls-identity.js';
import { parseConfig } from '../../../src/config/load.js';
import { silentLog } from '../../../src/domain/log.js';
import { tempDir } from '../../support/temp-dir.js';
import { recordingLog, startHarness, type Harness, type HarnessOptions } from '../harness.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.warn('skipped: HTTPS: openssl is not installed');

describe.skipIf(!hasOpenssl)('HTTPS', () => {
  let folder: string;
  let certFile: string;
  let keyFile: string;
  let harness: Harness | undefined;

  beforeEach(() => {
    folder = tempDir();
    certFile = join(folder, 'cert.pem');
    keyFile = join(folder, 'key.pem');
    makePair(folder, 'first');
    copyFileSync(join(folder, 'first.cert'), certFile);
    copyFileSync(join(folder, 'first.key'), keyFile);
  });

  afterEach(async () => {
    await harness?.close();
    harness = undefined;
  });

  const start = async (options: HarnessOptions = {}): Promise<Harness> =>
    (harness = await startHarness({
      tlsCheckIntervalMs: 20,
      ...options,
      http: { tls: { certFile, keyFile }, ...options.http },
    }));

  /** Replaces a file as an administrator does: writes a new file and renames it over the old one. */
  const replace = (file: string, content: string | Buffer): void => {
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  };
  const nameServed = async (agent?: Agent): Promise<string> => (await page(agent)).name;

  /** @returns the common name of the certificate that was served, and the answer */
  function page(agent?: Agent): Promise<{ name: string; body: string; socket: TLSSocket }> {
    if (!harness) throw new TypeError('no server');
    const { port } = harness.server.address;
    const path = `${harness.base}/groups`;
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, agent: agent ?? false, rejectUnauthorized: false }, (response) => {
        const socket = response.socket as TLSSocket;
        const { CN } = socket.getPeerCertificate().subject;
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ name: String(CN), body, socket }));
      }).on('error', reject);
    });
  }

  test('serves the API with the certificate, and nothing in clear', async () => {
    await start();
    expect(harness?.server.scheme).toBe('https');
    const { name, body } = await page();
    expect(name).toBe('first');
    expect(JSON.parse(body)).toMatchObject({ header: { resultCode: 0 } });
    await expect(fetch(`http://127.0.0.1:${harness?.server.address.port}/`)).rejects.toThrow();
    expect(harness?.server.health()).toEqual({
      status: 'ok',
      facts: { certificateValidTo: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string },
    });
  });

  test('serves a new pair of files without closing open connections', async () => {
    const log = recordingLog();
    await start({ log });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const before = await page(agent);
    makePair(folder, 'second');
    replace(certFile, readFileSync(join(folder, 'second.cert')));
    replace(keyFile, readFileSync(join(folder, 'second.key')));
    await expect.poll(() => nameServed(), { timeout: 10_000 }).toBe('second');
    expect(await page(agent)).toMatchObject({ name: 'first', socket: before.socket });
    expect(harness?.server.health().status).toBe('ok');
    expect(log.lines.map(({ message }) => message)).toContain('a new certificate is served');
  });

  test.each<[string, (files: { certFile: string; keyFile: string }) => void, RegExp]>([
    [
      'a certificate that is none',
      ({ certFile }) => writeFileSync(certFile, 'rubbish'),
      /certFile holds no PEM certif/,
    ],
    ['a key that is none', ({ keyFile }) => writeFileSync(keyFile, 'rubbish'), /keyFile holds no PEM key/],
    ['a key that is gone', ({ keyFile }) => rmSync(keyFile), /keyFile cannot be read \(ENOENT\)/],
    [
      'a key that belongs to another certificate',
      ({ keyFile }) => copyFileSync(join(keyFile, '../other.key'), keyFile),
      /keyFile does not belong to certFile/,
    ],
  ])('keeps the old pair beside %s, declares it, and recovers', async (_name, damage, detail) => {
    const log = recordingLog();
    await start({ log });
    makePair(folder, 'other');
    damage({ certFile, keyFile });
    await expect.poll(() => harness?.server.health(), { timeout: 10_000 }).toMatchObject({ status: 'degraded' });
    expect(harness?.server.health().detail).toMatch(detail);
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'error' }));
    expect(JSON.stringify(log.lines)).not.toContain(folder);
    expect(await nameServed()).toBe('first');

    replace(certFile, readFileSync(join(folder, 'other.cert')));
    replace(keyFile, readFileSync(join(folder, 'other.key')));
    await expect.poll(() => nameServed(), { timeout: 10_000 }).toBe('other');
    expect(harness?.server.health().status).toBe('ok');
  });

  test.each<[string, () => void, RegExp]>([
    ['no certificate', () => rmSync(certFile), /http\.tls cannot be used: certFile cannot be read \(ENOENT\)/],
    ['rubbish', () => writeFileSync(keyFile, 'rubbish'), /http\.tls cannot be used: keyFile holds no PEM key/],
  ])('does not start with %s', async (_name, damage, message) => {
    damage();
    const identity = new TlsIdentity({ key: 'http.tls', certFile, keyFile, log: silentLog });
    await expect(identity.load()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message) as string,
    });
    identity.stop();
  });

  test('says that the certificate has expired', async () => {
    const inTenYears = Date.now() + 10 * 365 * 86_400_000;
    const identity = new TlsIdentity({ key: 'http.tls', certFile, keyFile, log: silentLog, clock: () => inTenYears });
    const server = createServer(await identity.load());
    identity.serve(server);
    expect(identity.health()).toMatchObject({ status: 'degraded', detail: 'the certificate of http.tls has expired' });
    identity.stop();
  });

  test('cuts off a client that never shakes hands', async () => {
    await start({ http: { tls: { certFile, keyFile }, requestTimeoutMs: 1_000 } });
    const began = performance.now();
    await closed((harness as Harness).server.address);
    expect(performance.now() - began).toBeLessThan(6_000);
  });

  test('stops without waiting for a client in the middle of its handshake', async () => {
    await start({ stopTimeoutMs: 20_000 });
    const gone = closed((harness as Harness).server.address);
    // A whole exchange behind it: its connection has been accepted.
    await page();
    const began = performance.now();
    await harness?.server.stop();
    await gone;
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe('http.tls of the configuration', () => {
  test('is relative to the folder of the file', () => {
    const { http } = parseConfig('http: { tls: { certFile: a.pem, keyFile: keys/b.pem } }', '/etc/lintel/lintel.yaml');
    expect(http.tls).toEqual({ certFile: '/etc/lintel/a.pem', keyFile: '/etc/lintel/keys/b.pem' });
  });

  test('wants both files', () => {
    expect(() => parseConfig('http: { tls: { certFile: a.pem } }', '/etc/lintel/lintel.yaml')).toThrow(
      /http\.tls\.keyFile/,
    );
  });
});

/** `NAME.cert` and `NAME.key`, self-signed, for a day. */
function makePair(folder: string, name: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', `/CN=${name}`, '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.cert`)],
    ],
    { stdio: 'ignore' },
  );
}

/** Connects, says nothing, and resolves when the server has closed. */
function closed({ port }: AddressInfo): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume().on('close', () => resolve());
  });
}
