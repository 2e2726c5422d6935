// Embedding: turns an aligned crop of a face into an L2-normalised vector.
import type { Landmarks } from '../domain/face.js';
import type { ConditionHead } from '../domain/condition-head.js';
import { normalise, type EmbeddedFace } from '../domain/embedding.js';
import type { EmbedderModel } from '../models/manifest.js';
import { pickOutput, type ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { alignToTemplate } from './align.js';
import type { DetectedFace } from './detections.js';

export class Embedder {
  readonly #addon: Addon;
  readonly #session: Pick<ModelSession, 'run'>;
  readonly #model: EmbedderModel;
  readonly #head: ConditionHead | undefined;
  /** Input tensor [1, 3, height, width]; each run writes over it. */
  readonly #tensor: Float32Array;

  /** @param parts.head measures the condition of each face; absent where the embedder has none */
  constructor(parts: {
    addon: Addon;
    session: Pick<ModelSession, 'run'>;
    model: EmbedderModel;
    head?: ConditionHead | undefined;
  }) {
    this.#addon = parts.addon;
    this.#head = parts.head;
    this.#session = parts.session;
    this.#model = parts.model;
    this.#tensor = new Float32Array(3 * parts.model.input.widthPx * parts.model.input.heightPx);
  }

  /** Width of the aligned crop. */
  get widthPx(): number {
    return this.#model.input.widthPx;
  }

  /**
   * Describes the face in a picture that is an aligned crop already, of any size: the whole picture is its box, and its landmarks lie
   * where the template has them.
   */
  describeAligned({ widthPx, heightPx }: Pick<NativeImage, 'widthPx' | 'heightPx'>): DetectedFace {
    const { input, template } = this.#model;
    const scaled = ([x, y]: readonly [number, number]) => ({
      x: (x * widthPx) / input.widthPx,
      y: (y * heightPx) / input.heightPx,
    });
    const [leftEye, rightEye, nose, leftLip, rightLip] = template;
    return {
      boxPx: { x0: 0, y0: 0, x1: widthPx, y1: heightPx },
      landmarksPx: [scaled(leftEye), scaled(rightEye), scaled(nose), scaled(leftLip), scaled(rightLip)],
      detectionScore: 1,
    };
  }

  /**
   * Cuts the face out of a picture, aligned with the template.
   * @returns the crop, of the size of the model's input: interleaved 8-bit RGB; the caller owns it
   * @throws RangeError where the landmarks coincide or lie far outside the picture
   */
  align(image: NativeImage, landmarks: Landmarks): Uint8Array {
    const { widthPx, heightPx } = this.#model.input;
    const crop = new Uint8Array(widthPx * heightPx * 3);
    const matrix = alignToTemplate(landmarks, this.#model.template);
    this.#addon.warp(image, crop, { widthPx, heightPx, matrix, border: 'constant' });
    return crop;
  }

  /**
   * @param crop a crop as `align` returns it
   * @returns the embedding, `dimensions` floats of length 1, which the caller owns; and the condition
   */
  async embed(crop: Uint8Array): Promise<EmbeddedFace> {
    const { input, output } = this.#model;
    this.#writeTensor(crop);
    const dims = [1, 3, input.heightPx, input.widthPx];
    const outputs = await this.#session.run({ [input.name]: { data: this.#tensor, dims } });
    const embedding = normalise(pickOutput(outputs, output.name).slice(0, output.dimensions));
    return this.#head ? { embedding, condition: this.#head.measure(embedding) } : { embedding };
  }

  #writeTensor(crop: Uint8Array): void {
    const { widthPx, heightPx, order, mean, std } = this.#model.input;
    const image = this.#addon.wrapRgb(crop, widthPx, heightPx);
    try {
      const placement = { widthPx, heightPx, scale: 1, offsetX: 0, offsetY: 0 };
      this.#addon.letterbox(image, this.#tensor, { ...placement, order, mean, std });
    } finally {
      image.release();
    }
  }
}
