// The registry of one kind of keys, in the sealed store: each change is one atomic batch with its entry in the audit log.
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { AuditAction, AuditEntry } from '../domain/audit.js';
import { DEFAULT_ROLE, type Role } from '../domain/role.js';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { NoteMaker, Operation, SealedStore, Space } from '../store/sealed-store.js';
import {
  computeFingerprint,
  decodeRegistry,
  encodeRegistry,
  KEY_NAME_PATTERN,
  MAX_KEYS,
  type KeyKind,
  type StoredKey,
} from './stored-keys.js';

const KEY_BYTES = 32;
/** Stands in for the digest of a secretKey where there is none to compare with. No secretKey with this digest is known. */
const NO_DIGEST = Buffer.alloc(32);

/** Label of the one space that holds the registries. */
export const KEYS_LABEL = 'keys';

/** One key of a registry, without the key itself and its digests. */
export interface RegisteredKey {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  /** 16 hexadecimal digits over the digests of the key: the audit log names the key by them. */
  readonly fingerprint: string;
  /** Role of an admin key: all that its holder may do; absent for an appKey. */
  readonly role?: Role;
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

/** The admin keys, as sessions use them. */
export interface AdminKeys extends KeyAuthority {
  /** Returns the valid key of this id; undefined for one that is unknown or revoked. */
  find(id: string): RegisteredKey | undefined;
  /** Calls the listener after each change of the keys. @returns the function that ends this */
  watch(listener: () => void): () => void;
}

/** Checks keys alone, or together with their secretKeys. */
export interface SecretKeyAuthority extends KeyAuthority {
  /** @returns undefined for a key that is unknown or revoked, has no secretKey, or has another one */
  authenticateWithSecret(key: string, secretKey: string): RegisteredKey | undefined;
}

/** Facts of a key that is made. */
export interface NewKeyOptions {
  /** Author of the change, for the audit log; default: `cli`. */
  actor?: string;
  /** Only for a kind whose keys have roles; default: `admin`. */
  role?: Role | undefined;
}

export interface KeyRegistryOptions {
  kind: KeyKind;
  /** Starts before the registry is opened. */
  store: Pick<SealedStore, 'write'>;
  /** Starts before the registry is opened. */
  audit: NoteMaker;
  clock: Clock;
}

/** A key in memory, ready for comparisons. */
interface LoadedKey {
  stored: StoredKey;
  digest: Buffer;
  secretDigest: Buffer | undefined;
  listed: RegisteredKey;
}

/**
 * The keys of one kind. A change is on the disk, together with its entry in the audit log, when it resolves; when it rejects, nothing has
 * changed. Changes follow one another. Only the process that has the store open can make them.
 */
export class KeyRegistry implements SecretKeyAuthority, AdminKeys {
  readonly #options: KeyRegistryOptions;
  #space: Space | undefined;
  #keys: readonly LoadedKey[] = [];
  readonly #listeners = new Set<() => void>();
  /** The change that is under way, or the last one. It never rejects. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: KeyRegistryOptions) {
    this.#options = options;
  }

  get kind(): KeyKind {
    return this.#options.kind;
  }

  /**
   * Reads the registry from the space of the registries; without a record there are no keys.
   * @throws AppError STORE_CORRUPT, SECRET_INVALID: it does not open, or is malformed; STORE_UNAVAILABLE
   */
  async open(space: Space): Promise<void> {
    const { kind } = this.#options;
    const content = await space.get(registryPlace(kind));
    this.#keys = content
      ? decodeRegistry(content, kind, `the registry of ${kind.noun}s`).map((stored) => loadKey(kind, stored))
      : [];
    this.#space = space;
  }

  /** Forgets all keys: nothing is accepted any more. */
  close(): void {
    this.#space = undefined;
    this.#keys = [];
    this.#notify();
  }

