// What the tests of the gallery share: galleries to open.
import { onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { LevelGallery, type LevelGalleryOptions } from '../../src/gallery/leveldb-gallery.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { forever, openStore } from '../store/support.js';

export interface OpenGallery {
  gallery: LevelGallery;
  store: SealedStore;
  /** Both, in their order; the directory is free afterwards. */
  stop: () => Promise<void>;
}

/** A started gallery over a started store; both are stopped when the test has finished. */
export async function openGallery(
  directory: string,
  options: Partial<Omit<LevelGalleryOptions, 'store'>> = {},
): Promise<OpenGallery> {
  const store = await openStore(directory);
  const gallery = new LevelGallery({
    store,
    limits: { maxGroups: 10, maxFacesPerGroup: 1_000 },
    clock: Date.now,
    log: silentLog,
    ...options,
  });
  onTestFinished(() => gallery.stop());
  await gallery.start(forever);
  const stop = async (): Promise<void> => {
    await gallery.stop();
    await store.stop();
  };
  return { gallery, store, stop };
}
