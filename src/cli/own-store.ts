// Opens the sealed store for a command while no service runs on it.
import { mkdir } from 'node:fs/promises';
import type { AuditLog } from '../audit/audit-log.js';
import { readNextMasterKey } from '../keys/master-key-rotation.js';
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import { hasEntries, masterKeyPath, openMasterKey, readMasterKey } from '../keys/secrets.js';
import { requireTrustedFolders } from '../keys/trusted-folders.js';
import { silentLog } from '../domain/log.js';
import { AppError } from '../errors.js';
import type { KeyRegistries } from '../keys/key-registries.js';
import type { MasterKeyKeeper } from '../keys/master-key-keeper.js';
import type { OnAltered, SealedStore } from '../store/sealed-store.js';
import type { CliContext } from './context.js';

/** The parts over an open store that the commands use. */
export interface OwnParts {
  masterKey: MasterKeyKeeper;
  audit: AuditLog;
  keys: KeyRegistries;
}

export interface OwnStoreOptions {
  /** Makes the store, and the master key where there is none, as a first start does. Default: a missing store is an error. */
  create?: boolean;
  /** Handling of a store that does not add up. Default: it is refused. */
  onAltered?: OnAltered;
}

/**
 * Opens the configured store, its audit log and its registries of keys, runs `work`, and closes them.
 * @throws AppError STORE_UNAVAILABLE: there is no store; SECRET_MISSING; STORE_LOCKED: another process has the store open; the errors of
 * SealedStore.start
 */
export async function withOwnStore<T>(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  { environment, clock }: Pick<CliContext, 'environment' | 'clock'>,
  work: (store: SealedStore, own: OwnParts) => Promise<T>,
  { create = false, onAltered = 'refuse' }: OwnStoreOptions = {},
): Promise<T> {
  const { keysDir, dataDir } = config;
  const paths = dataPaths(config);
  const { databaseDir, counterFile } = paths;
  if (!create && !(await hasEntries(databaseDir))) {
    throw new AppError('STORE_UNAVAILABLE', `there is no gallery in ${dataDir}`);
  }
  await requireTrustedFolders(config);
  const sources = { environment, keysDir };
  const master = await (create ? openMasterKey({ ...sources, dataDir: databaseDir }) : readMasterKey(sources));
  if (!master) throw new AppError('SECRET_MISSING', `there is no master key at ${masterKeyPath(keysDir)}`);
  if (create) await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const nextMasterKey = master.origin === 'file' ? await readNextMasterKey(keysDir) : undefined;
  // Loaded here only: other commands must also work where a native library cannot be loaded.
  const { SealedStore } = await import('../store/sealed-store.js');
  const { AuditLog } = await import('../audit/audit-log.js');
  const { auditRotation } = await import('../audit/audited.js');
  const { MasterKeyKeeper } = await import('../keys/master-key-keeper.js');
  const { KeyRegistries } = await import('../keys/key-registries.js');
  const store = new SealedStore({
    directory: databaseDir,
    counterFile,
    onAltered,
    masterKey: master.key,
    ...(nextMasterKey === undefined ? {} : { nextMasterKey }),
    log: silentLog,
  });
  const audit = new AuditLog({ store, clock, log: silentLog });
  const masterKey = new MasterKeyKeeper({
    store: auditRotation(store, audit),
    keysDir,
    origin: master.origin,
    log: silentLog,
  });
  const keys = new KeyRegistries({ store, audit, oldFiles: paths, clock, log: silentLog });
  await store.start(new AbortController().signal);
  try {
    // A store that is only reported cannot be written.
    if (onAltered !== 'report') for (const part of [masterKey, audit, keys]) await part.start();
    return await work(store, { masterKey, audit, keys });
  } finally {
    await store.stop();
  }
}
