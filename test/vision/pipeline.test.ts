// The pipeline with the real models and real photographs.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosine } from '../../src/domain/embedding.js';
import { boxIou, boxHeight, boxWidth, type Face } from '../../src/domain/face.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { alignToTemplate } from '../../src/vision/align.js';
import { decodePicture } from '../../src/vision/decode.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { facesDir, masksDir, missing, sharedModelsDir } from '../support/shared.js';

const DETECT = { embed: 0, mask: false, liveness: false };

describe.skipIf(missing('the vision pipeline', facesDir, sharedModelsDir))('the pipeline', () => {
  const people = join(facesDir ?? '', 'people');
  const photos =
    facesDir === undefined
      ? []
      : readdirSync(people).map((name) => join(people, name, readdirSync(join(people, name))[0]!));
  let pipeline: Pipeline;

  beforeAll(async () => {
    const set = getModelSet(loadManifest(), 'standard');
    pipeline = await Pipeline.open({ addon: loadAddon(), set, modelsDir: sharedModelsDir ?? '', providers: ['cpu'] });
  });
  afterAll(() => pipeline.close());

  const only = async (bytes: Uint8Array): Promise<Face> => {
    const { faces } = await pipeline.analyseImage(bytes, DETECT);
    expect(faces).toHaveLength(1);
    return faces[0]!;
  };

  it('mirrors the yaw and roll of a mirrored picture, and keeps its pitch', async () => {
    // The detector is not exactly mirror-symmetric: each sign must change, and the difference must be small on average.
    const differences: { yaw: number; pitch: number; roll: number }[] = [];
    for (const name of readdirSync(people)) {
      for (const file of readdirSync(join(people, name))) {
        const bytes = readFileSync(join(people, name, file));
        const { pose } = await only(bytes);
        const { pose: mirrored } = await only(await sharp(bytes).flop().png().toBuffer());
        if (Math.abs(pose.yaw) > 15) expect(Math.sign(mirrored.yaw)).toBe(-Math.sign(pose.yaw));
        if (Math.abs(pose.roll) > 15) expect(Math.sign(mirrored.roll)).toBe(-Math.sign(pose.roll));
        differences.push({
          yaw: Math.abs(mirrored.yaw + pose.yaw),
          pitch: Math.abs(mirrored.pitch - pose.pitch),
          roll: Math.abs(mirrored.roll + pose.roll),
        });
      }
    }
    expect(differences).toHaveLength(40);
    for (const angle of ['yaw', 'pitch', 'roll'] as const) {
      expect(differences.reduce((sum, difference) => sum + difference[angle], 0) / 40).toBeLessThan(1.5);
    }
  });

  it('adds the rotation of a rotated picture to the roll, clockwise positive', async () => {
    const bytes = readFileSync(photos[5]!);
    const upright = await only(bytes);
    for (const angle of [-150, -90, -30, 20, 60, 180]) {
      const turned = await only(await sharp(bytes).rotate(angle, { background: '#777' }).png().toBuffer());
      const error = turned.pose.roll - upright.pose.roll - angle;
      expect(Math.abs(error - 360 * Math.round(error / 360))).toBeLessThan(3);
    }
  });

  it.each([120, 480, 1000, 2000])(
    'finds a face that fills the whole picture, %d px high, and nothing inside it',
    async (height) => {
      for (const photo of photos) {
        const { boxPx } = await only(readFileSync(photo));
        const left = Math.round(boxPx.x0);
        const top = Math.round(boxPx.y0);
        const close = await sharp(photo)
          .extract({ left, top, width: Math.floor(boxPx.x1) - left, height: Math.floor(boxPx.y1) - top })
          .resize({ height })
          .jpeg({ quality: 92 })
          .toBuffer();
        const { faces, widthPx, heightPx } = await pipeline.analyseImage(close, DETECT);
        expect(faces).toHaveLength(1);
        expect(boxWidth(faces[0]!.boxPx) / widthPx).toBeGreaterThan(0.6);
        expect(boxHeight(faces[0]!.boxPx) / heightPx).toBeGreaterThan(0.6);
      }
    },
  );

  it('finds small faces in a large picture as well as in a small one', async () => {
    const scene = readFileSync(join(facesDir ?? '', 'groups', 'bbt4.jpg'));
    const { faces, widthPx } = await pipeline.analyseImage(scene, DETECT);
    const large = await sharp({ create: { width: 2000, height: 1500, channels: 3, background: '#556' } })
      .composite([{ input: scene, left: 600, top: 500 }])
      .jpeg({ quality: 95 })
      .toBuffer();
    const found = (await pipeline.analyseImage(large, DETECT)).faces;
    expect(widthPx).toBe(710);
    expect(found).toHaveLength(faces.length);
    for (const { boxPx } of faces) {
      const there = { x0: boxPx.x0 + 600, y0: boxPx.y0 + 500, x1: boxPx.x1 + 600, y1: boxPx.y1 + 500 };
      expect(Math.max(...found.map((face) => boxIou(face.boxPx, there)))).toBeGreaterThan(0.7);
    }
  });

  it('embeds only the requested number of faces, the largest, and returns no crops', async () => {
    const scene = readFileSync(join(facesDir ?? '', 'groups', 'bbt4.jpg'));
    const { faces } = await pipeline.analyseImage(scene, { ...DETECT, embed: 2 });
    expect(faces.map((face) => face.embedding !== undefined)).toEqual(faces.map((_, i) => i < 2));
    for (const face of faces) expect(face).not.toHaveProperty('crop');
    expect(faces[0]).not.toHaveProperty('masked');
    expect(faces[0]).not.toHaveProperty('livenessScore');
  });

  it('gives the same embedding for a picture twice as large', async () => {
    const bytes = readFileSync(photos[0]!);
    const large = await sharp(bytes).resize({ width: 300, kernel: 'cubic' }).png().toBuffer();
    const a = await pipeline.analyseImage(bytes, { ...DETECT, embed: 1 });
    const b = await pipeline.analyseImage(large, { ...DETECT, embed: 1 });
    expect(cosine(a.faces[0]!.embedding as Float32Array, b.faces[0]!.embedding as Float32Array)).toBeGreaterThan(0.9);
  });

  it('treats an aligned crop as one face, without detection', async () => {
    const addon = loadAddon();
    const { embedder } = getModelSet(loadManifest(), 'standard');
    const bytes = readFileSync(photos[0]!);
    const [whole] = (await pipeline.analyseImage(bytes, { ...DETECT, embed: 1 })).faces;
    const { widthPx, heightPx } = embedder.input;
    const rgb = new Uint8Array(widthPx * heightPx * 3);
    const matrix = alignToTemplate(whole!.landmarksPx, embedder.template);
    addon.warp(await decodePicture(bytes, addon), rgb, { widthPx, heightPx, matrix, border: 'constant' });
    const crop = sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } });

    const options = { embed: 1, mask: true, liveness: true, aligned: true };
    const { faces } = await pipeline.analyseImage(await crop.clone().png().toBuffer(), options);
    expect(faces).toHaveLength(1);
    expect(faces[0]).toMatchObject({ boxPx: { x0: 0, y0: 0, x1: 112, y1: 112 }, detectionScore: 1 });
    expect(cosine(faces[0]!.embedding as Float32Array, whole!.embedding as Float32Array)).toBeGreaterThan(0.99);
    expect(typeof faces[0]!.masked).toBe('boolean');
    expect(Number.isFinite(faces[0]!.livenessScore)).toBe(true);
    const { yaw, pitch, roll } = faces[0]!.pose;
    for (const angle of [yaw, pitch, roll]) expect(Math.abs(angle)).toBeLessThan(15);

    const large = await crop.resize(224, 448, { fit: 'fill' }).png().toBuffer();
    const [stretched] = (await pipeline.analyseImage(large, options)).faces;
    expect(stretched!.boxPx).toEqual({ x0: 0, y0: 0, x1: 224, y1: 448 });
    stretched!.landmarksPx.forEach(({ x, y }, i) => {
      expect(x).toBeCloseTo(2 * embedder.template[i]![0]);
      expect(y).toBeCloseTo(4 * embedder.template[i]![1]);
    });

    const empty = await sharp({ create: { width: 100, height: 100, channels: 3, background: '#667' } })
      .png()
      .toBuffer();
    expect((await pipeline.analyseImage(empty, DETECT)).faces).toHaveLength(0);
    expect((await pipeline.analyseImage(empty, options)).faces).toHaveLength(1);
  });

  it('finds at most 20 faces, largest first', async () => {
    const face = await sharp(photos[5]).resize(100, 100).toBuffer();
    const composite = Array.from({ length: 30 }, (_, i) => ({
      input: face,
      left: 20 + (i % 6) * 130,
      top: 20 + Math.floor(i / 6) * 130,
    }));
    const crowd = await sharp({ create: { width: 820, height: 700, channels: 3, background: '#667' } })
      .composite(composite)
      .png()
      .toBuffer();
    const { faces } = await pipeline.analyseImage(crowd, DETECT);
    expect(faces).toHaveLength(20);
    const areas = faces.map(({ boxPx }) => boxWidth(boxPx) * boxHeight(boxPx));
    expect(areas).toEqual(areas.toSorted((a, b) => b - a));
  });

  it.skipIf(missing('masked faces', masksDir))(
    'counts a mask in the condition of a face, also where the caller does not ask for masks',
    async () => {
      const folder = join(masksDir ?? '', 'with_mask');
      for (const mask of [true, false]) {
        let masked = 0;
        for (const file of readdirSync(folder).slice(0, 12)) {
          const bytes = readFileSync(join(folder, file));
          const { faces } = await pipeline.analyseImage(bytes, { embed: 1, mask, liveness: false });
          const face = faces.find(({ embedding }) => embedding);
          if (face?.condition?.masked) masked++;
          if (!mask) expect(face).not.toHaveProperty('masked');
        }
        expect(masked).toBeGreaterThanOrEqual(11);
      }
    },
  );

  it.skipIf(missing('masked faces', masksDir))(
    'classifies at least 95 in 100 masked and bare faces correctly',
    async () => {
      let right = 0;
      let found = 0;
      for (const [folder, masked] of [
        ['with_mask', true],
        ['without_mask', false],
      ] as const) {
        for (const file of readdirSync(join(masksDir ?? '', folder)).slice(0, 30)) {
          const { faces } = await pipeline.analyseImage(readFileSync(join(masksDir ?? '', folder, file)), {
            ...DETECT,
            mask: true,
          });
          if (faces.length === 0) continue;
          found++;
          if (faces[0]!.masked === masked) right++;
        }
      }
      expect(found).toBeGreaterThanOrEqual(55);
      expect(right / found).toBeGreaterThanOrEqual(0.95);
    },
  );
});
