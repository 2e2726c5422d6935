// The registries of appKeys and of admin keys: JSON files of names and digests. The command line changes them, and the service reads them.
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import { readFileStampSync } from '../platform/file-stamp.js';
import { withProcessLock } from '../platform/process-lock.js';
import { replaceFile } from '../platform/write-file.js';

const NAME_PATTERN = /^[a-zA-Z0-9_.-]{1,64}$/;
const KEY_BYTES = 32;
/** Stands in for the digest of a secretKey where there is none to compare with. No secretKey with this digest is known. */
const NO_DIGEST = '0'.repeat(64);

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const storedKeySchema = z.strictObject({
  id: z.uuid(),
  name: z.string().regex(NAME_PATTERN),
  sha256: digest,
  /** Digest of the secretKey, which v2.0 of the REST API asks for. Admin keys have none, and neither have the oldest appKeys. */
  secretSha256: digest.optional(),
  createdAt: z.iso.datetime(),
  revokedAt: z.iso.datetime().optional(),
});
const registrySchema = z.strictObject({ keys: z.array(storedKeySchema) });

type StoredKey = z.infer<typeof storedKeySchema>;

/** The kind of the keys in one registry. A key of one kind is never accepted as a key of the other. */
export interface KeyKind {
  /** Name of such a key in messages. */
  readonly noun: string;
  readonly hasSecretKey: boolean;
}

/** Keys of the REST API. The id of an appKey owns the groups that were created with it. */
export const APP_KEY: KeyKind = { noun: 'appKey', hasSecretKey: true };

/** Keys of the device API. */
export const ADMIN_KEY: KeyKind = { noun: 'admin key', hasSecretKey: false };

/** One key of a registry, without the key itself and its digests. */
export interface RegisteredKey {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** ISO 8601, UTC; absent while the key is valid. */
  readonly revokedAt?: string;
}

/** A key that was just made. The key and its secretKey are stored nowhere and cannot be shown again. */
export interface NewKey {
  /** 43 characters of base64url. */
  key: string;
  /** 43 characters of base64url; undefined for a kind that has no secretKey. */
  secretKey: string | undefined;
  entry: RegisteredKey;
}

/** Checks the keys of clients. */
export interface KeyAuthority {
  /** @returns undefined for a key that is unknown or revoked */
  authenticate(key: string): RegisteredKey | undefined;
}

/** Checks keys alone, or together with their secretKeys. */
export interface SecretKeyAuthority extends KeyAuthority {
  /** @returns undefined for a key that is unknown or revoked, has no secretKey, or has another one */
  authenticateWithSecret(key: string, secretKey: string): RegisteredKey | undefined;
}

export interface KeyRegistryOptions {
  kind: KeyKind;
  /** Path of the registry file. While there is no such file, there are no keys. */
  path: string;
  clock: Clock;
  log: Log;
}

/**
 * The keys of one registry file. A change is made under a lock between processes, and is on the disk when it resolves. It throws AppError
 * STORE_UNAVAILABLE when other processes hold the lock for too long, and SECRET_INVALID when the file is malformed; nothing is changed then.
 */
export class KeyRegistry implements SecretKeyAuthority {
  readonly #options: KeyRegistryOptions;
  #keys: readonly StoredKey[] = [];
  /** Stamp of the file that was read last, well-formed or not. */
  #stamp = 'never read';

  constructor(options: KeyRegistryOptions) {
    this.#options = options;
  }

  get kind(): KeyKind {
    return this.#options.kind;
  }

  /** Reads the file now. @throws AppError SECRET_INVALID: it is not a registry or cannot be read; the keys read before stay valid */
  load(): void {
    this.#stamp = readFileStampSync(this.#options.path);
    this.#keys = this.#read();
  }

  /** Compares with every key in constant time. Each call also looks for a change of the file (about 5 µs), which takes effect at once. */
  authenticate(key: string): RegisteredKey | undefined {
    const found = this.#find(key);
    return found === undefined || found.revokedAt !== undefined ? undefined : withoutDigests(found);
  }

  authenticateWithSecret(key: string, secretKey: string): RegisteredKey | undefined {
    const found = this.#find(key);
    // Compared even when the key is unknown: a wrong key takes as long as a wrong secretKey.
    const secretHolds = timingSafeEqual(sha256(secretKey), Buffer.from(found?.secretSha256 ?? NO_DIGEST, 'hex'));
    if (!secretHolds || found?.secretSha256 === undefined || found.revokedAt !== undefined) return undefined;
    return withoutDigests(found);
  }

  /** Returns the id of the valid key of this name. */
  findId(name: string): string | undefined {
    this.#follow();
    return this.#keys.find((key) => key.name === name && key.revokedAt === undefined)?.id;
  }

  /** Returns all keys, the revoked ones included, in the order of their creation. */
  list(): RegisteredKey[] {
    this.#follow();
    return this.#keys.map(withoutDigests);
  }

