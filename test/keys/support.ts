// What tests of keys share: registries over a store.
import { silentLog } from '../../src/domain/log.js';
import type { Clock } from '../../src/domain/time.js';
import { KeyRegistries, type KeyRegistriesOptions } from '../../src/keys/key-registries.js';
import { CHECK_PLACE } from '../../src/store/key-records.js';
import { ROOT_PREFIX } from '../../src/store/root-records.js';
import { deriveMasterSealingKey, seal } from '../../src/store/sealing.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { withRaw } from '../store/support.js';
import { masterKey } from '../store/values.js';
import { randomBytes } from 'node:crypto';

/** Paths at which there is no plain registry. */
export const NO_OLD_FILES = {
  appKeysFile: '/nonexistent/app-keys.json',
  adminKeysFile: '/nonexistent/admin-keys.json',
};

/** A journal that keeps nothing, for tests that are not about the audit log. */
const NO_AUDIT: KeyRegistriesOptions['audit'] = {
  note: (drafts) => ({ journal: { begin: async () => [], end: () => undefined }, drafts }),
};

/** Opens the registries of a started store. */
export async function openKeys(
  store: SealedStore,
  { audit = NO_AUDIT, clock = Date.now }: { audit?: KeyRegistriesOptions['audit']; clock?: Clock } = {},
): Promise<KeyRegistries> {
  const keys = new KeyRegistries({ store, audit, oldFiles: NO_OLD_FILES, clock, log: silentLog });
  await keys.start();
  return keys;
}

/** Gives a closed database the form of Lintel 0.2: without roots. */
export async function makeOldForm(directory: string): Promise<void> {
  await withRaw(directory, async (level) => {
    const check = seal(deriveMasterSealingKey(masterKey), CHECK_PLACE, Buffer.from('lintel store 1'), randomBytes);
    await level.put(CHECK_PLACE, check);
    for (const place of await level.keys({ gte: ROOT_PREFIX, lt: Buffer.from('s') }).all()) await level.del(place);
  });
}
