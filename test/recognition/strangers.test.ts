// Strangers with real models and real photographs: every person against everybody else, with the identity decision.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareTemplates } from '../../src/domain/reported-similarity.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import type { EnrolledFace } from '../../src/gallery/gallery.types.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { listCandidates, decideIdentity, type CandidateShot } from '../../src/recognition/identity.js';
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

  function searchPhoto(probe: Photo, gallery: readonly Photo[], threshold: number): CandidateShot {
    const matches = gallery
      .map((photo) => ({ face: photo.face, similarity: compareTemplates(photo, probe, scales) }))
      .sort((a, b) => b.similarity - a.similarity);
    return { candidates: listCandidates(matches, { appKey: 'default', groupId: 'staff', order: 0, threshold }) };
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
        const shots = frames.map((photo) => searchPhoto(photo, others, threshold));
        expect(decideIdentity(shots, rule), person).toEqual({ kind: 'unknown', reason: 'below-threshold' });
      }
    }
  });

  test('is known among them by two of the photographs, from the other three', () => {
    for (const person of new Set(photos.map((photo) => photo.person))) {
      const own = photos.filter((photo) => photo.person === person);
      const gallery = [...photos.filter((photo) => photo.person !== person), ...own.slice(0, 2)];
      const decision = decideIdentity(
        own.slice(2).map((photo) => searchPhoto(photo, gallery, 80)),
        { margin: 2, agree: 3, outOf: 3 },
      );
      expect(decision.kind === 'match' && decision.agreeing[0]?.candidate.face.externalImageId, person).toBe(person);
    }
  });
});
