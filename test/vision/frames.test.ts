// Frames of a camera with the real models: the values that are computed for each face, and those that are left out.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { renderScene } from '../../tools/rendered-people/render-face.js';
import { boxIou, type Box, type Face } from '../../src/domain/face.js';
import { loadAddon } from '../../src/native/addon.js';
import { pickAttributedFaces } from '../../src/vision/attributed-faces.js';
import type { EarlyCrops } from '../../src/vision/early-embeddings.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import type { AnalysedFrame, FrameOptions } from '../../src/vision/vision.js';
import { modelSetsAtHand } from '../support/model-sets.js';
import { tempDir } from '../support/temp-dir.js';

const addon = loadAddon();

describe.each(modelSetsAtHand)('with the set $set, a frame of three people', ({ models: set, modelsDir }) => {
  const hasLiveness = set.liveness !== undefined;
  const sizesPx = [110, 90, 40];
  const heads = sizesPx.map((facePx, i) => ({
    head: DISTINCT_SEEDS[i]!,
    centreX: 130 + 190 * i,
    centreY: 230,
    facePx,
  }));
  let pipeline: Pipeline;
  let jpeg: Buffer;
  let truth: Box[];

  beforeAll(async () => {
    pipeline = await Pipeline.open({ addon, set, modelsDir, providers: ['cpu'] });
    const scene = renderScene({ widthPx: 640, heightPx: 480, heads, background: 5 });
    truth = scene.faces.map(({ boxPx }) => boxPx);
    jpeg = encodePicture(scene, addon);
  });
  afterAll(() => pipeline.close());

  async function analyse(
    options: Partial<FrameOptions>,
    onAligned?: (early: EarlyCrops) => void,
  ): Promise<AnalysedFrame> {
    const path = join(tempDir(), 'frame.mjpeg');
    writeFileSync(path, jpeg);
    const source = { type: 'file', path, loop: false, realTime: false } as const;
    const asked = { widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 5_000, readTimeoutMs: 5_000 };
    const handle = addon.openCapture({ source, ...asked }, () => undefined);
    onTestFinished(() => addon.closeCapture(handle));
    return vi.waitFor(async () => {
      const all = { after: 0, mask: true, liveness: true, minFacePx: 30, ...options };
      const frame = await pipeline.analyseFrame(handle, all, onAligned);
      if (!frame) throw new Error('the frame is not there yet');
      return frame;
    }, 10_000);
  }

  /** Lists the computed values of the faces from left to right: c crop and quality, m mask, l liveness, - none of them. */
  const computed = ({ faces }: AnalysedFrame): string[] =>
    faces
      .toSorted((a, b) => a.boxPx.x0 - b.boxPx.x0)
      .map(({ crop, quality, masked, livenessScore }) => {
        const has = { c: crop && quality, m: masked, l: livenessScore };
        const letters = Object.entries(has).filter(([, value]) => value !== undefined);
        return letters.map(([letter]) => letter).join('') || '-';
      });

  /** Removes liveness from an expectation for a set without a liveness model. */
  const known = (letters: string): string => (hasLiveness ? letters : letters.replace('l', ''));

  it('has mask and liveness for the faces that are fit for recognition', async () => {
    expect(computed(await analyse({}))).toEqual([known('cml'), known('cml'), 'c']);
    expect(computed(await analyse({ mask: false }))).toEqual([known('cl'), known('cl'), 'c']);
    expect(computed(await analyse({ liveness: false }))).toEqual(['cm', 'cm', 'c']);
  });

  it('has only the place of a settled face', async () => {
    const frame = await analyse({ settled: [truth[0]!] });
    expect(computed(frame)).toEqual(['-', known('cml'), 'c']);
    expect(frame.faces[0]!.landmarksPx).toHaveLength(5);
    expect(frame.faces[0]!.pose).toBeDefined();
    expect(computed(await analyse({ settled: truth }))).toEqual(['-', '-', '-']);
  });

  it('gives the crops of its fit faces before their liveness, except of those that rest', async () => {
    const give = async (options: Partial<FrameOptions>): Promise<(readonly number[])[]> => {
      const given: EarlyCrops[] = [];
      const { faces } = await analyse(options, (early) => given.push(early));
      for (const { faces: indices, crops } of given) {
        expect(crops).toEqual(indices.map((i) => faces[i]!.crop));
        expect(indices.every((i) => faces[i]!.livenessScore !== undefined)).toBe(true);
      }
      return given.map(({ faces: indices }) => indices);
    };
    expect(await give({})).toEqual([]);
    expect(await give({ resting: [] })).toEqual(hasLiveness ? [[0, 1]] : []);
    expect(await give({ resting: [truth[0]!] })).toEqual(hasLiveness ? [[1]] : []);
    expect(await give({ resting: [], settled: truth })).toEqual([]);
    expect(await give({ resting: [], liveness: false })).toEqual([]);
  });

  describe('that is searched around expected faces', () => {
    const stream = { widthPx: 640, heightPx: 480, streamChanges: 0 };
    const around = (...indices: number[]): Box[] => indices.map((i) => truth[i]!);
    const places = ({ faces }: AnalysedFrame): number[] =>
      faces.map(({ boxPx }) => Math.floor((boxPx.x0 + boxPx.x1) / 2 / 210)).toSorted();

    it('has these faces alone, and as much of them as ever', async () => {
      const frame = await analyse({ search: { around: around(0), ...stream } });
      expect(frame.searched).toBe('around');
      expect(places(frame)).toEqual([0]);
      expect(computed(frame)).toEqual([known('cml')]);
      expect(computed(await analyse({ settled: truth, search: { around: around(0), ...stream } }))).toEqual(['-']);
      expect(boxIou(frame.faces[0]!.boxPx, (await analyse({})).faces[0]!.boxPx)).toBeGreaterThan(0.75);
    });

    it('has each face once where the squares overlap', async () => {
      const frame = await analyse({ search: { around: around(0, 1, 2), ...stream } });
      expect([frame.searched, places(frame)]).toEqual(['around', [0, 1, 2]]);
    });

    it.each([
      { name: 'has moved by a third of its size', shift: 0.33, searched: 'around', found: [0] },
      { name: 'has leapt', shift: 0.8, searched: 'again', found: [0, 1, 2] },
      { name: 'is gone', shift: -1.4, searched: 'again', found: [0, 1, 2] },
    ])('where a face $name, is searched $searched', async ({ shift, searched, found }) => {
      const { x0, y0, x1, y1 } = truth[0]!;
      const byPx = shift * (x1 - x0);
      const expected = { x0: x0 + byPx, y0: y0 - byPx / 4, x1: x1 + byPx, y1: y1 - byPx / 4 };
      const frame = await analyse({ search: { around: [expected], ...stream } });
      expect([frame.searched, places(frame)]).toEqual([searched, found]);
    });

    it.each([
      { name: 'another width', change: { widthPx: 1280 } },
      { name: 'another height', change: { heightPx: 360 } },
      { name: 'another stream', change: { streamChanges: 1 } },
      { name: 'nobody in it', change: { around: [] } },
      { name: 'boxes that are no numbers', change: { around: [{ x0: NaN, y0: 0, x1: NaN, y1: 9 }] } },
    ])('is searched as a whole where the search is for $name', async ({ change }) => {
      const frame = await analyse({ search: { around: around(0), ...stream, ...change } });
      expect([frame.searched, places(frame)]).toEqual([undefined, [0, 1, 2]]);
    });
  });

  it('does not count a face as settled that overlaps the box too little', async () => {
    const { x0, y0, x1, y1 } = truth[0]!;
    const shift = 0.75 * (x1 - x0);
    const beside = { x0: x0 + shift, y0, x1: x1 + shift, y1 };
    expect(computed(await analyse({ settled: [beside] }))[0]).toBe(known('cml'));
  });
});

