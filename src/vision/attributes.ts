// Attributes of one face that have a model of their own: mask and liveness.
import type { Box, Face } from '../domain/face.js';
import type { EmbedderModel, LivenessModel, MaskModel } from '../models/manifest.js';
import { pickOutput, type ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { alignToTemplate, type AffineMatrix } from './align.js';

interface Parts<M> {
  addon: Pick<Addon, 'warpToTensor'>;
  session: Pick<ModelSession, 'run'>;
  model: M;
}

/** Decides whether a face wears a mask. */
export class MaskClassifier {
  readonly #parts: Parts<MaskModel> & { template: EmbedderModel['template'] };
  readonly #tensor: Float32Array;

  /** @param parts.template where the landmarks lie on a crop of the model's input size */
  constructor(parts: Parts<MaskModel> & { template: EmbedderModel['template'] }) {
    this.#parts = parts;
    this.#tensor = createTensor(parts.model);
  }

  /** Aligns the face and compares its two logits. */
  async isMasked(image: NativeImage, { landmarksPx }: Pick<Face, 'landmarksPx'>): Promise<boolean> {
    const { model, template } = this.#parts;
    const view = { matrix: alignToTemplate(landmarksPx, template), border: 'constant' as const };
    const logits = pickOutput(await runOnView(this.#parts, this.#tensor, image, view), model.output.name);
    const [bare, masked] = logits;
    if (bare === undefined || masked === undefined)
      throw new RangeError(`the output ${model.output.name} has only ${logits.length} values`);
    return masked > bare;
  }
}

/** Scores how likely a face is live, and not a print or a screen. The score is one signal among several, and it depends on the camera. */
export class LivenessScorer {
  readonly #parts: Parts<LivenessModel>;
  readonly #tensor: Float32Array;

  constructor(parts: Parts<LivenessModel>) {
    this.#parts = parts;
    this.#tensor = createTensor(parts.model);
  }

  /** @returns logit(live) - logit(spoof): greater is more alive */
  async score(image: NativeImage, boxPx: Box): Promise<number> {
    const { output, input, boxFactor, border } = this.#parts.model;
    const { widthPx, heightPx } = input;
    const view = { matrix: fitSquare(boxPx, { factor: boxFactor, widthPx, heightPx }), border };
    const logits = pickOutput(await runOnView(this.#parts, this.#tensor, image, view), output.name);
    const live = logits[output.liveIndex];
    const spoof = logits[output.spoofIndex];
    if (live === undefined || spoof === undefined)
      throw new RangeError(`the output ${output.name} has only ${logits.length} values`);
    return live - spoof;
  }
}

/** Creates the input tensor [1, 3, height, width] of a model; each run writes over it. */
function createTensor(model: MaskModel | LivenessModel): Float32Array {
  return new Float32Array(3 * model.input.widthPx * model.input.heightPx);
}

/** The part of a picture that a model gets as its input. */
interface View {
  /** Transform from the picture to the input, in pixels. */
  matrix: AffineMatrix;
  border: 'constant' | 'reflect';
}

async function runOnView(
  { addon, session, model }: Parts<MaskModel | LivenessModel>,
  tensor: Float32Array,
  image: NativeImage,
  view: View,
): Promise<Record<string, Float32Array>> {
  const { name, widthPx, heightPx, order, mean, std } = model.input;
  addon.warpToTensor(image, tensor, { widthPx, heightPx, ...view, order, mean, std });
  return session.run({ [name]: { data: tensor, dims: [1, 3, heightPx, widthPx] } });
}

interface SquareView {
  /** Side of the square, as a multiple of the box's longer side. */
  factor: number;
  /** Size of the model's input. */
  widthPx: number;
  heightPx: number;
}

/**
 * Computes the transform that fits the square around a box into the middle of a model's input.
 * @param boxPx in pixels of the picture
 */
export function fitSquare(boxPx: Box, { factor, widthPx, heightPx }: SquareView): AffineMatrix {
  const side = Math.max(boxPx.x1 - boxPx.x0, boxPx.y1 - boxPx.y0) * factor;
  const scale = Math.min(widthPx, heightPx) / side;
  const centreX = (boxPx.x0 + boxPx.x1) / 2;
  const centreY = (boxPx.y0 + boxPx.y1) / 2;
  return [scale, 0, widthPx / 2 - scale * centreX, 0, scale, heightPx / 2 - scale * centreY];
}
