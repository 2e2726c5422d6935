// Both registries of keys as one part of the service: opens them in the sealed store, takes the plain files of Lintel 0.2 over once, and
// makes the first keys.
import type { AuditEntry } from '../domain/audit.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { describeError } from '../errors.js';
import type { NoteMaker, SealedStore, Space } from '../store/sealed-store.js';
import { ensureFirstKey } from './first-key.js';
import { describeChange, KeyRegistry, KEYS_LABEL, listKey, putRegistry } from './key-registry.js';
import { findOldFiles, putTakeover, readOldFile, readTakeover, removeOldFile, type OldFile } from './old-key-files.js';
import { ADMIN_KEY, APP_KEY, decodeRegistry, type KeyKind, type StoredKey } from './stored-keys.js';

const FIRST_KEY_NAME = 'default';

export interface KeyRegistriesOptions {
  /** Starts before the registries. */
  store: Pick<SealedStore, 'openSpace' | 'write' | 'isUpgrading'>;
  /** Starts before the registries. */
  audit: NoteMaker;
  /** Paths of the plain registries of Lintel 0.2. */
  oldFiles: { appKeysFile: string; adminKeysFile: string };
  /** Files that receive the first keys in plain text, for the operator. Without them no key is made. */
  firstKeys?: { firstAppKeyFile: string; firstSecretKeyFile: string; firstAdminKeyFile: string };
  clock: Clock;
  log: Log;
}

/**
 * A plain file is taken over from the version that wrote it: while the store is being upgraded from that version, and never again. A plain
 * file that appears afterwards, or beside a new store, is not used: anybody who can write to the data directory could have put it there.
 */
export class KeyRegistries implements Part {
  readonly name = 'keys';
  readonly appKeys: KeyRegistry;
  readonly adminKeys: KeyRegistry;
  readonly #options: KeyRegistriesOptions;
  /** Paths of plain files whose keys are in the store. */
  #takenOver: string[] = [];
  /** Paths of plain files that are not used. */
  #ignored: string[] = [];

  constructor(options: KeyRegistriesOptions) {
    this.#options = options;
    const { store, audit, clock } = options;
    this.appKeys = new KeyRegistry({ kind: APP_KEY, store, audit, clock });
    this.adminKeys = new KeyRegistry({ kind: ADMIN_KEY, store, audit, clock });
  }

  /** @throws AppError STORE_CORRUPT, SECRET_INVALID: a registry, or a plain file to take over, is malformed; STORE_UNAVAILABLE */
  async start(): Promise<void> {
    const { store, oldFiles, log } = this.#options;
    const space = await store.openSpace(KEYS_LABEL);
    await this.appKeys.open(space);
    await this.adminKeys.open(space);
    const files = await findOldFiles([
      { kind: APP_KEY, path: oldFiles.appKeysFile },
      { kind: ADMIN_KEY, path: oldFiles.adminKeysFile },
    ]);
    if (store.isUpgrading) await this.#takeOver(space, files);
    const takeover = await readTakeover(space);
    for (const file of files) {
      const known = takeover?.[file.kind.id];
      const sha256 = (await readOldFile(file).catch(() => undefined))?.sha256;
      (known !== undefined && sha256 === known ? this.#takenOver : this.#ignored).push(file.path);
    }
    for (const file of this.#ignored)
      log.error({ file }, `${IGNORED}; compare with "lintel keys list", then remove it`);
    await this.#makeFirstKeys();
  }

  async stop(): Promise<void> {
    this.appKeys.close();
    this.adminKeys.close();
  }

  /** Paths of plain registries that lie in the data directory and are not used. */
  get ignoredFiles(): readonly string[] {
    return this.#ignored;
  }

  /**
   * Removes the plain files whose keys are in the store. Called once the service runs and the upgrade has ended: one that fails before that
   * goes back to the older version, which needs them. Never rejects.
   */
  async removeOldFiles(): Promise<void> {
    const { store, log } = this.#options;
    if (store.isUpgrading) return;
    for (const file of this.#takenOver.splice(0)) {
      try {
        await removeOldFile(file);
        log.info({ file }, 'the plain registry of keys was removed: its keys are in the sealed store');
      } catch (error) {
        log.error({ file, error: describeError(error) }, 'the plain registry of keys cannot be removed: remove it');
      }
    }
  }

  health(): Health {
    return this.#ignored.length > 0 ? { status: 'degraded', detail: IGNORED } : { status: 'ok' };
  }

  /** Takes over the files that differ from those that were taken over before: after an upgrade that failed, the older version ran again. */
  async #takeOver(space: Space, found: readonly OldFile[]): Promise<void> {
    const { store, audit, log } = this.#options;
    const before = await readTakeover(space);
    const files = await Promise.all(found.map(readOldFile));
    const changed = files.filter(({ kind, sha256 }) => before?.[kind.id] !== sha256);
    if (changed.length === 0) return;
    const read = changed.map((file) => ({ file, keys: decodeRegistry(file.content, file.kind, file.path) }));
    const operations = read.map(({ file: { kind }, keys }) => putRegistry(space, kind, this.#pick(kind).merge(keys)));
    const entries = read.flatMap(({ file: { kind }, keys }) => describeImport(kind, keys, 'service', 'file'));
    await store.write([putTakeover(space, files), ...operations], audit.note(entries));
    await this.appKeys.open(space);
    await this.adminKeys.open(space);
    for (const { file, keys } of read) {
      log.info(
        { file: file.path, keys: keys.length },
        'the plain registry of keys was taken over into the sealed store',
      );
    }
  }

  #pick(kind: KeyKind): KeyRegistry {
    return kind === APP_KEY ? this.appKeys : this.adminKeys;
  }

  async #makeFirstKeys(): Promise<void> {
    const { firstKeys, log } = this.#options;
    if (!firstKeys) return;
    const { firstAppKeyFile: keyFile, firstSecretKeyFile: secretKeyFile, firstAdminKeyFile } = firstKeys;
    await ensureFirstKey(this.appKeys, { name: FIRST_KEY_NAME, keyFile, secretKeyFile, log });
    await ensureFirstKey(this.adminKeys, { name: FIRST_KEY_NAME, keyFile: firstAdminKeyFile, log });
  }
}

const IGNORED =
  'a plain registry of keys lies in the data directory; it is not used, since anybody could have put it there';

/**
 * Writes the registry of a backup into a new store.
 * @param appKeys content of the backup's registry; undefined where the backup has none
 * @throws AppError SECRET_INVALID: the registry is malformed; STORE_UNAVAILABLE
 */
export async function restoreKeys(
  { store, audit }: { store: Pick<SealedStore, 'openSpace' | 'write'>; audit: NoteMaker },
  appKeys: Buffer | undefined,
): Promise<void> {
  if (!appKeys) return;
  const keys = decodeRegistry(appKeys, APP_KEY, 'the registry of appKeys in the backup');
  const space = await store.openSpace(KEYS_LABEL);
  await store.write([putRegistry(space, APP_KEY, keys)], audit.note(describeImport(APP_KEY, keys, 'cli', 'backup')));
}

function describeImport(
  kind: KeyKind,
  keys: readonly StoredKey[],
  actor: string,
  from: 'file' | 'backup',
): AuditEntry[] {
  return keys.map((stored) =>
    describeChange(kind, 'key.imported', listKey(kind, stored), actor, {
      from,
      revoked: stored.revokedAt !== undefined,
    }),
  );
}
