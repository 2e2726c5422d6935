// Both registries of keys as one part of the service: opens them in the sealed store, takes the plain files of Lintel 0.2 over once, and
// makes the first keys.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { describeError } from '../errors.js';
import type { NoteMaker, SealedStore, Space } from '../store/sealed-store.js';
import { ensureFirstKey } from './first-key.js';
import { describeChange, KeyRegistry, KEYS_LABEL, listKey, putRegistry } from './key-registry.js';
import { findOldFiles, putTakeover, readOldFile, readTakeover, removeOldFile, type OldFile } from './old-key-files.js';
import { ADMIN_KEY, APP_KEY, decodeRegistry, type KeyKind } from './stored-keys.js';

const FIRST_KEY_NAME = 'default';

export interface KeyRegistriesOptions {
  /** Starts before the registries. */
  store: Pick<SealedStore, 'openSpace' | 'write'>;
  /** Starts before the registries. `isNew`: whether its log was empty at its start. */
  audit: NoteMaker & { readonly isNew: boolean };
  /** Paths of the plain registries of Lintel 0.2. */
  oldFiles: { appKeysFile: string; adminKeysFile: string };
  /** Files that receive the first keys in plain text, for the operator. Without them no key is made. */
  firstKeys?: { firstAppKeyFile: string; firstSecretKeyFile: string; firstAdminKeyFile: string };
  clock: Clock;
  log: Log;
}

/**
 * A plain file is taken over when the store has had no registry before, and only where the audit log shows that an older version has used
 * the store. A plain file that appears afterwards is not read: anybody who can write to the data directory could have put it there.
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
    const { store, audit, oldFiles, log } = this.#options;
    const space = await store.openSpace(KEYS_LABEL);
    const files = await findOldFiles([
      { kind: APP_KEY, path: oldFiles.appKeysFile },
      { kind: ADMIN_KEY, path: oldFiles.adminKeysFile },
    ]);
    const hasRegistry = [await this.appKeys.open(space), await this.adminKeys.open(space)].includes(true);
    let takeover = await readTakeover(space);
    if (!takeover && !hasRegistry) {
      await this.#takeOver(space, audit.isNew ? [] : files);
      takeover = await readTakeover(space);
      await this.appKeys.open(space);
      await this.adminKeys.open(space);
    }
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
   * Removes the plain files whose keys are in the store. Called once the service runs: an upgrade that fails before that goes back to the
   * older version, which needs them. Never rejects.
   */
  async removeOldFiles(): Promise<void> {
    const { log } = this.#options;
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

  async #takeOver(space: Space, found: readonly OldFile[]): Promise<void> {
    const { store, audit, log } = this.#options;
    const files = await Promise.all(found.map(readOldFile));
    const read = files.map((file) => ({ file, keys: decodeRegistry(file.content, file.kind, file.path) }));
    const entries = read.flatMap(({ file: { kind }, keys }) =>
      keys.map((stored) =>
        describeChange(kind, 'key.imported', listKey(stored), 'service', {
          from: 'file',
          revoked: stored.revokedAt !== undefined,
        }),
      ),
    );
    await store.write(
      [putTakeover(space, files), ...read.map(({ file: { kind }, keys }) => putRegistry(space, kind, keys))],
      entries.length > 0 ? audit.note(entries) : undefined,
    );
    for (const { file, keys } of read) {
      log.info(
        { file: file.path, keys: keys.length },
        'the plain registry of keys was taken over into the sealed store',
      );
    }
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
 * Writes the registry of a backup into a store that has none yet. From then on no plain file is taken over.
 * @param appKeys content of the backup's registry; undefined where the backup has none
 * @throws AppError SECRET_INVALID: the registry is malformed; STORE_UNAVAILABLE
 */
export async function restoreKeys(
  { store, audit }: Pick<KeyRegistriesOptions, 'store' | 'audit'>,
  appKeys: Buffer | undefined,
): Promise<void> {
  const kind: KeyKind = APP_KEY;
  const keys = appKeys ? decodeRegistry(appKeys, kind, 'the registry of appKeys in the backup') : [];
  const space = await store.openSpace(KEYS_LABEL);
  const entries = keys.map((stored) =>
    describeChange(kind, 'key.imported', listKey(stored), 'cli', {
      from: 'backup',
      revoked: stored.revokedAt !== undefined,
    }),
  );
  await store.write(
    [putTakeover(space, []), putRegistry(space, kind, keys)],
    entries.length > 0 ? audit.note(entries) : undefined,
  );
}
