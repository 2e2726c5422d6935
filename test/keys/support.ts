// What tests of keys share: registries over a store.
import { silentLog } from '../../src/domain/log.js';
import type { Clock } from '../../src/domain/time.js';
import { KeyRegistries, type KeyRegistriesOptions } from '../../src/keys/key-registries.js';
import type { SealedStore } from '../../src/store/sealed-store.js';

/** Paths at which there is no plain registry. */
export const NO_OLD_FILES = {
  appKeysFile: '/nonexistent/app-keys.json',
  adminKeysFile: '/nonexistent/admin-keys.json',
};

/** A journal that keeps nothing, for tests that are not about the audit log. */
const NO_AUDIT: KeyRegistriesOptions['audit'] = {
  isNew: true,
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
