// Makes a data directory from a backup: beside the place first, then at one stroke in it.
import { access, chmod, mkdir, rename, rm } from 'node:fs/promises';
import type { Environment } from '../../config/environment.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { hasEntries, openMasterKey } from '../../keys/secrets.js';
import { silentLog } from '../../domain/log.js';
import type { Clock } from '../../domain/time.js';
import { AppError } from '../../errors.js';
import type { BackupRecord } from '../../gallery/backup-records.js';
import { withProcessLock } from '../../platform/process-lock.js';
import { replaceFile, syncFolder } from '../../platform/write-file.js';

type Folders = Pick<Config, 'dataDir' | 'keysDir'>;

export interface RestoreOptions {
  config: Folders;
  environment: Environment;
  clock: Clock;
  records: AsyncIterable<BackupRecord>;
}

/** @throws AppError STORE_UNAVAILABLE when there is a database or a registry of appKeys */
export async function refuseUnlessEmpty(config: Folders): Promise<void> {
  const { databaseDir, appKeysFile } = dataPaths(config);
  // With a restore that was cut off, the registry is that one's.
  const hasRegistry = !(await exists(unfinished(databaseDir))) && (await exists(appKeysFile));
  if (hasRegistry || (await hasEntries(databaseDir))) {
    throw new AppError(
      'STORE_UNAVAILABLE',
      `${config.dataDir} is not empty: a backup is restored into an empty one only`,
    );
  }
}

/**
 * Into a directory that refuseUnlessEmpty let pass. A kill leaves either nothing that a service would start on, or everything.
 * @throws AppError STORE_UNAVAILABLE; what `records` throws, and nothing is changed then
 */
export async function restoreInto({ config, environment, clock, records }: RestoreOptions): Promise<void> {
  const { dataDir, keysDir } = config;
  const { databaseDir, appKeysFile } = dataPaths(config);
  const iterator = records[Symbol.asyncIterator]();
  // A wrong passphrase is found before a master key is made.
  const first = await iterator.next();
  const master = await openMasterKey({ environment, keysDir, dataDir: databaseDir });
  const { SealedStore } = await import('../../store/sealed-store.js');
  const { AuditLog } = await import('../../audit/audit-log.js');
  const { writeGallery } = await import('../../gallery/backup-records.js');
  const directory = unfinished(databaseDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await chmod(dataDir, 0o700);
  await rm(directory, { recursive: true, force: true });
  const store = new SealedStore({ directory, masterKey: master.key, log: silentLog });
  let appKeys: Buffer | undefined;
  try {
    await store.start(new AbortController().signal);
    const { appKeys: registry, end } = await writeGallery(store, following(first, iterator));
    appKeys = registry;
    const audit = new AuditLog({ store, clock, log: silentLog });
    await audit.start();
    const { groups, faces, damaged } = end;
    await audit.append({ action: 'gallery.restored', actor: 'cli', subject: { groups, faces, damaged } });
    await store.stop();
  } catch (error) {
    await store.stop();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  if (appKeys) {
    const content = appKeys;
    await withProcessLock(appKeysFile, () => replaceFile(appKeysFile, content));
  }
  await rename(directory, databaseDir);
  await syncFolder(dataDir);
}

async function* following<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}

function unfinished(databaseDir: string): string {
  return `${databaseDir}.restore`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
