// The input on which a model is tried: black, in the shape that it will mostly see.
import type { Model } from './manifest.js';
import type { FloatTensor } from './session.js';

export function warmUpInput(model: Model): Record<string, FloatTensor> {
  const [heightPx, widthPx] = model.task === 'detector' ? [480, 640] : [model.input.heightPx, model.input.widthPx];
  const dims = [1, 3, heightPx, widthPx];
  return { [model.input.name]: { data: new Float32Array(3 * heightPx * widthPx), dims } };
}
