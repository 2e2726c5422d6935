// Opens the gallery of a stopped service without the service, and fills it with made-up faces.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuditLog } from '../../src/audit/audit-log.js';
import { dataPaths } from '../../src/config/paths.js';
import { normalise } from '../../src/domain/embedding.js';
import { silentLog } from '../../src/domain/log.js';
import type { GroupRef, NewFace } from '../../src/gallery/gallery.types.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { KeyRegistries } from '../../src/keys/key-registries.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { SealedStore } from '../../src/store/sealed-store.js';

export interface OpenGallery {
  gallery: LevelGallery;
  /** Id of the appKey that the service created. */
  owner: string;
  modelVersion: string;
  dimensions: number;
  close: () => Promise<void>;
}

/** Opens the gallery. @param home folder as test/support/service.ts makes it, started once, so that it has its keys and its appKey */
export async function openGallery(home: string): Promise<OpenGallery> {
  const masterKey = Buffer.from(readFileSync(join(home, 'keys/master.key'), 'utf8').trim(), 'base64');
  const paths = dataPaths({ dataDir: join(home, 'data'), keysDir: join(home, 'keys') });
  const { modelVersion, embedder } = getModelSet(loadManifest(), 'standard');
  const store = new SealedStore({ directory: paths.databaseDir, masterKey, log: silentLog });
  const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
  const keys = new KeyRegistries({ store, audit, oldFiles: paths, clock: Date.now, log: silentLog });
  const limits = { maxGroups: 1000, maxFacesPerGroup: 1_000_000 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const { signal } = new AbortController();
  await store.start(signal);
  await audit.start();
  await keys.start();
  await gallery.start(signal);
  return {
    gallery,
    owner: keys.appKeys.list()[0]!.id,
    modelVersion,
    dimensions: embedder.output.dimensions,
    async close() {
      await gallery.stop();
      await store.stop();
    },
  };
}

/** Enrols this number of made-up faces. @param home as for openGallery */
export async function fillGallery(home: string, groupId: string, faces: number): Promise<void> {
  const { gallery, owner, modelVersion, dimensions, close } = await openGallery(home);
  try {
    const ref: GroupRef = { owner, groupId };
    await gallery.createGroup(ref, modelVersion);
    const next = makeUpEmbeddings(1, dimensions);
    for (let done = 0; done < faces; done += 20) {
      const count = Math.min(20, faces - done);
      await gallery.enrol(
        ref,
        Array.from({ length: count }, (_, i) => makeUpFace(done + i, next())),
      );
    }
  } finally {
    await close();
  }
}

/** Makes a face whose externalImageId is `person-NUMBER`. */
export function makeUpFace(number: number, embedding: Float32Array): NewFace {
  return {
    externalImageId: `person-${number}`,
    bbox: { x0: 0.25, y0: 0.25, x1: 0.75, y1: 0.75 },
    detectionScore: 0.9,
    embedding,
  };
}

/** Returns a function that makes L2-normalised, evenly spread embeddings, the same in every run. `fillGallery` uses seed 1. */
export function makeUpEmbeddings(seed: number, dimensions: number): () => Float32Array {
  const next = randomNumbers(seed);
  return () => normalise(Float32Array.from({ length: dimensions }, () => next() - 0.5));
}

/** Makes a linear congruential generator. @returns a function that returns numbers in 0..1 */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
