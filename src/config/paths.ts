// The paths of the service's files in the configured folders, and the version of this installation.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './schema.js';

/** Folder that holds package.json, models/ and build/: two levels above this file, also in dist/config. */
const INSTALLATION = new URL('../../', import.meta.url);

export interface DataPaths {
  /** Folder of the LevelDB database. */
  databaseDir: string;
  /** Socket through which the command line reaches the running service. */
  adminSocket: string;
  /** Plain registry of appKeys of Lintel 0.2. */
  appKeysFile: string;
  /** The appKey that the first start creates, in plain text, for the operator. */
  firstAppKeyFile: string;
  /** The secretKey of that appKey, for v2.0 of the API. */
  firstSecretKeyFile: string;
  /** Plain registry of admin keys of Lintel 0.2. */
  adminKeysFile: string;
  /** The admin key that the first start creates, in plain text, for the operator. */
  firstAdminKeyFile: string;
  /** Version of the newest root of the database, outside of dataDir: it shows that an older copy of the database was put back. */
  counterFile: string;
  /** Form of each model (8 bits or float) that was measured to be faster on this machine. */
  precisionFile: string;
}

export function dataPaths({ dataDir, keysDir }: Pick<Config, 'dataDir' | 'keysDir'>): DataPaths {
  return {
    databaseDir: join(dataDir, 'db'),
    adminSocket: join(dataDir, 'admin.sock'),
    appKeysFile: join(dataDir, 'app-keys.json'),
    firstAppKeyFile: join(keysDir, 'app-key'),
    firstSecretKeyFile: join(keysDir, 'secret-key'),
    adminKeysFile: join(dataDir, 'admin-keys.json'),
    firstAdminKeyFile: join(keysDir, 'admin-key'),
    counterFile: join(keysDir, 'store.counter'),
    precisionFile: join(dataDir, 'precision.json'),
  };
}

/** Reads the version of this installation from its package.json. */
export function readVersion(): string {
  return (JSON.parse(readFileSync(getPackageFile(), 'utf8')) as { version: string }).version;
}

/** Returns the URL of the package.json of this installation. */
export function getPackageFile(): URL {
  return new URL('package.json', INSTALLATION);
}

/** Returns the path of a file that is part of this installation. @param parts names below its root, such as `demo`, `clip.avi` */
export function getInstallationFile(...parts: readonly string[]): string {
  return fileURLToPath(new URL(parts.join('/'), INSTALLATION));
}
