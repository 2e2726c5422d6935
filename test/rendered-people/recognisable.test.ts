// The models of every set find rendered people at any place and distinguish them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosine } from '../../src/domain/embedding.js';
import { boxIou, type Pose } from '../../src/domain/face.js';
import { renderFrames } from '../../tools/rendered-people/clip.js';
import { createDemoScript, GUEST_SEED, renderPortrait, STRANGER_SEED } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { buildHead } from '../../tools/rendered-people/head.js';
import { renderFace, renderScene, type FaceOptions } from '../../tools/rendered-people/render-face.js';
import { modelSetsAtHand, type ModelsAtHand } from '../support/model-sets.js';
import { Recogniser } from './recogniser.js';

interface Bounds {
  /** Least number of faces that are found on 64 pictures. */
  fewestFound: number;
  leastIou: number;
  /** Greatest error of a landmark, in widths of the face. */
  farthest: number;
  /** Least cosine between two pictures of one person, and greatest between pictures of two people. */
  leastSame: number;
  mostOther: number;
  /** Most false faces in all analysed pictures. */
  mostFalse: number;
}

/** `mostOther` of the standard set is the cosine of similarity 70. The built-in set is less exact. */
const BOUNDS: Readonly<Record<ModelsAtHand['set'], Bounds>> = {
  standard: { fewestFound: 64, leastIou: 0.55, farthest: 0.26, leastSame: 0.6, mostOther: 0.333, mostFalse: 0 },
  builtin: { fewestFound: 60, leastIou: 0.4, farthest: 0.35, leastSame: 0.65, mostOther: 0.6, mostFalse: 3 },
};

/** Calls `make` once and keeps its result: rendering takes longer than analysis, so each set gets the same pictures. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

const poses: Partial<Pose>[] = [{}, { yaw: 20 }, { yaw: -30, pitch: 10 }, { pitch: -15, roll: 15 }];

/** Renders every person in two of the poses, once near and once far. */
const portraits = once(() =>
  Array.from({ length: 64 }, (_, i) => {
    const seed = 1 + (i >> 1);
    const facePx = i % 2 === 0 ? 60 : 90;
    const pose = poses[(seed + (facePx > 60 ? 2 : 0)) % poses.length];
    const options = { widthPx: 224, heightPx: 224, facePx, pose, background: seed };
    const picture = renderFace(buildHead(seed), { ...options, camera: { noise: 3, noiseSeed: seed } });
    return { what: `seed ${seed}, ${facePx} px, ${JSON.stringify(pose)}`, facePx, picture };
  }),
);

const crowd = once(() => {
  const heads = DISTINCT_SEEDS.map((head, i) => ({
    head,
    centreX: 110 + 200 * (i % 4),
    centreY: 130 + 290 * Math.floor(i / 4),
    facePx: 80,
  }));
  return renderScene({ widthPx: 820, heightPx: 600, heads, background: 5 });
});

const emptyRooms = once(() =>
  Array.from({ length: 10 }, (_, i) => renderScene({ widthPx: 640, heightPx: 480, heads: [], background: 1 + i })),
);

const VIEWS: FaceOptions[] = [
  {},
  { pose: { yaw: 10 } },
  { pose: { yaw: -10, pitch: 5 }, light: { azimuth: 40 }, expression: { smile: 0.5 } },
  { pose: { roll: 10 }, light: { strength: 0.6, ambient: 0.8 }, camera: { noise: 5 } },
  { facePx: 70, camera: { noise: 3, blurPx: 0.6 } },
];
const people = once(() =>
  DISTINCT_SEEDS.map((seed) => {
    const head = buildHead(seed);
    return { seed, pictures: VIEWS.map((view) => renderFace(head, { background: seed, ...view })) };
  }),
);

const demoFrames = once(() => [...renderFrames(createDemoScript())].filter(({ index }) => index % 2 === 0));

