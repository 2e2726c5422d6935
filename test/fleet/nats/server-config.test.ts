// The files of a fleet's NATS server: accepted by the real server, without secrets, and refused with a reason where the input is wrong.
import { spawnSync } from 'node:child_process';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeAccounts } from '../../../src/fleet/nats/accounts.js';
import { makeServerCertificate } from '../../../src/fleet/nats/certificates.js';
import { makeDoorCredentials, readCredentials, writeCredentials } from '../../../src/fleet/nats/credentials.js';
import { makeSeed, openSeed } from '../../../src/fleet/nats/nkeys.js';
import { generateServerFiles } from '../../../src/fleet/nats/server-config.js';
import { makeServerKeys, type FleetServerKeys } from '../../../src/fleet/nats/server-keys.js';
import { addRevoked, readServerState } from '../../../src/fleet/nats/server-state.js';
import { hasOpenssl } from '../../support/certificate.js';
import { tempDir } from '../../support/temp-dir.js';
import { natsServerPath } from '../nats-server.js';

const making = { now: Date.now, randomBytes };
const keys = makeServerKeys({ fleet: 'aa', ...making });

/** All seeds and private keys of the authority. */
function listSecrets({ operator, system, authority, doors, roles, ca }: FleetServerKeys): string[] {
  return [operator, system, authority, doors, ...Object.values(roles), ca.key.split('\n')[1]!];
}

function findFile(files: readonly { name: string; content: string }[], name: string): string {
  return files.find((file) => file.name === name)!.content;
}

describe('the files of a NATS server', () => {
  it.skipIf(natsServerPath === undefined)('are accepted by the real server', () => {
    const folder = tempDir();
    const { files } = generateServerFiles(keys, {
      hosts: ['fleet.example.org'],
      folder,
      store: join(folder, 's'),
      ...making,
    });
    for (const { name, mode, content } of files) writeFileSync(join(folder, name), content, { mode });
    const { status, stderr } = spawnSync(natsServerPath!, ['-t', '-c', join(folder, 'nats-server.conf')], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('is valid') as string });
  });

  it('hold no secret but the key of the server', () => {
    const { files } = generateServerFiles(keys, { hosts: ['fleet.example.org'], ...making });
    for (const { name, content } of files) {
      for (const secret of listSecrets(keys)) expect(content.includes(secret), name).toBe(false);
    }
    expect(files.filter(({ content }) => content.includes('PRIVATE KEY')).map(({ name }) => name)).toEqual([
      'server.key',
    ]);
    for (const { name, mode, content } of files) {
      if (/PRIVATE KEY|SEED|^ey/.test(content)) expect(mode, name).toBe(0o600);
    }
  });

  it('have a certificate for every host, from the authority of the fleet alone', () => {
    const hosts = ['fleet.example.org', '192.0.2.7', '2001:db8::7', '::ffff:192.0.2.8'];
    const { files } = generateServerFiles(keys, { hosts, ...making });
    const certificate = new X509Certificate(findFile(files, 'server.pem'));
    const authority = new X509Certificate(findFile(files, 'ca.pem'));
    expect(certificate.checkIssued(authority) && certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(findFile(files, 'server.key')))).toBe(true);
    expect([authority.ca, certificate.ca]).toEqual([true, false]);
    expect(certificate.checkHost('fleet.example.org')).toBe('fleet.example.org');
    for (const host of ['192.0.2.7', '2001:db8::7', '::ffff:192.0.2.8'])
      expect(certificate.checkIP(host), host).toBeDefined();
    expect(certificate.checkHost('other.example.org')).toBeUndefined();
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now() - 3_600_000);
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.now() + 9 * 365 * 86_400_000);
    const other = makeServerKeys({ fleet: 'aa', ...making });
    expect(certificate.verify(new X509Certificate(other.ca.certificate).publicKey)).toBe(false);
  });

  it.skipIf(!hasOpenssl)('have certificates that openssl accepts with its strict rules', () => {
    const folder = tempDir();
    for (let i = 0; i < 5; i++) {
      const made = makeServerKeys({ fleet: 'aa', ...making });
      const { certificate } = makeServerCertificate(made.ca, { hosts: ['fleet.example.org'], ...making });
      writeFileSync(join(folder, 'ca.pem'), made.ca.certificate);
      writeFileSync(join(folder, 'server.pem'), certificate);
      const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.pem', 'server.pem'];
      expect(spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' }).stdout).toBe('server.pem: OK\n');
    }
  });

  it.each([
    [{ hosts: [] }, 'at least one host'],
    [{ hosts: ['a b'] }, 'no host name'],
    [{ hosts: ['tls://a:4222'] }, 'no host name'],
    [{ hosts: ['a"}\n'] }, 'no host name'],
    [{ hosts: ['a'.repeat(300)] }, 'no host name'],
    [{ hosts: ['a'], listen: 'everywhere' }, 'no IP address'],
    [{ hosts: ['a'], port: 70_000 }, 'no port'],
    [{ hosts: ['a'], port: 1.5 }, 'no port'],
    [{ hosts: ['a'], folder: 'etc' }, 'no absolute path'],
    [{ hosts: ['a'], store: '/var/"x' }, 'no absolute path'],
    [{ hosts: ['a'], store: '/var/\nx' }, 'no absolute path'],
  ])('are refused for %j', (options, message) => {
    expect(() => generateServerFiles(keys, { ...options, ...making })).toThrow(
      expect.objectContaining({ code: 'INVALID_PARAM', message: expect.stringContaining(message) as string }) as Error,
    );
  });
});

