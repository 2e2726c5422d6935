// Makes a data directory from a backup: writes the database under another name first, and renames it at the end.
import { access, chmod, mkdir, rename, rm } from 'node:fs/promises';
import type { Environment } from '../../config/environment.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { hasEntries, openMasterKey } from '../../keys/secrets.js';
import { requireTrustedFolders } from '../../keys/trusted-folders.js';
import { silentLog } from '../../domain/log.js';
import type { Clock } from '../../domain/time.js';
import { AppError } from '../../errors.js';
import type { BackupRecord } from '../../gallery/backup.types.js';
import { syncFolder } from '../../platform/write-file.js';
import type { CounterMark } from '../../store/counter.js';

type Folders = Pick<Config, 'dataDir' | 'keysDir'>;

export interface RestoreOptions {
  config: Folders;
  environment: Environment;
  clock: Clock;
  records: AsyncIterable<BackupRecord>;
}

/** Checks that there is nothing to overwrite. @throws AppError STORE_UNAVAILABLE when there is a database, or a registry of an older version */
export async function refuseUnlessEmpty(config: Folders): Promise<void> {
  const { databaseDir, appKeysFile, adminKeysFile } = dataPaths(config);
  if ((await exists(appKeysFile)) || (await exists(adminKeysFile)) || (await hasEntries(databaseDir))) {
    throw new AppError(
      'STORE_UNAVAILABLE',
      `${config.dataDir} is not empty: a backup can only be restored into an empty directory`,
    );
  }
}

/**
 * Restores a backup into a directory that refuseUnlessEmpty accepted. If the process is killed, there is no database, or a complete one.
 * @throws AppError STORE_UNAVAILABLE; what `records` throws; nothing is changed then
 */
export async function restoreInto({ config, environment, clock, records }: RestoreOptions): Promise<void> {
  const { dataDir, keysDir } = config;
  await requireTrustedFolders(config);
  const { databaseDir, counterFile } = dataPaths(config);
  const iterator = records[Symbol.asyncIterator]();
  // The first record shows whether the passphrase is right, before a master key is made.
  const first = await iterator.next();
  const master = await openMasterKey({ environment, keysDir, dataDir: databaseDir });
  const { SealedStore } = await import('../../store/sealed-store.js');
  const { AuditLog } = await import('../../audit/audit-log.js');
  const { restoreKeys } = await import('../../keys/key-registries.js');
  const { readCounter, writeCounter } = await import('../../store/counter.js');
  const { writeGallery } = await import('../../gallery/backup-records.js');
  const directory = unfinishedPath(databaseDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await chmod(dataDir, 0o700);
  await rm(directory, { recursive: true, force: true });
  const store = new SealedStore({ directory, masterKey: master.key, log: silentLog });
  let mark: CounterMark;
  try {
    await store.start(new AbortController().signal);
    const { appKeys, end } = await writeGallery(store, continueFrom(first, iterator));
    const audit = new AuditLog({ store, clock, log: silentLog });
    await audit.start();
    const { groups, faces, damaged } = end;
    await audit.append({ action: 'gallery.restored', actor: 'cli', subject: { groups, faces, damaged } });
    await restoreKeys({ store, audit }, appKeys);
    mark = store.mark;
    await store.stop();
  } catch (error) {
    await store.stop();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  // Before the database gets its name: the counter of the database that was here before would refuse it.
  await writeCounter(counterFile, mark).catch(async (cause: unknown) => {
    if ((await readCounter(counterFile)) === undefined) return;
    throw new AppError('STORE_UNAVAILABLE', `the counter ${counterFile} cannot be written`, { cause });
  });
  await rename(directory, databaseDir);
  await syncFolder(dataDir);
}

async function* continueFrom<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}

function unfinishedPath(databaseDir: string): string {
  return `${databaseDir}.restore`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