  find(id: string): RegisteredKey | undefined {
    return this.#keys.find(({ stored }) => stored.id === id && stored.revokedAt === undefined)?.listed;
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Compares with every key in constant time: 0.07 µs for each, and 3 µs for the digest (desktop processor, November 2026). */
  authenticate(key: string): RegisteredKey | undefined {
    const found = this.#find(key);
    return found === undefined || found.stored.revokedAt !== undefined ? undefined : found.listed;
  }

  authenticateWithSecret(key: string, secretKey: string): RegisteredKey | undefined {
    const found = this.#find(key);
    // Compared even when the key is unknown: a wrong key takes as long as a wrong secretKey.
    const secretHolds = timingSafeEqual(sha256(secretKey), found?.secretDigest ?? NO_DIGEST);
    if (!secretHolds || found?.secretDigest === undefined || found.stored.revokedAt !== undefined) return undefined;
    return found.listed;
  }

  /** Returns the id of the valid key of this name. */
  findId(name: string): string | undefined {
    return this.#keys.find(({ stored }) => stored.name === name && stored.revokedAt === undefined)?.stored.id;
  }

  /** Returns all keys, the revoked ones included, in the order of their creation. */
  list(): RegisteredKey[] {
    return this.#keys.map(({ listed }) => listed);
  }

  /** Returns the registry in its stored form, for a backup: digests, and no key. */
  encode(): Buffer {
    return encodeRegistry(this.#keys.map(({ stored }) => stored));
  }

  /** Returns these keys, followed by those of the registry that are not among them. */
  merge(keys: readonly StoredKey[]): StoredKey[] {
    const ids = new Set(keys.map(({ id }) => id));
    return [...keys, ...this.#keys.map(({ stored }) => stored).filter(({ id }) => !ids.has(id))];
  }

  /**
   * Makes a key.
   * @throws AppError CONFIG_INVALID: the name is malformed, a valid key has it, keys of this kind have no role, or there are 10,000 keys;
   * STORE_UNAVAILABLE; STOPPED
   */
  async create(name: string, { actor = 'cli', role }: NewKeyOptions = {}): Promise<NewKey> {
    return this.#change(async () => this.#add(this.#newKey(name, role), actor));
  }

  /**
   * Makes a key if the registry has never had one, revoked ones included.
   * @param save stores the key for the operator before the registry accepts it; an error from here leaves the registry without a key
   * @returns undefined when there was a key
   */
  async createFirst(name: string, save: (newKey: NewKey) => Promise<void>): Promise<NewKey | undefined> {
    return this.#change(async () => {
      if (this.#keys.length > 0) return undefined;
      const made = this.#newKey(name);
      await save(made.newKey);
      return this.#add(made, 'service');
    });
  }

  /** Revokes a valid key. @throws AppError CONFIG_INVALID: no valid key has this name or id; STORE_UNAVAILABLE; STOPPED */
  async revoke(nameOrId: string, actor = 'cli'): Promise<RegisteredKey> {
    return this.#change(async () => {
      const { stored } = this.#findValid(nameOrId);
      const revoked = loadKey(this.kind, { ...stored, revokedAt: this.#now() });
      const all = this.#keys.map((key) => (key.stored.id === stored.id ? revoked : key));
      await this.#write(all, describeChange(this.kind, 'key.revoked', revoked.listed, actor));
      return revoked.listed;
    });
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  #newKey(name: string, role?: Role): { newKey: NewKey; loaded: LoadedKey } {
    const { kind } = this.#options;
    const { noun, hasSecretKey, hasRole } = kind;
    if (!KEY_NAME_PATTERN.test(name)) {
      throw new AppError('CONFIG_INVALID', `the name of an ${noun} has 1 to 64 of: letters, digits, - _ .`);
    }
    if (role !== undefined && !hasRole) throw new AppError('CONFIG_INVALID', `an ${noun} has no role`);
    if (this.findId(name) !== undefined) {
      throw new AppError('CONFIG_INVALID', `there is a valid ${noun} named ${name} already`);
    }
    if (this.#keys.length >= MAX_KEYS) {
      throw new AppError('CONFIG_INVALID', `there are ${MAX_KEYS} ${noun}s already, revoked ones included`);
    }
    const key = randomBytes(KEY_BYTES).toString('base64url');
    const secretKey = hasSecretKey ? randomBytes(KEY_BYTES).toString('base64url') : undefined;
    const stored: StoredKey = {
      id: randomUUID(),
      name,
      sha256: sha256(key).toString('hex'),
      ...(secretKey === undefined ? {} : { secretSha256: sha256(secretKey).toString('hex') }),
      ...(role === undefined || role === DEFAULT_ROLE ? {} : { role }),
      createdAt: this.#now(),
    };
    const loaded = loadKey(kind, stored);
    return { newKey: { key, secretKey, entry: loaded.listed }, loaded };
  }

  async #add({ newKey, loaded }: { newKey: NewKey; loaded: LoadedKey }, actor: string): Promise<NewKey> {
    await this.#write([...this.#keys, loaded], describeChange(this.kind, 'key.created', newKey.entry, actor));
    return newKey;
  }

  /** @throws AppError CONFIG_INVALID */
  #findValid(nameOrId: string): LoadedKey {
    const valid = this.#keys.filter(({ stored }) => stored.revokedAt === undefined);
    const found =
      valid.find(({ stored }) => stored.id === nameOrId) ?? valid.find(({ stored }) => stored.name === nameOrId);
    if (!found) throw new AppError('CONFIG_INVALID', `there is no valid ${this.#options.kind.noun} named ${nameOrId}`);
    return found;
  }

