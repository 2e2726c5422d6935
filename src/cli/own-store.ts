// The sealed store for a command, where no service runs on it.
import { readNextMasterKey } from '../config/master-key-rotation.js';
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import { hasEntries, masterKeyPath, readMasterKey } from '../config/secrets.js';
import { silentLog } from '../domain/log.js';
import { AppError } from '../errors.js';
import type { MasterKeyKeeper } from '../ops/master-key.js';
import type { SealedStore } from '../store/sealed-store.js';
import type { CliContext } from './context.js';

/**
 * Opens the store of the configuration while `work` goes on.
 * @throws AppError STORE_UNAVAILABLE: there is none; SECRET_MISSING; STORE_LOCKED: a service runs that has no admin socket; those of
 * SealedStore.start
 */
export async function withOwnStore<T>(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  { environment }: Pick<CliContext, 'environment'>,
  work: (store: SealedStore, masterKey: MasterKeyKeeper) => Promise<T>,
): Promise<T> {
  const { keysDir, dataDir } = config;
  const { databaseDir } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) throw new AppError('STORE_UNAVAILABLE', `there is no gallery in ${dataDir}`);
  const master = await readMasterKey({ environment, keysDir });
  if (!master) throw new AppError('SECRET_MISSING', `there is no master key at ${masterKeyPath(keysDir)}`);
  const nextMasterKey = master.origin === 'file' ? await readNextMasterKey(keysDir) : undefined;
  // Loaded here only: the other commands must work where a library does not.
  const { SealedStore } = await import('../store/sealed-store.js');
  const { MasterKeyKeeper } = await import('../ops/master-key.js');
  const store = new SealedStore({
    directory: databaseDir,
    masterKey: master.key,
    ...(nextMasterKey === undefined ? {} : { nextMasterKey }),
    log: silentLog,
  });
  const keeper = new MasterKeyKeeper({ store, keysDir, origin: master.origin, log: silentLog });
  await store.start(new AbortController().signal);
  try {
    await keeper.start();
    return await work(store, keeper);
  } finally {
    await store.stop();
  }
}