describe('the faces of a crowd that get mask and liveness', () => {
  const makeFace = (overall: number, sizePx = 100): Face => ({
    boxPx: { x0: 0, y0: 0, x1: sizePx, y1: sizePx },
    landmarksPx: [0, 1, 2, 3, 4].map((n) => ({ x: n, y: n })) as unknown as Face['landmarksPx'],
    detectionScore: 0.9,
    pose: { yaw: 0, pitch: 0, roll: 0 },
    quality: { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1, overall },
  });
  const crowd = [0.9, 0.5, 0.8, 0.6, 0.7, 0.45, 0.55, 0.65].map((overall) => makeFace(overall));
  const qualities = (faces: Face[]) => faces.map(({ quality }) => quality?.overall);

  it('are all faces up to three, without those that are not fit for recognition', () => {
    const settled = makeFace(1);
    delete settled.quality;
    const faces = [makeFace(0.5), makeFace(0.3), settled, makeFace(0.9, 50), makeFace(0.7)];
    expect(qualities(pickAttributedFaces(faces, 1))).toEqual([0.5, 0.7]);
  });

  it.each([1, 2, 3])(
    'are the two best and one of the others in turn, also if only every %d. frame is analysed',
    (step) => {
      const turns = new Map<number | undefined, number>();
      for (let n = 1; n <= 60; n++) {
        const [first, second, third, ...more] = qualities(pickAttributedFaces(crowd, n * step));
        expect([first, second, more]).toEqual([0.9, 0.8, []]);
        turns.set(third, (turns.get(third) ?? 0) + 1);
      }
      expect([...turns.keys()].toSorted()).toEqual([0.45, 0.5, 0.55, 0.6, 0.65, 0.7]);
      expect(Math.min(...turns.values())).toBeGreaterThanOrEqual(5);
    },
  );
});
