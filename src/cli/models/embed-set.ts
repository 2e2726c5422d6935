// Embeds a whole set of aligned, labelled faces: for the calibration and for the accuracy bench.
import { AppError } from '../../errors.js';
import { readLabelledPictures } from '../../models/calibrate/aligned-pictures.js';
import type { LabelledEmbedding } from '../../models/calibrate/calibrate.js';
import type { EmbedderModel } from '../../models/manifest.js';
import { readModel } from '../../models/model-files.js';
import { ModelSession } from '../../models/session.js';
import { loadAddon } from '../../native/addon.js';
import { Embedder } from '../../vision/embed.js';
import type { CliContext } from '../context.js';
import { ProgressBar } from '../progress.js';
import { decodeCrop } from './decode-crop.js';

/**
 * Embeds every picture without another alignment: each must be an aligned face of the embedder's input size.
 * @param pictures tar file or folder
 * @param people names of the people whose pictures are used; all pictures where it is absent
 * @throws AppError INVALID_PARAM where a picture has another size
 */
export async function embedAll(
  model: EmbedderModel,
  modelsDir: string,
  pictures: string,
  { stderr, clock }: Pick<CliContext, 'stderr' | 'clock'>,
  people?: ReadonlySet<string>,
): Promise<(LabelledEmbedding & { name: string })[]> {
  const { widthPx, heightPx, name: input } = model.input;
  const warmUp = { [input]: { data: new Float32Array(3 * widthPx * heightPx), dims: [1, 3, heightPx, widthPx] } };
  const bytes = await readModel(modelsDir, model);
  const addon = loadAddon();
  const session = await ModelSession.create(model.file, bytes, {
    providers: ['cpu'],
    warmUp,
    ...(model.inFloat === undefined ? {} : { inFloat: model.inFloat }),
  });
  const progress = new ProgressBar({ output: stderr, clock, label: 'embedding', total: undefined, unit: 'count' });
  try {
    const embedder = new Embedder({ addon, session, model });
    const faces: (LabelledEmbedding & { name: string })[] = [];
    for await (const picture of readLabelledPictures(pictures)) {
      if (people && !people.has(picture.person)) continue;
      const crop = await decodeCrop(picture.bytes, addon);
      if (crop.widthPx !== widthPx || crop.heightPx !== heightPx) {
        throw new AppError('INVALID_PARAM', `${picture.name} is not ${widthPx} x ${heightPx} px`);
      }
      const { embedding } = await embedder.embed(crop.rgb);
      faces.push({ person: picture.person, name: picture.name, embedding });
      progress.update(faces.length);
    }
    progress.finish();
    return faces;
  } catch (error) {
    progress.fail();
    throw error;
  } finally {
    await session.release();
  }
}
