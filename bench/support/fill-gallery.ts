// Fills the gallery of a stopped service with made-up faces, through the gallery's own code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalise } from '../../src/domain/embedding.js';
import { silentLog } from '../../src/domain/log.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { loadManifest, modelSet } from '../../src/models/manifest.js';
import { SealedStore } from '../../src/store/sealed-store.js';

/** @param home as test/support/service.ts lays it out, started once, so that it has its keys and its appKey */
export async function fillGallery(home: string, groupId: string, faces: number): Promise<void> {
  const masterKey = Buffer.from(readFileSync(join(home, 'keys/master.key'), 'utf8').trim(), 'base64');
  const { keys } = JSON.parse(readFileSync(join(home, 'data/app-keys.json'), 'utf8')) as { keys: { id: string }[] };
  const ref = { owner: keys[0].id, groupId };
  const { modelVersion, embedder } = modelSet(loadManifest(), 'standard');
  const store = new SealedStore({ directory: join(home, 'data/db'), masterKey, log: silentLog });
  const limits = { maxGroups: 1000, maxFacesPerGroup: 1_000_000 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const { signal } = new AbortController();
  await store.start(signal);
  await gallery.start(signal);
  try {
    await gallery.createGroup(ref, modelVersion);
    const next = randomNumbers(1);
    for (let done = 0; done < faces; done += 20) {
      await gallery.enrol(
        ref,
        Array.from({ length: Math.min(20, faces - done) }, (_, i) => ({
          externalImageId: `person-${done + i}`,
          bbox: { x0: 0.25, y0: 0.25, x1: 0.75, y1: 0.75 },
          detectionScore: 0.9,
          embedding: normalise(Float32Array.from({ length: embedder.output.dimensions }, () => next() - 0.5)),
        })),
      );
    }
  } finally {
    await gallery.stop();
    await store.stop();
  }
}

/** A linear congruential generator: the same faces in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
