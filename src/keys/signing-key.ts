// The private key that signs events: a systemd credential, or a file in keysDir that the first start makes.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.js';
import type { Environment } from '../config/environment.js';
import { createFile } from '../platform/write-file.js';
import { readSecretFile } from './secrets.js';

export interface SigningKey {
  /** Ed25519 key. */
  privateKey: KeyObject;
  origin: 'credential' | 'file';
}

export interface SigningKeySources {
  environment: Pick<Environment, 'credentialsDir'>;
  keysDir: string;
}

export function signingKeyPath(keysDir: string): string {
  return join(keysDir, 'signing.key');
}

/**
 * Reads the systemd credential `signing-key`, otherwise `signing.key` in keysDir; PKCS8 as PEM.
 * @returns undefined if there is neither
 * @throws AppError SECRET_INVALID: no Ed25519 key, or a file that others may read
 */
export async function readSigningKey({ environment, keysDir }: SigningKeySources): Promise<SigningKey | undefined> {
  if (environment.credentialsDir !== undefined) {
    // As for the master key, the mode of a credential is not checked.
    const pem = await readSecretFile(join(environment.credentialsDir, 'signing-key'), 'the systemd credential', 0);
    if (pem !== undefined) {
      return { privateKey: decode(pem, 'the systemd credential signing-key'), origin: 'credential' };
    }
  }
  const path = signingKeyPath(keysDir);
  const pem = await readSecretFile(path, 'the signing key', 0o077);
  return pem === undefined ? undefined : { privateKey: decode(pem, path), origin: 'file' };
}

/** Returns the existing key, otherwise makes one in keysDir (0700), readable by its owner alone. @throws AppError SECRET_INVALID */
export async function openSigningKey(sources: SigningKeySources): Promise<SigningKey & { created: boolean }> {
  const existing = await readSigningKey(sources);
  if (existing) return { ...existing, created: false };
  const path = signingKeyPath(sources.keysDir);
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    await mkdir(sources.keysDir, { recursive: true, mode: 0o700 });
    await createFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new AppError('SECRET_INVALID', `the signing key could not be written to ${path} (${reason})`, { cause });
  }
  return { privateKey, origin: 'file', created: true };
}

function decode(pem: string, where: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause is left out: it may quote the key.
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new AppError('SECRET_INVALID', `${where} does not hold a signing key: an Ed25519 private key as PEM (PKCS8)`);
  }
  return key;
}
