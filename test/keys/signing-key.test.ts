// The signing key: where it comes from, that it is made once, and what is refused; and the command secret.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCommandSecret } from '../../src/keys/secrets.js';
import { openSigningKey, readSigningKey, signingKeyPath } from '../../src/keys/signing-key.js';
import { tempDir } from '../support/temp-dir.js';

function toPem(type: 'ed25519' | 'x25519' = 'ed25519'): string {
  // Two calls, for the types of Node tell the kinds apart.
  const { privateKey } = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

describe('the signing key', () => {
  it('is made at the first start, for its owner alone, and is the same from then on', async () => {
    const keysDir = join(tempDir(), 'keys');
    const sources = { environment: {}, keysDir };
    expect(await readSigningKey(sources)).toBeUndefined();
    const first = await openSigningKey(sources);
    expect(first).toMatchObject({ created: true, origin: 'file' });
    const path = signingKeyPath(keysDir);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(keysDir).mode & 0o777).toBe(0o700);
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    const again = await openSigningKey(sources);
    expect(again.created).toBe(false);
    expect(again.privateKey.equals(first.privateKey)).toBe(true);
  });

  it('is the systemd credential where there is one, and no file is made then', async () => {
    const credentialsDir = tempDir();
    const pem = toPem();
    writeFileSync(join(credentialsDir, 'signing-key'), pem, { mode: 0o440 });
    const keysDir = join(tempDir(), 'keys');
    const opened = await openSigningKey({ environment: { credentialsDir }, keysDir });
    expect(opened).toMatchObject({ created: false, origin: 'credential' });
    expect(opened.privateKey.equals(createPrivateKey(pem))).toBe(true);
    expect(() => statSync(keysDir)).toThrow(/ENOENT/);
    const elsewhere = await openSigningKey({ environment: { credentialsDir: tempDir() }, keysDir });
    expect(elsewhere).toMatchObject({ created: true, origin: 'file' });
  });

  it.each([
    ['no PEM', 'secret-text\n', 0o600, /does not hold a signing key: an Ed25519/],
    ['a key of another kind', toPem('x25519'), 0o600, /does not hold a signing key/],
    ['a file that others may read', toPem(), 0o640, /is open to other users \(mode 640\)/],
    ['a file without end', 'x'.repeat(5_000), 0o600, /longer than 4096 bytes/],
  ])('is refused with %s, and left as it is', async (_, text, mode, message) => {
    const keysDir = tempDir();
    const path = signingKeyPath(keysDir);
    writeFileSync(path, text);
    chmodSync(path, mode);
    const opening = openSigningKey({ environment: {}, keysDir });
    await expect(opening).rejects.toMatchObject({
      code: 'SECRET_INVALID',
      message: expect.stringMatching(message) as string,
    });
    await expect(opening).rejects.not.toMatchObject({ message: expect.stringContaining('secret-text') as string });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is refused where it cannot be written', async () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, '');
    await expect(openSigningKey({ environment: {}, keysDir: join(file, 'keys') })).rejects.toMatchObject({
      code: 'SECRET_INVALID',
    });
    const keysDir = tempDir();
    mkdirSync(signingKeyPath(keysDir));
    await expect(openSigningKey({ environment: {}, keysDir })).rejects.toMatchObject({ code: 'SECRET_INVALID' });
  });
});

describe('the command secret', () => {
  it.each([
    ['of 16 characters', '0123456789abcdef', true],
    ['of 15 characters', '0123456789abcde', false],
  ])('%s: taken: %s', async (_, secret, isTaken) => {
    const path = join(tempDir(), 'secret');
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    const reading = readCommandSecret(path);
    if (isTaken) expect(await reading).toBe(secret);
    else await expect(reading).rejects.toMatchObject({ code: 'SECRET_INVALID' });
  });
});