  /** Finds a key by its digest, revoked or not. */
  #find(key: string): LoadedKey | undefined {
    const digestOfKey = sha256(key);
    let found: LoadedKey | undefined;
    for (const candidate of this.#keys) {
      if (timingSafeEqual(digestOfKey, candidate.digest)) found = candidate;
    }
    return found;
  }

  #now(): string {
    return new Date(this.#options.clock()).toISOString();
  }

  async #write(keys: readonly LoadedKey[], entry: AuditEntry): Promise<void> {
    const { kind, store, audit } = this.#options;
    if (!this.#space) throw new AppError('STOPPED', `the registry of ${kind.noun}s is not open`);
    const stored = keys.map((key) => key.stored);
    await store.write([putRegistry(this.#space, kind, stored)], audit.note([entry]));
    this.#keys = keys;
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Describes the writing of a whole registry into the space of the registries. @throws AppError CONFIG_INVALID: more than 10,000 keys */
export function putRegistry(space: Space, kind: KeyKind, keys: readonly StoredKey[]): Operation {
  if (keys.length > MAX_KEYS) throw new AppError('CONFIG_INVALID', `there are more than ${MAX_KEYS} ${kind.noun}s`);
  return space.put(registryPlace(kind), encodeRegistry(keys));
}

/** Describes the entry of the audit log for one key. @param more further facts */
export function describeChange(
  kind: KeyKind,
  action: AuditAction,
  { id, name, fingerprint, role }: Pick<RegisteredKey, 'id' | 'name' | 'fingerprint' | 'role'>,
  actor: string,
  more: AuditEntry['subject'] = {},
): AuditEntry {
  const kindOfKey = kind.id === 'app' ? {} : { kind: kind.id };
  return {
    action,
    actor,
    subject: { id, name, ...kindOfKey, fingerprint, ...(role === undefined ? {} : { role }), ...more },
  };
}

/** Returns the facts of a stored key that may be shown. */
export function listKey(kind: KeyKind, stored: StoredKey): RegisteredKey {
  const { id, name, createdAt, revokedAt } = stored;
  const role = kind.hasRole ? { role: stored.role ?? DEFAULT_ROLE } : {};
  const fingerprint = computeFingerprint(stored);
  return { id, name, fingerprint, ...role, createdAt, ...(revokedAt === undefined ? {} : { revokedAt }) };
}

function registryPlace(kind: KeyKind): Buffer {
  return Buffer.from(kind.id);
}

function loadKey(kind: KeyKind, stored: StoredKey): LoadedKey {
  return {
    stored,
    digest: Buffer.from(stored.sha256, 'hex'),
    secretDigest: stored.secretSha256 === undefined ? undefined : Buffer.from(stored.secretSha256, 'hex'),
    listed: listKey(kind, stored),
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
