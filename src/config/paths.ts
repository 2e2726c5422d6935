// Where the files of the service lie within the configured folders, and what version it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './schema.js';

/** The folder that holds package.json, models/ and build/; two rooms up from here and from dist/config. */
const INSTALLATION = new URL('../../', import.meta.url);

export interface DataPaths {
  /** LevelDB. */
  databaseDir: string;
  /** Of a running service: the way in for the command line. */
  adminSocket: string;
  /** The registry of appKeys: names and digests. */
  appKeysFile: string;
  /** The appKey made at first start, in clear, for the operator. */
  firstAppKeyFile: string;
  /** Its secretKey, for v2.0 of the API. */
  firstSecretKeyFile: string;
  /** The registry of admin keys, which open the device API: names and digests. */
  adminKeysFile: string;
  /** The admin key made at first start, in clear, for the operator. */
  firstAdminKeyFile: string;
  /** In which form each model was measured to be faster here. */
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
    precisionFile: join(dataDir, 'precision.json'),
  };
}

/** The version of this installation, from its package.json. */
export function readVersion(): string {
  return (JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version;
}

/** The package.json of this installation. */
export function packageFile(): URL {
  return new URL('package.json', INSTALLATION);
}

/** Path of a file that is part of this installation. @param parts names below its root, such as `demo`, `clip.avi` */
export function installationFile(...parts: readonly string[]): string {
  return fileURLToPath(new URL(parts.join('/'), INSTALLATION));
}