describe.each(modelSetsAtHand)('the models of the set $set', (models) => {
  const { set } = models;
  const bounds = BOUNDS[set];
  let recogniser: Recogniser;
  beforeAll(async () => {
    recogniser = await Recogniser.open(models);
  });
  afterAll(() => recogniser.close());

  it('find 32 people of at least 60 px in moderate poses at their true positions', { timeout: 90_000 }, async () => {
    const missed: string[] = [];
    let falseFaces = 0;
    for (const { what, facePx, picture } of portraits()) {
      const faces = await recogniser.detect(picture);
      const face = faces.find(({ boxPx }) => boxIou(boxPx, picture.boxPx) > bounds.leastIou);
      falseFaces += faces.length - (face ? 1 : 0);
      if (!face || face.detectionScore < 0.7) {
        missed.push(what);
        continue;
      }
      face.landmarksPx.forEach((point, j) => {
        const truth = picture.landmarksPx[j];
        expect(Math.hypot(point.x - truth!.x, point.y - truth!.y), what).toBeLessThan(bounds.farthest * facePx);
      });
    }
    expect(missed.length, missed.join('; ')).toBeLessThanOrEqual(64 - bounds.fewestFound);
    expect(falseFaces).toBeLessThanOrEqual(bounds.mostFalse);
  });

  it('find all eight people of a crowd, and no face in an empty room', { timeout: 60_000 }, async () => {
    const found = await recogniser.detect(crowd());
    for (const face of crowd().faces) {
      expect(Math.max(...found.map(({ boxPx }) => boxIou(boxPx, face.boxPx)))).toBeGreaterThan(bounds.leastIou);
    }
    let falseFaces = found.length - crowd().faces.length;
    for (const room of emptyRooms()) falseFaces += (await recogniser.detect(room)).length;
    expect(falseFaces).toBeLessThanOrEqual(bounds.mostFalse);
  });

  it('distinguish the distinct people and recognise each of them', { timeout: 90_000 }, async () => {
    const known: { seed: number; embeddings: Float32Array[] }[] = [];
    for (const { seed, pictures } of people()) {
      const embeddings: Float32Array[] = [];
      for (const picture of pictures) embeddings.push(await recogniser.findEmbedding(picture));
      known.push({ seed, embeddings });
    }
    for (const one of known) {
      for (const other of known) {
        const what = `seeds ${one.seed} and ${other.seed}`;
        const cosines = one.embeddings.flatMap((a) => other.embeddings.map((b) => cosine(a, b)));
        if (other === one) expect(Math.min(...cosines), what).toBeGreaterThan(bounds.leastSame);
        else expect(Math.max(...cosines), what).toBeLessThan(bounds.mostOther);
      }
    }
  });

  it(
    "match the demonstration's guest with the portrait in enough frames, and the stranger in no frame",
    { timeout: 90_000 },
    async () => {
      const { points } = models.models.embedder.calibration;
      const [similarity70, similarity90] = [70, 90].map(
        (wanted) => points.find(({ similarity }) => similarity === wanted)?.cosine ?? Number.NaN,
      );
      const portrait = await recogniser.findEmbedding(renderPortrait(GUEST_SEED));
      let falseFaces = 0;
      const cosines: Record<number, number[]> = { [GUEST_SEED]: [], [STRANGER_SEED]: [] };
      for (const { picture, faces } of demoFrames()) {
        const found = await recogniser.detect(picture);
        falseFaces += Math.max(0, found.length - faces.length);
        const [face] = found.toSorted((a, b) => b.detectionScore - a.detectionScore);
        if (faces.length === 0 || !face || face.detectionScore < 0.7) continue;
        cosines[faces[0]!.seed]!.push(cosine(portrait, await recogniser.embed(picture, face)));
      }
      expect(falseFaces).toBeLessThanOrEqual(bounds.mostFalse);
      expect(cosines[GUEST_SEED]!.length).toBeGreaterThanOrEqual(12);
      expect(cosines[STRANGER_SEED]!.length).toBeGreaterThanOrEqual(6);
      expect(Math.min(...cosines[GUEST_SEED]!)).toBeGreaterThan(similarity90!);
      expect(Math.max(...cosines[STRANGER_SEED]!)).toBeLessThan(similarity70!);
    },
  );
});
