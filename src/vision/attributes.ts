// Attributes of one face that have a model of their own: mask and liveness.
import type { Box, Face } from '../domain/face.js';
import type { EmbedderModel, LivenessModel, MaskModel } from '../models/manifest.js';
import { pickOutput, type ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { alignToTemplate, type AffineMatrix } from './align.js';
import { estimatePose } from './pose.js';

/**
 * From this roll on, in degrees, the mask model gets the face upright. Below it the model gets the picture as it is. Right verdicts on 72
 * photos (../shared/faces and masks, November 2026) when they are turned by 30, 60, 90, 135 and 180 degrees: all; 61, 60, 40, 45 and 32
 * without this. Scores of liveness are the same either way, so that model gets the picture as it is.
 */
const TURNED_DEG = 20;

interface Parts<M> {
  addon: Pick<Addon, 'warpToTensor'>;
  session: Pick<ModelSession, 'run'>;
  model: M;
}

/** Decides whether a face wears a mask. */
export class MaskClassifier {
  readonly #parts: Parts<MaskModel> & { template: EmbedderModel['template'] };
  readonly #tensor: Float32Array;

  /** @param parts.template where the landmarks lie on a crop of the model's input size; used by a model whose view is 'template' */
  constructor(parts: Parts<MaskModel> & { template: EmbedderModel['template'] }) {
    this.#parts = parts;
    this.#tensor = createTensor(parts.model);
  }

  /**
   * Compares the best score for `maskedFace` with the best score for `face` over all boxes that the model returns. A model whose view
   * is 'template' returns one box.
   */
  async isMasked(image: NativeImage, { boxPx, landmarksPx }: Pick<Face, 'boxPx' | 'landmarksPx'>): Promise<boolean> {
    const { model, template } = this.#parts;
    const { widthPx, heightPx } = model.input;
    const view =
      model.view === 'template'
        ? { matrix: alignToTemplate(landmarksPx, template), border: 'constant' as const }
        : {
            matrix: fitSquare(boxPx, {
              factor: model.view.boxFactor,
              widthPx,
              heightPx,
              rollDeg: estimatePose(landmarksPx).roll,
            }),
            border: model.view.border,
          };
    const scores = pickOutput(await runOnView(this.#parts, this.#tensor, image, view), model.output.name);
    const classes = model.output.classes.length;
    let bare = -Infinity;
    let masked = -Infinity;
    // The last two classes of each box are `face` and `maskedFace`.
    for (let i = classes - 2; i < scores.length; i += classes) {
      if (scores[i]! > bare) bare = scores[i]!;
      if (scores[i + 1]! > masked) masked = scores[i + 1]!;
    }
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
  /** Roll of the head in degrees, as in Pose. From TURNED_DEG on the square is turned with the head. */
  rollDeg?: number;
}

/**
 * Computes the transform that fits the square around a box into the middle of a model's input.
 * @param boxPx in pixels of the picture
 */
export function fitSquare(boxPx: Box, { factor, widthPx, heightPx, rollDeg = 0 }: SquareView): AffineMatrix {
  const side = Math.max(boxPx.x1 - boxPx.x0, boxPx.y1 - boxPx.y0) * factor;
  const scale = Math.min(widthPx, heightPx) / side;
  const centreX = (boxPx.x0 + boxPx.x1) / 2;
  const centreY = (boxPx.y0 + boxPx.y1) / 2;
  const turn = Math.abs(rollDeg) < TURNED_DEG ? 0 : (-rollDeg * Math.PI) / 180;
  const a = scale * Math.cos(turn);
  const b = scale * Math.sin(turn);
  return [a, -b, widthPx / 2 - a * centreX + b * centreY, b, a, heightPx / 2 - b * centreX - a * centreY];
}
