// Refuses folders of data and keys that other users could change: nobody but the service may add a key, a record or a link there.
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import { AppError, describeError } from '../errors.js';
import { findFolderFaults } from '../platform/trusted-folder.js';

/**
 * Checks the data directory, the database in it and the folder of the keys, each one level deep. Folders that do not exist are accepted.
 * @throws AppError STORE_UNAVAILABLE for the data, SECRET_INVALID for the keys; the message names each path and the command that fixes it
 */
export async function requireTrustedFolders(config: Pick<Config, 'dataDir' | 'keysDir'>): Promise<void> {
  const { dataDir, keysDir } = config;
  const { databaseDir } = dataPaths(config);
  await requireTrusted(keysDir, 'the folder of the keys', 'SECRET_INVALID');
  await requireTrusted(dataDir, 'the data directory', 'STORE_UNAVAILABLE');
  await requireTrusted(databaseDir, 'the database', 'STORE_UNAVAILABLE');
}

async function requireTrusted(path: string, what: string, code: 'SECRET_INVALID' | 'STORE_UNAVAILABLE'): Promise<void> {
  let faults: string[];
  try {
    faults = await findFolderFaults(path);
  } catch (cause) {
    throw new AppError(code, `${what} ${path} cannot be examined: ${describeError(cause)}`, { cause });
  }
  if (faults.length > 0) throw new AppError(code, `${what} is not safe from other users: ${faults.join('; ')}`);
}
