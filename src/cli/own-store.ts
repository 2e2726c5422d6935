// Opens the sealed store for a command while no service runs on it.
import type { AuditLog } from '../audit/audit-log.js';
import { readNextMasterKey } from '../keys/master-key-rotation.js';
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import { hasEntries, masterKeyPath, readMasterKey } from '../keys/secrets.js';
import { silentLog } from '../domain/log.js';
import { AppError } from '../errors.js';
import type { MasterKeyKeeper } from '../keys/master-key-keeper.js';
import type { SealedStore } from '../store/sealed-store.js';
import type { CliContext } from './context.js';

/**
 * Opens the configured store and its audit log, runs `work`, and closes them.
 * @throws AppError STORE_UNAVAILABLE: there is no store; SECRET_MISSING; STORE_LOCKED: another process has the store open; the errors of
 * SealedStore.start
 */
export async function withOwnStore<T>(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  { environment, clock }: Pick<CliContext, 'environment' | 'clock'>,
  work: (store: SealedStore, own: { masterKey: MasterKeyKeeper; audit: AuditLog }) => Promise<T>,
): Promise<T> {
  const { keysDir, dataDir } = config;
  const { databaseDir } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) throw new AppError('STORE_UNAVAILABLE', `there is no gallery in ${dataDir}`);
  const master = await readMasterKey({ environment, keysDir });
  if (!master) throw new AppError('SECRET_MISSING', `there is no master key at ${masterKeyPath(keysDir)}`);
  const nextMasterKey = master.origin === 'file' ? await readNextMasterKey(keysDir) : undefined;
  // Loaded here only: other commands must also work where a native library cannot be loaded.
  const { SealedStore } = await import('../store/sealed-store.js');
  const { AuditLog } = await import('../audit/audit-log.js');
  const { auditRotation } = await import('../audit/audited.js');
  const { MasterKeyKeeper } = await import('../keys/master-key-keeper.js');
  const store = new SealedStore({
    directory: databaseDir,
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
  await store.start(new AbortController().signal);
  try {
    await masterKey.start();
    await audit.start();
    return await work(store, { masterKey, audit });
  } finally {
    await store.stop();
  }
}
