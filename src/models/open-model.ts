// Opening of a model: reads and verifies its file, loads it, and runs it once.
import { arrangeLayers } from './arrange-layers.js';
import type { Model } from './manifest.js';
import { readModel, type ModelPlaces } from './model-files.js';
import { inPrecision, isBuiltIn, readPrecision } from './precision.js';
import { ModelSession, type FloatTensor } from './session.js';

/**
 * Opens a model on the first provider that really runs it. A built-in model for which no form was chosen runs in float.
 * @param providers names as onnxruntime knows them, in order of preference
 * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH, PROVIDER_UNAVAILABLE
 */
export async function openModel(
  model: Model,
  modelsDir: ModelPlaces,
  providers: readonly string[],
): Promise<ModelSession> {
  const form = isBuiltIn(model) && readPrecision(model) === 'float' ? inPrecision(model, 'float') : model;
  const bytes = await readModel(modelsDir, form);
  const { inFloat } = form;
  // Other processors and providers have no blocked layout.
  const isBlocked = process.arch === 'x64' && providers[0] === 'cpu';
  return ModelSession.create(form.file, isBlocked ? arrangeLayers(bytes) : bytes, {
    providers,
    warmUp: createWarmUpInput(model),
    inFloat,
  });
}

/** Creates the input on which a model is tried: black, in the shape that the model gets most often. */
export function createWarmUpInput(model: Model): Record<string, FloatTensor> {
  const [heightPx, widthPx] = model.task === 'detector' ? [480, 640] : [model.input.heightPx, model.input.widthPx];
  const dims = [1, 3, heightPx, widthPx];
  return { [model.input.name]: { data: new Float32Array(3 * heightPx * widthPx), dims } };
}
