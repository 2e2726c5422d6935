// The registry of appKeys: a JSON file of names and digests, changed by the command line, followed by the running service.
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';

const APP_KEY_NAME_PATTERN = /^[a-zA-Z0-9_.-]{1,64}$/;
const KEY_BYTES = 32;
/** Of no secretKey that can be found: stands in where there is none to compare with. */
const NO_DIGEST = '0'.repeat(64);

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const appKeySchema = z.strictObject({
  id: z.uuid(),
  name: z.string().regex(APP_KEY_NAME_PATTERN),
  sha256: digest,
  /** Of the secretKey, which v2.0 asks for; a key made before there were any has none. */
  secretSha256: digest.optional(),
  createdAt: z.iso.datetime(),
  revokedAt: z.iso.datetime().optional(),
});
const registrySchema = z.strictObject({ keys: z.array(appKeySchema) });

/** One appKey, without the key. Its `id` owns the groups that were created with it. */
export type AppKey = Readonly<Omit<z.infer<typeof appKeySchema>, 'sha256' | 'secretSha256'>>;

type StoredKey = z.infer<typeof appKeySchema>;

/** What the API needs of the registry. */
export interface AppKeyAuthority {
  /** @returns undefined for a key that is unknown or revoked */
  authenticate(key: string): AppKey | undefined;
  /** @returns undefined for a key that is unknown or revoked, has no secretKey, or has another */
  authenticateWithSecret(key: string, secretKey: string): AppKey | undefined;
}

export interface AppKeysOptions {
  /** Of the registry; where there is none yet, there are no keys. */
  path: string;
  clock: Clock;
  log: Log;
  /** What such a key is called in messages; `appKey` where it is not given. */
  noun?: string;
  /** False: keys of this registry have no secretKey. */
  withSecretKeys?: boolean;
}

export class AppKeys implements AppKeyAuthority {
  readonly #options: AppKeysOptions;
  #keys: readonly StoredKey[] = [];
  /** Of the file that was read last, be it well-formed or not. */
  #version = 'never read';

  constructor(options: AppKeysOptions) {
    this.#options = options;
  }

  /** Reads the registry now. @throws AppError SECRET_INVALID: the file is not a registry or cannot be read; older keys stay valid */
  load(): void {
    this.#version = this.#currentVersion();
    this.#keys = this.#read();
  }

  /** Compares with every key in constant time, and sees a change of the file at once: a stat costs some 5 µs. */
  authenticate(key: string): AppKey | undefined {
    const found = this.#find(key);
    return found === undefined || found.revokedAt !== undefined ? undefined : withoutDigests(found);
  }

  authenticateWithSecret(key: string, secretKey: string): AppKey | undefined {
    const found = this.#find(key);
    // Compared even where there is no such key: a wrong appKey takes as long as a wrong secretKey.
    const secretHolds = timingSafeEqual(sha256(secretKey), Buffer.from(found?.secretSha256 ?? NO_DIGEST, 'hex'));
    if (!secretHolds || found?.secretSha256 === undefined || found.revokedAt !== undefined) return undefined;
    return withoutDigests(found);
  }

  /** The id of the valid appKey of this name, which is the owner of its groups. */
  ownerOf(name: string): string | undefined {
    this.#follow();
    return this.#keys.find((key) => key.name === name && key.revokedAt === undefined)?.id;
  }

  /** All keys, the revoked ones included, in the order of their creation. */
  list(): AppKey[] {
    this.#follow();
    return this.#keys.map(withoutDigests);
  }

  /**
   * @returns the new key and its secretKey, 43 characters each, which are nowhere else and cannot be shown again; without
   * `withSecretKeys` the secretKey opens nothing
   * @throws AppError CONFIG_INVALID: a malformed name, or one that a valid key has
   */
  async create(name: string): Promise<{ key: string; secretKey: string; appKey: AppKey }> {
    if (!APP_KEY_NAME_PATTERN.test(name)) {
      const rule = `the name of an ${this.#noun} has 1 to 64 of: letters, digits, - _ .`;
      throw new AppError('CONFIG_INVALID', rule);
    }
    this.load();
    if (this.ownerOf(name) !== undefined) {
      throw new AppError('CONFIG_INVALID', `there is a valid ${this.#noun} named ${name} already`);
    }
    const key = randomBytes(KEY_BYTES).toString('base64url');
    const secretKey = randomBytes(KEY_BYTES).toString('base64url');
    const stored: StoredKey = {
      id: randomUUID(),
      name,
      sha256: sha256(key).toString('hex'),
      ...(this.#options.withSecretKeys === false ? {} : { secretSha256: sha256(secretKey).toString('hex') }),
      createdAt: this.#now(),
    };
    await this.#write([...this.#keys, stored]);
    return { key, secretKey, appKey: withoutDigests(stored) };
  }

  /** @param nameOrId of a valid key @throws AppError CONFIG_INVALID: there is none */
  async revoke(nameOrId: string): Promise<AppKey> {
    this.load();
    const valid = this.#keys.filter((key) => key.revokedAt === undefined);
    const found = valid.find((key) => key.id === nameOrId) ?? valid.find((key) => key.name === nameOrId);
    if (!found) throw new AppError('CONFIG_INVALID', `there is no valid ${this.#noun} named ${nameOrId}`);
    const revoked: StoredKey = { ...found, revokedAt: this.#now() };
    await this.#write(this.#keys.map((key) => (key.id === found.id ? revoked : key)));
    return withoutDigests(revoked);
  }

  /** Be it revoked or not. */
  #find(key: string): StoredKey | undefined {
    this.#follow();
    const digestOfKey = sha256(key);
    let found: StoredKey | undefined;
    for (const candidate of this.#keys) {
      if (timingSafeEqual(digestOfKey, Buffer.from(candidate.sha256, 'hex'))) found = candidate;
    }
    return found;
  }

  get #noun(): string {
    return this.#options.noun ?? 'appKey';
  }

  #now(): string {
    return new Date(this.#options.clock()).toISOString();
  }

  /** Reads the file again if it changed. A malformed one is reported once, and the keys of before go on being valid. */
  #follow(): void {
    if (this.#currentVersion() === this.#version) return;
    try {
      this.load();
    } catch (error) {
      this.#options.log.error({ cause: describeError(error) }, `the ${this.#noun} registry changed and cannot be read`);
    }
  }

  #currentVersion(): string {
    const stat = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false });
    return stat ? `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}` : 'absent';
  }

  #read(): StoredKey[] {
    let text: string;
    try {
      text = readFileSync(this.#options.path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new AppError('SECRET_INVALID', `${this.#options.path} cannot be read: ${describeError(cause)}`, { cause });
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new AppError('SECRET_INVALID', `${this.#options.path} is not valid JSON`);
    }
    const parsed = registrySchema.safeParse(value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue.path.join('.') || 'the file';
      throw new AppError(
        'SECRET_INVALID',
        `${this.#options.path} is no ${this.#noun} registry: ${where}: ${issue.message}`,
      );
    }
    return parsed.data.keys;
  }

  /** A reader sees the old registry or the new one, and after a power cut as well. */
  async #write(keys: readonly StoredKey[]): Promise<void> {
    const { path } = this.#options;
    const temporary = `${path}.${randomUUID()}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(`${JSON.stringify({ keys }, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    const directory = await open(dirname(path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    this.load();
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function withoutDigests(key: StoredKey): AppKey {
  const { id, name, createdAt, revokedAt } = key;
  return revokedAt === undefined ? { id, name, createdAt } : { id, name, createdAt, revokedAt };
}