  /** Makes a key. @throws AppError CONFIG_INVALID: the name is malformed, or a valid key has it */
  async create(name: string): Promise<NewKey> {
    return this.#change(async () => this.#add(this.#newKey(name)));
  }

  /**
   * Makes a key if the registry has never had one, revoked ones included.
   * @param save stores the key for the operator before the registry accepts it; an error from here leaves the registry without a key
   * @returns undefined when there was a key
   */
  async createFirst(name: string, save: (newKey: NewKey) => Promise<void>): Promise<NewKey | undefined> {
    this.load();
    if (this.#keys.length > 0) return undefined;
    return this.#change(async () => {
      // Another process may have made one since.
      if (this.#keys.length > 0) return undefined;
      const made = this.#newKey(name);
      await save(made.newKey);
      return this.#add(made);
    });
  }

  /** Revokes a valid key. @throws AppError CONFIG_INVALID: no valid key has this name or id */
  async revoke(nameOrId: string): Promise<RegisteredKey> {
    // Read before the lock is taken: the lock needs the folder, which may be missing while there are no keys.
    this.load();
    this.#findValid(nameOrId);
    return this.#change(async () => {
      const found = this.#findValid(nameOrId);
      const revoked: StoredKey = { ...found, revokedAt: this.#now() };
      await this.#write(this.#keys.map((key) => (key.id === found.id ? revoked : key)));
      return withoutDigests(revoked);
    });
  }

  /** Reads the file and lets `change` write it, while no other process can do the same. */
  #change<T>(change: () => Promise<T>): Promise<T> {
    return withProcessLock(this.#options.path, () => {
      this.load();
      return change();
    });
  }

  #newKey(name: string): { newKey: NewKey; stored: StoredKey } {
    const { noun, hasSecretKey } = this.#options.kind;
    if (!NAME_PATTERN.test(name)) {
      throw new AppError('CONFIG_INVALID', `the name of an ${noun} has 1 to 64 of: letters, digits, - _ .`);
    }
    if (this.#keys.some((key) => key.name === name && key.revokedAt === undefined)) {
      throw new AppError('CONFIG_INVALID', `there is a valid ${noun} named ${name} already`);
    }
    const key = randomBytes(KEY_BYTES).toString('base64url');
    const secretKey = hasSecretKey ? randomBytes(KEY_BYTES).toString('base64url') : undefined;
    const stored: StoredKey = {
      id: randomUUID(),
      name,
      sha256: sha256(key).toString('hex'),
      ...(secretKey === undefined ? {} : { secretSha256: sha256(secretKey).toString('hex') }),
      createdAt: this.#now(),
    };
    return { newKey: { key, secretKey, entry: withoutDigests(stored) }, stored };
  }

  async #add({ newKey, stored }: { newKey: NewKey; stored: StoredKey }): Promise<NewKey> {
    await this.#write([...this.#keys, stored]);
    return newKey;
  }

  /** @throws AppError CONFIG_INVALID */
  #findValid(nameOrId: string): StoredKey {
    const valid = this.#keys.filter((key) => key.revokedAt === undefined);
    const found = valid.find((key) => key.id === nameOrId) ?? valid.find((key) => key.name === nameOrId);
    if (!found) throw new AppError('CONFIG_INVALID', `there is no valid ${this.#options.kind.noun} named ${nameOrId}`);
    return found;
  }

  /** Finds a key by its digest, revoked or not. */
  #find(key: string): StoredKey | undefined {
    this.#follow();
    const digestOfKey = sha256(key);
    let found: StoredKey | undefined;
    for (const candidate of this.#keys) {
      if (timingSafeEqual(digestOfKey, Buffer.from(candidate.sha256, 'hex'))) found = candidate;
    }
    return found;
  }

  #now(): string {
    return new Date(this.#options.clock()).toISOString();
  }

  /** Reads the file again if it changed. A malformed file is reported once, and the keys read before stay valid. */
  #follow(): void {
    const { path, kind, log } = this.#options;
    if (readFileStampSync(path) === this.#stamp) return;
    try {
      this.load();
    } catch (error) {
      log.error({ cause: describeError(error) }, `the ${kind.noun} registry changed and cannot be read`);
    }
  }

  #read(): StoredKey[] {
    const { path, kind } = this.#options;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new AppError('SECRET_INVALID', `${path} cannot be read: ${describeError(cause)}`, { cause });
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new AppError('SECRET_INVALID', `${path} is not valid JSON`);
    }
    const parsed = registrySchema.safeParse(value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue?.path.join('.') || 'the file';
      throw new AppError('SECRET_INVALID', `${path} is not an ${kind.noun} registry: ${where}: ${issue?.message}`);
    }
    return parsed.data.keys;
  }

  async #write(keys: readonly StoredKey[]): Promise<void> {
    await replaceFile(this.#options.path, `${JSON.stringify({ keys }, null, 2)}\n`);
    this.load();
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function withoutDigests({ id, name, createdAt, revokedAt }: StoredKey): RegisteredKey {
  return revokedAt === undefined ? { id, name, createdAt } : { id, name, createdAt, revokedAt };
}
