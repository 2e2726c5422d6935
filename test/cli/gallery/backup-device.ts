// Creates a device with an enrolled gallery for the tests of `lintel gallery backup`, and runs commands on it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { AuditLog } from '../../../src/audit/audit-log.js';
import { registerGallery } from '../../../src/cli/gallery/backup.js';
import { registerKeys } from '../../../src/cli/keys.js';
import { registerRotate } from '../../../src/cli/rotate.js';
import { dataPaths } from '../../../src/config/paths.js';
import { silentLog } from '../../../src/domain/log.js';
import { exportGallery } from '../../../src/gallery/backup-records.js';
import { LevelGallery } from '../../../src/gallery/leveldb-gallery.js';
import { MasterKeyKeeper } from '../../../src/keys/master-key-keeper.js';
import { KeyRegistries } from '../../../src/keys/key-registries.js';
import { createKeyRoutes } from '../../../src/keys/key-requests.js';
import { createMasterKey } from '../../../src/keys/secrets.js';
import { AdminSocket } from '../../../src/platform/admin-socket.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import { newFace, staff } from '../../gallery/faces.js';
import { randomNumbers } from '../../store/values.js';
import { tempDir } from '../../support/temp-dir.js';
import { lintel, type Run } from '../terminal.js';

export const signal = new AbortController().signal;
export const PASSPHRASE = 'a passphrase for tests';
/** Arguments that name the passphrase file. It lies in the working directory of each device. */
export const PASSPHRASE_ARGS = ['--passphrase-file', 'pass'];

/** Runs a command line that begins with `gallery` or `keys`. */
export const run = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(args, { gallery: registerGallery, keys: [registerKeys, registerRotate] }, { cwd, clock: Date.now });

export const runGallery = (cwd: string, ...args: string[]): Promise<Run> => run(cwd, 'gallery', ...args);

/** The parts of a running service that a backup needs. They use the folders of the default configuration. */
export interface BackupDevice {
  cwd: string;
  store: SealedStore;
  gallery: LevelGallery;
  keys: KeyRegistries;
  start: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Makes a device with one group, and runs its service. */
export async function createBackupDevice({ faces }: { faces: number }): Promise<BackupDevice> {
  const cwd = tempDir();
  const [data, keysDir] = [join(cwd, 'var/data'), join(cwd, 'var/keys')];
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(join(cwd, 'pass'), `${PASSPHRASE}\n`, { mode: 0o600 });
  const { key } = await createMasterKey(keysDir);
  const store = new SealedStore({ directory: join(data, 'db'), masterKey: key, log: silentLog });
  const limits = { maxGroups: 10, maxFacesPerGroup: 1_000 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
  const oldFiles = dataPaths({ dataDir: data, keysDir });
  const keys = new KeyRegistries({ store, audit, oldFiles, clock: Date.now, log: silentLog });
  const keeper = new MasterKeyKeeper({ store, keysDir, origin: 'file', log: silentLog });
  const admin = new AdminSocket({
    path: join(data, 'admin.sock'),
    routes: {
      ...createKeyRoutes(keys),
      'GET /gallery': () => exportGallery(store, Date.now, () => keys.appKeys.encode()),
      'POST /master-key': async function* () {
        await keeper.rotate();
        yield new Uint8Array(0);
      },
    },
    log: silentLog,
  });
  const parts = [store, audit, keeper, keys, gallery, admin];
  const start = async (): Promise<void> => {
    for (const part of parts) await part.start(signal);
  };
  const stop = async (): Promise<void> => {
    for (const part of [...parts].reverse()) await part.stop();
  };
  onTestFinished(stop);
  await start();
  const random = randomNumbers(51);
  await gallery.createGroup(staff, 'm1');
  for (let i = 0; i < faces; i++) await gallery.enrol(staff, [newFace(random)]);
  return { cwd, store, gallery, keys, start, stop };
}

/** Makes a working directory without data, with the same passphrase file. */
export async function createEmptyDevice(): Promise<string> {
  const cwd = tempDir();
  await writeFile(join(cwd, 'pass'), `${PASSPHRASE}\n`, { mode: 0o600 });
  return cwd;
}
