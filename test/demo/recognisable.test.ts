// Rendered people are people to the real models: found wherever they stand, and told apart.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosine } from '../../src/domain/embedding.js';
import { boxIou, type Pose } from '../../src/domain/face.js';
import { clipFrames } from '../../src/demo/clip.js';
import { demoScript, GUEST_SEED, renderPortrait, STRANGER_SEED } from '../../src/demo/demo-clip.js';
import { DISTINCT_SEEDS } from '../../src/demo/distinct-seeds.js';
import { buildHead } from '../../src/demo/head.js';
import { renderFace, renderScene, type FaceOptions } from '../../src/demo/render-face.js';
import { missing, sharedModelsDir } from '../support/shared.js';
import { Recogniser } from './recogniser.js';

/** Cosines of the standard set's similarity 70 and 90. */
const SIMILARITY_70 = 0.333;
const SIMILARITY_90 = 0.464;

describe.skipIf(missing('rendered faces before the real models', sharedModelsDir))('the real models', () => {
  let recogniser: Recogniser;
  beforeAll(async () => {
    recogniser = await Recogniser.open(sharedModelsDir ?? '');
  });
  afterAll(() => recogniser.close());

  const poses: Partial<Pose>[] = [{}, { yaw: 20 }, { yaw: -30, pitch: 10 }, { pitch: -15, roll: 15 }];

  it(
    'find each of 32 people, 60 px and larger, in moderate poses, where they were drawn',
    { timeout: 90_000 },
    async () => {
      for (let seed = 1; seed <= 32; seed++) {
        const head = buildHead(seed);
        // Every person in two of the poses, once near and once far.
        for (const facePx of [60, 90]) {
          const pose = poses[(seed + (facePx > 60 ? 2 : 0)) % poses.length];
          const camera = { noise: 3, noiseSeed: seed };
          const picture = renderFace(head, { widthPx: 224, heightPx: 224, facePx, pose, background: seed, camera });
          const faces = await recogniser.detect(picture);
          const what = `seed ${seed}, ${JSON.stringify(pose)}`;
          expect(faces, what).toHaveLength(1);
          expect(faces[0].detectionScore, what).toBeGreaterThan(0.7);
          expect(boxIou(faces[0].boxPx, picture.boxPx), what).toBeGreaterThan(0.55);
          faces[0].landmarksPx.forEach((point, j) => {
            const truth = picture.landmarksPx[j];
            expect(Math.hypot(point.x - truth.x, point.y - truth.y), what).toBeLessThan(0.26 * facePx);
          });
        }
      }
    },
  );

  it('find all eight of a crowd, and nobody in an empty room', { timeout: 60_000 }, async () => {
    const heads = DISTINCT_SEEDS.map((head, i) => ({
      head,
      centreX: 110 + 200 * (i % 4),
      centreY: 130 + 290 * Math.floor(i / 4),
      facePx: 80,
    }));
    const crowd = renderScene({ widthPx: 820, heightPx: 600, heads, background: 5 });
    const found = await recogniser.detect(crowd);
    expect(found).toHaveLength(8);
    for (const face of crowd.faces) {
      expect(Math.max(...found.map(({ boxPx }) => boxIou(boxPx, face.boxPx)))).toBeGreaterThan(0.55);
    }
    for (let seed = 1; seed <= 10; seed++) {
      const empty = renderScene({ widthPx: 640, heightPx: 480, heads: [], background: seed });
      expect(await recogniser.detect(empty), `background ${seed}`).toEqual([]);
    }
  });

  it('tell the distinct people apart and know each of them again', { timeout: 90_000 }, async () => {
    const views: FaceOptions[] = [
      {},
      { pose: { yaw: 10 } },
      { pose: { yaw: -10, pitch: 5 }, light: { azimuth: 40 }, expression: { smile: 0.5 } },
      { pose: { roll: 10 }, light: { strength: 0.6, ambient: 0.8 }, camera: { noise: 5 } },
      { facePx: 70, camera: { noise: 3, blurPx: 0.6 } },
    ];
    const people: Float32Array[][] = [];
    for (const seed of DISTINCT_SEEDS) {
      const head = buildHead(seed);
      const embeddings: Float32Array[] = [];
      for (const view of views) {
        embeddings.push(await recogniser.embeddingOf(renderFace(head, { background: seed, ...view })));
      }
      people.push(embeddings);
    }
    people.forEach((views, i) => {
      for (const a of views) {
        for (const b of views) expect(cosine(a, b), `seed ${DISTINCT_SEEDS[i]}`).toBeGreaterThan(0.6);
        for (const [j, others] of people.entries()) {
          if (j === i) continue;
          const what = `seeds ${DISTINCT_SEEDS[i]} and ${DISTINCT_SEEDS[j]}`;
          for (const b of others) expect(cosine(a, b), what).toBeLessThan(SIMILARITY_70);
        }
      }
    });
  });

  it(
    "match the demonstration's guest with the portrait in enough frames, and the stranger in none",
    { timeout: 90_000 },
    async () => {
      const portrait = await recogniser.embeddingOf(renderPortrait(GUEST_SEED));
      const cosines: Record<number, number[]> = { [GUEST_SEED]: [], [STRANGER_SEED]: [] };
      for (const { index, picture, faces } of clipFrames(demoScript())) {
        if (index % 3 > 0) continue;
        const found = await recogniser.detect(picture);
        expect(found.length).toBeLessThanOrEqual(1);
        if (found.length === 0 || found[0].detectionScore < 0.7) continue;
        cosines[faces[0].seed].push(cosine(portrait, await recogniser.embed(picture, found[0])));
      }
      expect(cosines[GUEST_SEED].length).toBeGreaterThanOrEqual(12);
      expect(cosines[STRANGER_SEED].length).toBeGreaterThanOrEqual(8);
      expect(Math.min(...cosines[GUEST_SEED])).toBeGreaterThan(SIMILARITY_90);
      expect(Math.max(...cosines[STRANGER_SEED])).toBeLessThan(SIMILARITY_70);
    },
  );
});
