// Embedding: an aligned crop of a face becomes an L2-normalised vector.
import type { Landmarks } from '../domain/face.js';
import { normalise } from '../domain/embedding.js';
import type { EmbedderModel } from '../models/manifest.js';
import type { ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { alignment } from './align.js';
import type { DetectedFace } from './detect.js';

export class Embedder {
  readonly #addon: Addon;
  readonly #session: Pick<ModelSession, 'run'>;
  readonly #model: EmbedderModel;
  readonly #tensor: Float32Array;

  constructor(parts: { addon: Addon; session: Pick<ModelSession, 'run'>; model: EmbedderModel }) {
    this.#addon = parts.addon;
    this.#session = parts.session;
    this.#model = parts.model;
    this.#tensor = new Float32Array(3 * parts.model.input.widthPx * parts.model.input.heightPx);
  }

  /** Of the aligned crop. */
  get widthPx(): number {
    return this.#model.input.widthPx;
  }

  /** The face that a picture shows which is an aligned crop already, at any size. */
  alignedFace({ widthPx, heightPx }: Pick<NativeImage, 'widthPx' | 'heightPx'>): DetectedFace {
    const { input, template } = this.#model;
    const [leftEye, rightEye, nose, leftLip, rightLip] = template.map(([x, y]) => ({
      x: (x * widthPx) / input.widthPx,
      y: (y * heightPx) / input.heightPx,
    }));
    return {
      boxPx: { x0: 0, y0: 0, x1: widthPx, y1: heightPx },
      landmarksPx: [leftEye, rightEye, nose, leftLip, rightLip],
      detectionScore: 1,
    };
  }

  /** @returns the face on the template: widthPx x heightPx of the model's input, RGB interleaved, 8 bit */
  align(image: NativeImage, landmarks: Landmarks): Uint8Array {
    const { widthPx, heightPx } = this.#model.input;
    const crop = new Uint8Array(widthPx * heightPx * 3);
    this.#addon.warp(image, crop, {
      widthPx,
      heightPx,
      matrix: alignment(landmarks, this.#model.template),
      border: 'constant',
    });
    return crop;
  }

  /** @param crop as `align` makes it @returns `dimensions` floats of length 1, the caller's */
  async embed(crop: Uint8Array): Promise<Float32Array> {
    const { input, output } = this.#model;
    const { widthPx, heightPx } = input;
    this.#writeTensor(crop);
    const outputs = await this.#session.run({ [input.name]: { data: this.#tensor, dims: [1, 3, heightPx, widthPx] } });
    return normalise(outputs[output.name].slice(0, output.dimensions));
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