describe('keys and credentials', () => {
  it.each(['operator', 'account', 'user'] as const)('reads the seed of a key (%s), and no other text', (kind) => {
    const seed = makeSeed(kind, randomBytes);
    expect(openSeed(kind, seed).publicKey).toMatch(/^[OAU][A-Z2-7]{55}$/);
    const other = kind === 'user' ? 'account' : 'user';
    const wrong = [
      '',
      'S',
      seed.slice(1),
      `${seed}A`,
      seed.toLowerCase(),
      seed.replace(/.$/, (x) => (x === 'A' ? 'B' : 'A')),
    ];
    for (const text of wrong) expect(() => openSeed(kind, text)).toThrow(`not the seed of a NATS ${kind} key`);
    expect(() => openSeed(other, seed)).toThrow(TypeError);
  });

  it('reads credentials back from their text, and no other text', () => {
    const made = makeDoorCredentials(keys, { door: 'd1', expiresAtMs: Date.parse('2027-01-01T00:00:00Z'), ...making });
    const text = writeCredentials(made);
    expect(text).toMatch(/^[A-Za-z0-9._-]+$/);
    expect(readCredentials(text)).toMatchObject(made);
    const stranger = makeDoorCredentials(keys, { door: 'd1', ...making });
    for (const wrong of ['', 'a.b.c', made.jwt, made.seed, `${made.jwt}.${stranger.seed}`, `x.${made.seed}`]) {
      expect(() => readCredentials(wrong), wrong.slice(0, 5)).toThrow(TypeError);
    }
    for (const door of ['', 'a.b', '*', '>', 'a b']) {
      expect(() => makeDoorCredentials(keys, { door, ...making })).toThrow('no name for credentials');
    }
  });

  it('gives the same accounts for the same revocations, and newer ones for more', () => {
    const credentials = writeCredentials(makeDoorCredentials(keys, { door: 'd1', ...making }));
    const revoked = addRevoked({}, credentials, Date.now())!;
    expect(addRevoked(revoked, credentials, Date.now() + 5_000)).toBeUndefined();
    expect(encodeAccounts(keys, revoked)).toEqual(encodeAccounts(keys, revoked));
    const issued = [{}, revoked].map((list) => {
      const { jwt } = encodeAccounts(keys, list).find(({ name }) => name === 'DOORS')!;
      return (JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as { iat: number }).iat;
    });
    expect(issued[1]).toBeGreaterThan(issued[0]!);
  });

  it('forgets a revocation a day after the credentials have expired, and reads what is stored', () => {
    const expiresAtMs = Date.now() + 60_000;
    const one = writeCredentials(makeDoorCredentials(keys, { door: 'd1', expiresAtMs, ...making }));
    const two = writeCredentials(makeDoorCredentials(keys, { door: 'd2', ...making }));
    const first = addRevoked({}, one, Date.now())!;
    expect(Object.keys(addRevoked(first, two, Date.now())!).length).toBe(2);
    const later = addRevoked(first, two, expiresAtMs + 2 * 86_400_000)!;
    expect(Object.keys(later)).toEqual([readCredentials(two).user]);
    const state = { keys, revoked: first };
    expect(readServerState(JSON.parse(JSON.stringify(state)))).toEqual(state);
    for (const wrong of [undefined, {}, { keys }, { keys: { ...keys, ca: 1 }, revoked: {} }]) {
      expect(() => readServerState(wrong)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }) as Error);
    }
  });
});
