// Strangers with real models and real photographs: every person against everybody else, with the identity decision.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import type { EnrolledFace } from '../../src/gallery/gallery.types.js';
import { GroupFaces } from '../../src/gallery/group-faces.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { decideIdentity, type CandidateShot } from '../../src/recognition/identity.js';
import { createShotProbes } from '../../src/recognition/shot-probe.js';
import { WatchedGroup } from '../../src/recognition/watched-group.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { facesDir, missing, sharedModelsDir } from '../support/shared.js';

interface Photo {
  person: string;
  face: EnrolledFace;
  embedding: Float32Array;
}

const skip = missing('strangers before the real models', facesDir, sharedModelsDir);

describe.skipIf(skip)('each of eight people, five photographs as five frames', () => {
  const set = getModelSet(loadManifest(), 'standard');
  const scales = new SimilarityScales({ points: set.embedder.calibration.points });
  const photos: Photo[] = [];
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await Pipeline.open({
      addon: loadAddon(),
      set,
      modelsDir: sharedModelsDir ?? '',
      providers: ['cpu'],
    });
    const people = join(facesDir ?? '', 'people');
    for (const person of readdirSync(people)) {
      for (const file of readdirSync(join(people, person)).sort()) {
        const options = { embed: 1, mask: false, liveness: false };
        const [found] = (await pipeline.analyseImage(readFileSync(join(people, person, file)), options)).faces;
        if (!found?.embedding) throw new Error(`${file} has no eligible face`);
        const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
        const face = { faceId: file, imageId: file, externalImageId: person, bbox, detectionScore: 1 };
        photos.push({ person, face, embedding: found?.embedding });
      }
    }
  });
  afterAll(() => pipeline?.close());

  /** Searches photos as the shots of one track, each by the mean of the alike ones so far. */
  function searchPhotos(probes: readonly Photo[], enrolled: readonly Photo[], threshold: number): CandidateShot[] {
    const faces = new GroupFaces();
    enrolled.forEach(({ face, embedding }, i) => faces.add(face, i + 1, embedding));
    const group = new WatchedGroup({
      config: { appKey: 'default', group: 'staff', threshold },
      order: 0,
      rule: { margin: 2, agree: 3, outOf: 5 },
      findOwner: () => 'owner-1',
      gallery: {
        group: () => ({ groupId: 'staff', modelVersion: 'm', createdAtMs: 0, faceCount: faces.size }),
        searchPersons: (_, probe, options) => faces.searchPersons(probe, options),
        compareWithPerson: (_, faceId, probe) => faces.comparePerson(faceId, probe, scales) ?? 0,
      },
      modelVersion: 'm',
      scales,
    });
    const shots = probes.map(({ embedding }) => ({ embedding, quality: 1 }));
    return shots.map((shot, i) => ({
      candidates: group.findNearest(createShotProbes(shot, shots.slice(0, i), scales)),
    }));
  }

  const rules = [
    { margin: 2, agree: 3, outOf: 5 },
    { margin: 0, agree: 1, outOf: 5 },
  ];

  test.each(rules)('is a stranger to the other seven, by $agree of 5 and a margin of $margin', (rule) => {
    for (const person of new Set(photos.map((photo) => photo.person))) {
      const others = photos.filter((photo) => photo.person !== person);
      for (const threshold of [70, 80, 90]) {
        const frames = photos.filter((photo) => photo.person === person);
        const shots = searchPhotos(frames, others, threshold);
        expect(decideIdentity(shots, rule), person).toEqual({ kind: 'unknown', reason: 'below-threshold' });
      }
    }
  });

  test('is known among them by two of the photographs, from the other three', () => {
    for (const person of new Set(photos.map((photo) => photo.person))) {
      const own = photos.filter((photo) => photo.person === person);
      const gallery = [...photos.filter((photo) => photo.person !== person), ...own.slice(0, 2)];
      const decision = decideIdentity(searchPhotos(own.slice(2), gallery, 80), { margin: 2, agree: 3, outOf: 3 });
      expect(decision.kind === 'match' && decision.agreeing[0]?.candidate.face.externalImageId, person).toBe(person);
    }
  });
});
