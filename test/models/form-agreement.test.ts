// A similarity means the same in float and in 8 bits, also where a group was enrolled in one form and a face is searched in the other.
import { beforeAll, describe, expect, it } from 'vitest';
import {
  compareForms,
  embedInForms,
  measureCosines,
  PROMISED,
  type Agreement,
  type FaceInForms,
} from '../../bench/support/form-agreement.js';
import { getModelSet, loadManifest } from '../../src/models/manifest.js';
import { multipliesBytes, readProcessorFlags } from '../../src/models/precision.js';
import { lfwDir, missing, sharedModelsDir } from '../support/shared.js';

const model = getModelSet(loadManifest(), 'standard').embedder;
/** Every twelfth person of LFW: some 640 faces and 200,000 pairs of different people. */
const EVERY = 12;
const isMissing =
  missing('the agreement of the forms', lfwDir, sharedModelsDir) ||
  !multipliesBytes(process.arch, readProcessorFlags());

it('the embedders that have both forms are calibrated in both', () => {
  const { sets } = loadManifest();
  const embedders = Object.keys(sets).map((name) => getModelSet(loadManifest(), name).embedder);
  expect(embedders.length).toBeGreaterThanOrEqual(4);
  for (const { quantised, calibration, origin } of embedders) {
    // The 8-bit file of a built-in model is its only file: both forms compute it, on the calibration of that file.
    const own = 'trainedBy' in origin ? calibration : quantised?.calibration;
    expect(own?.points.map(({ similarity, far }) => [similarity, far])).toEqual([
      [70, 1e-3],
      [80, 1e-4],
      [90, 1e-5],
    ]);
    expect(own?.groupFactor).toBe(calibration.groupFactor);
  }
});

describe.skipIf(isMissing)('faces of LFW in both forms', () => {
  let faces: FaceInForms[];
  let agreements: Agreement[];

  beforeAll(async () => {
    faces = await embedInForms(model, sharedModelsDir ?? '', EVERY);
    agreements = compareForms(model, faces);
  }, 300_000);

  it('are almost the same vectors', () => {
    const { least, middle } = measureCosines(faces);
    expect(least).toBeGreaterThan(0.99);
    expect(middle).toBeGreaterThan(0.995);
  });

  it('are accepted alike, whichever form the gallery and the probe have', () => {
    const [pure, ...others] = agreements;
    expect(others.map(({ gallery, probe }) => `${gallery} ${probe}`)).toEqual([
      'float int8',
      'int8 float',
      'int8 int8',
    ]);
    const accidents = 3 / pure!.impostorPairs;
    for (const { levels } of others) {
      PROMISED.forEach((_, level) => {
        const [before, now] = [pure!.levels[level]!, levels[level]!];
        expect(now.far).toBeLessThanOrEqual(before.far * 1.15 + accidents);
        expect(now.far).toBeGreaterThanOrEqual(before.far / 1.15 - accidents);
        expect(Math.abs(now.tar - before.tar)).toBeLessThanOrEqual(0.01);
      });
    }
  });

  it('keep the promised false accept rates in mixed galleries', () => {
    for (const { levels, impostorPairs } of agreements) {
      PROMISED.forEach(({ far }, level) => expect(levels[level]!.far).toBeLessThanOrEqual(far + 3 / impostorPairs));
    }
  });
});
