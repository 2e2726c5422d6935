// The admin keys of the device API: a registry of their own, so that an appKey is no admin key, nor the other way round.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import { AppKeys, type AppKey } from './app-keys.js';

/** One admin key, without the key. */
export type AdminKey = AppKey;

/** What the device API needs of the registry. */
export interface AdminKeyAuthority {
  /** @returns undefined for a key that is unknown or revoked */
  authenticate(key: string): AdminKey | undefined;
}

/** Digests in a file that the running service follows, as those of the appKeys; the errors are those of AppKeys. */
export class AdminKeys implements AdminKeyAuthority {
  readonly #registry: AppKeys;

  /** @param options.path of the registry; where there is none yet, there are no keys */
  constructor(options: { path: string; clock: Clock; log: Log }) {
    this.#registry = new AppKeys({ ...options, noun: 'admin key', withSecretKeys: false });
  }

  load(): void {
    this.#registry.load();
  }

  /** Compares with every key in constant time. */
  authenticate(key: string): AdminKey | undefined {
    return this.#registry.authenticate(key);
  }

  /** All keys, the revoked ones included, in the order of their creation. */
  list(): AdminKey[] {
    return this.#registry.list();
  }

  /** @returns the new key, 43 characters, which is nowhere else and cannot be shown again */
  async create(name: string): Promise<{ key: string; adminKey: AdminKey }> {
    const { key, appKey } = await this.#registry.create(name);
    return { key, adminKey: appKey };
  }

  async revoke(nameOrId: string): Promise<AdminKey> {
    return this.#registry.revoke(nameOrId);
  }
}

/** A first start makes an admin key and leaves it, readable by its owner, beside the other keys. */
export async function ensureAdminKey(
  adminKeys: AdminKeys,
  { file, name, log }: { file: string; name: string; log: Log },
): Promise<void> {
  adminKeys.load();
  if (adminKeys.list().length > 0) return;
  const { key } = await adminKeys.create(name);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  log.info({ file, name }, 'first start: an admin key for the device API was made');
}
