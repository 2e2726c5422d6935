// The gallery of the API tests: the real one, over LevelDB in a temporary folder.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { silentLog } from '../../src/domain/log.js';
import { findPolicy, type EnrolmentPolicies } from '../../src/domain/enrolment-policy.js';
import { LevelGallery, type GalleryLimits } from '../../src/gallery/leveldb-gallery.js';
import { SealedStore } from '../../src/store/sealed-store.js';

export async function openGallery(
  folder: string,
  limits: Partial<GalleryLimits> = {},
  policies: EnrolmentPolicies = { enrolment: 'open' },
): Promise<{ gallery: LevelGallery; store: SealedStore; close(): Promise<void> }> {
  const store = new SealedStore({ directory: join(folder, 'db'), masterKey: randomBytes(32), log: silentLog });
  const gallery = new LevelGallery({
    store,
    limits: { maxGroups: 1_000, maxFacesPerGroup: 100_000, ...limits },
    findPolicy: (groupId) => findPolicy(policies, groupId),
    clock: Date.now,
    log: silentLog,
  });
  const { signal } = new AbortController();
  await store.start(signal);
  await gallery.start(signal);
  const close = async () => {
    await gallery.stop();
    await store.stop();
  };
  return { gallery, store, close };
}
