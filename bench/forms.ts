// The bench of the forms: whether a similarity means the same in float, in 8 bits, and between a gallery of one form and probes of the other.
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest } from '../src/models/manifest.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { compareForms, embedInForms, measureCosines, PROMISED } from './support/form-agreement.js';
import { result, type Result } from './support/report.js';

/** Most that a false accept rate of mixed forms may exceed the promise: as far as the rates of both pure forms do, and some accidents. */
const FAR_MARGIN = 1.5;
/** Most that the share of accepted pairs of one person may differ between pure and mixed forms. */
const TAR_MARGIN = 0.005;

export async function run({
  short,
  set = 'standard',
}: {
  short: boolean;
  set?: string | undefined;
}): Promise<Result[]> {
  const model = getModelSet(loadManifest(), set).embedder;
  const faces = await embedInForms(model, sharedModelsDir ?? DEFAULT_MODELS_DIR, short ? 4 : 1);
  const { least, middle } = measureCosines(faces);
  const agreements = compareForms(model, faces);
  const [pure] = agreements;
  const results = [
    result('forms.faces', faces.length, 'faces in both forms'),
    result('forms.cosine.median', middle, 'cosine of a face to itself'),
    result('forms.cosine.least', least, 'cosine of a face to itself'),
  ];
  const { groupFactor = 1 } = model.calibration;
  for (const { gallery, probe, levels } of agreements) {
    PROMISED.forEach(({ similarity, far }, level) => {
      const id = `forms.${gallery}.${probe}.${similarity}`;
      const measured = levels[level]!;
      results.push(result(`${id}.far`, (measured.far / far) * groupFactor, 'of promise', ['<=', FAR_MARGIN]));
      const lost = pure!.levels[level]!.tar - measured.tar;
      results.push(result(`${id}.tar.lost`, lost * 100, '% points', ['<=', TAR_MARGIN * 100]));
    });
  }
  return results;
}
