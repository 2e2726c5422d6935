// Detection in squares of a frame: the search around the faces in sight, between two searches of the whole picture.
import type { Box } from '../domain/face.js';
import type { DetectorModel } from '../models/manifest.js';
import type { ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import type { AffineMatrix } from './align.js';
import { decodeDetections, keepBest, suppress, type DetectedFace, type Placement } from './detections.js';
import { SQUARE_TENSOR_PX, type SearchSquare } from './search-plan.js';

export class SquarePasses {
  readonly #addon: Pick<Addon, 'warpToTensor'>;
  readonly #session: Pick<ModelSession, 'run'>;
  readonly #model: DetectorModel;
  readonly #tensor = new Float32Array(3 * SQUARE_TENSOR_PX * SQUARE_TENSOR_PX);

  constructor(parts: { addon: Pick<Addon, 'warpToTensor'>; session: Pick<ModelSession, 'run'>; model: DetectorModel }) {
    this.#addon = parts.addon;
    this.#session = parts.session;
    this.#model = parts.model;
  }

  /**
   * Finds the faces of a picture that lie in the squares. A face that reaches beyond its square, within the picture, is left out: its box would
   * be wrong.
   * @returns faces in pixels of the picture, each once, in no order
   */
  async find(image: NativeImage, squares: readonly SearchSquare[]): Promise<DetectedFace[]> {
    const faces: DetectedFace[] = [];
    for (const square of squares) faces.push(...(await this.#findIn(image, square)));
    return squares.length === 1 ? faces : keepBest(faces, this.#model.nmsIou);
  }

  async #findIn(image: NativeImage, { boxPx, scale }: SearchSquare): Promise<DetectedFace[]> {
    const { name, order, mean, std } = this.#model.input;
    const size = { widthPx: SQUARE_TENSOR_PX, heightPx: SQUARE_TENSOR_PX };
    const offsetX = -boxPx.x0 * scale;
    const offsetY = -boxPx.y0 * scale;
    // The matrix counts from the centres of pixels, the placement from their edges.
    const shift = (scale - 1) / 2;
    const matrix: AffineMatrix = [scale, 0, offsetX + shift, 0, scale, offsetY + shift];
    this.#addon.warpToTensor(image, this.#tensor, { ...size, matrix, border: 'constant', order, mean, std });
    const dims = [1, 3, SQUARE_TENSOR_PX, SQUARE_TENSOR_PX];
    const outputs = await this.#session.run({ [name]: { data: this.#tensor, dims } });
    const placement: Placement = { ...size, scale, offsetX, offsetY };
    const faces = suppress(decodeDetections(outputs, placement, this.#model), this.#model.nmsIou);
    return faces.filter((face) => isWithin(face.boxPx, boxPx, image));
  }
}

/** Tells whether the part of a box that lies in the picture lies in the square. */
function isWithin(box: Box, square: Box, { widthPx, heightPx }: NativeImage): boolean {
  return (
    Math.max(0, box.x0) >= square.x0 &&
    Math.max(0, box.y0) >= square.y0 &&
    Math.min(widthPx, box.x1) <= square.x1 &&
    Math.min(heightPx, box.y1) <= square.y1
  );
}
