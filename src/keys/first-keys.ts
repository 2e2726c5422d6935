// The first appKey: a service without any could not be used.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DataPaths } from '../config/paths.js';
import type { Log } from '../domain/log.js';
import type { AppKeys } from './app-keys.js';

/** A first start makes an appKey of this name and leaves it and its secretKey, readable by their owner, beside the keys. */
export async function ensureAppKey(
  appKeys: AppKeys,
  {
    firstAppKeyFile,
    firstSecretKeyFile,
    name,
    log,
  }: Pick<DataPaths, 'firstAppKeyFile' | 'firstSecretKeyFile'> & { name: string; log: Log },
): Promise<void> {
  appKeys.load();
  if (appKeys.list().length > 0) return;
  const { key, secretKey } = await appKeys.create(name);
  await mkdir(dirname(firstAppKeyFile), { recursive: true, mode: 0o700 });
  await writeFile(firstAppKeyFile, `${key}\n`, { mode: 0o600 });
  await writeFile(firstSecretKeyFile, `${secretKey}\n`, { mode: 0o600 });
  log.info(
    { file: firstAppKeyFile, secretKeyFile: firstSecretKeyFile, name },
    'first start: an appKey and its secretKey were made',
  );
}
