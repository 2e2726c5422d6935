// Attributes of one face that a model of their own tells from the square around the box: mask and liveness.
import type { Box } from '../domain/face.js';
import type { LivenessModel, MaskModel } from '../models/manifest.js';
import type { ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import type { AffineMatrix } from './align.js';

interface Parts<M> {
  addon: Addon;
  session: ModelSession;
  model: M;
}

/** Tells a masked face from a bare one. */
export class MaskClassifier {
  readonly #parts: Parts<MaskModel>;
  readonly #tensor: Float32Array;

  constructor(parts: Parts<MaskModel>) {
    this.#parts = parts;
    this.#tensor = tensorFor(parts.model);
  }

  /** The model is a detector with three classes: the better class of its best box decides. */
  async isMasked(image: NativeImage, boxPx: Box): Promise<boolean> {
    const { model } = this.#parts;
    const outputs = await runOnSquare(this.#parts, this.#tensor, image, boxPx);
    const scores = outputs[model.output.name];
    let bare = 0;
    let masked = 0;
    for (let i = 0; i < scores.length; i += 3) {
      if (scores[i + 1] > bare) bare = scores[i + 1];
      if (scores[i + 2] > masked) masked = scores[i + 2];
    }
    return masked > bare;
  }
}

/** Tells a live face from a print or a screen: one signal among several, and dependent on the camera. */
export class LivenessScorer {
  readonly #parts: Parts<LivenessModel>;
  readonly #tensor: Float32Array;

  constructor(parts: Parts<LivenessModel>) {
    this.#parts = parts;
    this.#tensor = tensorFor(parts.model);
  }

  /** @returns logit(live) - logit(spoof) */
  async score(image: NativeImage, boxPx: Box): Promise<number> {
    const { output } = this.#parts.model;
    const logits = (await runOnSquare(this.#parts, this.#tensor, image, boxPx))[output.name];
    return logits[output.liveIndex] - logits[output.spoofIndex];
  }
}

function tensorFor(model: MaskModel | LivenessModel): Float32Array {
  return new Float32Array(3 * model.input.widthPx * model.input.heightPx);
}

async function runOnSquare(
  { addon, session, model }: Parts<MaskModel | LivenessModel>,
  tensor: Float32Array,
  image: NativeImage,
  boxPx: Box,
): Promise<Record<string, Float32Array>> {
  const { input } = model;
  const { widthPx, heightPx } = input;
  addon.warpToTensor(image, tensor, {
    widthPx,
    heightPx,
    matrix: squareAround(boxPx, model.boxFactor, widthPx, heightPx),
    border: model.border,
    order: input.order,
    mean: input.mean,
    std: input.std,
  });
  return session.run({ [input.name]: { data: tensor, dims: [1, 3, heightPx, widthPx] } });
}

/** Fits the square around the box, `factor` times its longer side, into the middle of the input. */
export function squareAround(boxPx: Box, factor: number, widthPx: number, heightPx: number): AffineMatrix {
  const side = Math.max(boxPx.x1 - boxPx.x0, boxPx.y1 - boxPx.y0) * factor;
  const scale = Math.min(widthPx, heightPx) / side;
  const centreX = (boxPx.x0 + boxPx.x1) / 2;
  const centreY = (boxPx.y0 + boxPx.y1) / 2;
  return [scale, 0, widthPx / 2 - scale * centreX, 0, scale, heightPx / 2 - scale * centreY];
}
