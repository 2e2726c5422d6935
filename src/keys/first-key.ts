// The key that the first start makes: without one, nobody could use the service.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../domain/log.js';
import { replaceFile } from '../platform/write-file.js';
import type { KeyRegistry } from './key-registry.js';

export interface FirstKeyOptions {
  name: string;
  /** File that receives the key in plain text, for the operator. */
  keyFile: string;
  /** File that receives its secretKey in plain text; required for a kind of keys that has one. */
  secretKeyFile?: string;
  log: Log;
}

/**
 * Makes a key in a registry that has never had one, and writes it into files that only their owner may read.
 * @throws AppError SECRET_INVALID, STORE_UNAVAILABLE: see KeyRegistry; errors of the file system
 */
export async function ensureFirstKey(registry: KeyRegistry, options: FirstKeyOptions): Promise<void> {
  const { name, keyFile, secretKeyFile, log } = options;
  const made = await registry.createFirst(name, async ({ key, secretKey }) => {
    await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 });
    await replaceFile(keyFile, `${key}\n`);
    if (secretKey !== undefined && secretKeyFile !== undefined) await replaceFile(secretKeyFile, `${secretKey}\n`);
  });
  if (!made) return;
  const files = { file: keyFile, ...(secretKeyFile === undefined ? {} : { secretKeyFile }) };
  log.info({ ...files, name }, `first start: an ${registry.kind.noun} was made`);
}
