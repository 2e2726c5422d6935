// Attributes of one face that a model of their own tells: mask and liveness.
import type { Box, Face } from '../domain/face.js';
import type { EmbedderModel, LivenessModel, MaskModel } from '../models/manifest.js';
import type { ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { alignment, type AffineMatrix } from './align.js';

interface Parts<M> {
  addon: Pick<Addon, 'warpToTensor'>;
  session: Pick<ModelSession, 'run'>;
  model: M;
}

/** Tells a masked face from a bare one. */
export class MaskClassifier {
  readonly #parts: Parts<MaskModel> & { template: EmbedderModel['template'] };
  readonly #tensor: Float32Array;

  /** @param parts.template where the landmarks lie on a crop of the model's size, for a model that wants the aligned face */
  constructor(parts: Parts<MaskModel> & { template: EmbedderModel['template'] }) {
    this.#parts = parts;
    this.#tensor = tensorFor(parts.model);
  }

  /** The better class of the best box decides; a model of aligned faces tells of one. */
  async isMasked(image: NativeImage, { boxPx, landmarksPx }: Pick<Face, 'boxPx' | 'landmarksPx'>): Promise<boolean> {
    const { model, template } = this.#parts;
    const { widthPx, heightPx } = model.input;
    const view =
      model.view === 'template'
        ? { matrix: alignment(landmarksPx, template), border: 'constant' as const }
        : { matrix: squareAround(boxPx, model.view.boxFactor, widthPx, heightPx), border: model.view.border };
    const scores = (await runOnView(this.#parts, this.#tensor, image, view))[model.output.name];
    const classes = model.output.classes.length;
    let bare = -Infinity;
    let masked = -Infinity;
    for (let i = classes - 2; i < scores.length; i += classes) {
      if (scores[i] > bare) bare = scores[i];
      if (scores[i + 1] > masked) masked = scores[i + 1];
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
    const { output, input, boxFactor, border } = this.#parts.model;
    const view = { matrix: squareAround(boxPx, boxFactor, input.widthPx, input.heightPx), border };
    const logits = (await runOnView(this.#parts, this.#tensor, image, view))[output.name];
    return logits[output.liveIndex] - logits[output.spoofIndex];
  }
}

function tensorFor(model: MaskModel | LivenessModel): Float32Array {
  return new Float32Array(3 * model.input.widthPx * model.input.heightPx);
}

/** What a model is shown of a picture. */
interface View {
  matrix: AffineMatrix;
  border: 'constant' | 'reflect';
}

async function runOnView(
  { addon, session, model }: Parts<MaskModel | LivenessModel>,
  tensor: Float32Array,
  image: NativeImage,
  view: View,
): Promise<Record<string, Float32Array>> {
  const { input } = model;
  const { widthPx, heightPx } = input;
  addon.warpToTensor(image, tensor, {
    widthPx,
    heightPx,
    ...view,
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
