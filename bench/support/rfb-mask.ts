// The mask model that the standard set had before: a detector of masked and bare faces, for comparison with Lintel's own where its file is at hand.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Face } from '../../src/domain/face.js';
import { pickOutput, ModelSession, type FloatTensor } from '../../src/models/session.js';
import type { Addon, NativeImage } from '../../src/native/addon.js';
import { fitSquare } from '../../src/vision/attributes.js';
import type { AffineMatrix } from '../../src/vision/align.js';
import { estimatePose } from '../../src/vision/pose.js';
import type { MaskJudge } from './mask-kinds.js';

/** Published under MIT at github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB, commit dffdddda9794, in masked_face/pretrained. */
const FILE = 'RFB-640-masked_face-v2.onnx';
const WIDTH_PX = 640;
const HEIGHT_PX = 480;
/** Side of the square that it sees, as a multiple of the box's longer side. */
const BOX_FACTOR = 2.2;
/** From this roll on, in degrees, it gets the face upright. */
const TURNED_DEG = 20;

/** Input [1,3,480,640] RGB, the square around the box. Output `scores` [1,n,3]: background, face, masked face; the best score decides. */
export class RfbMask implements MaskJudge {
  readonly #addon: Addon;
  readonly #session: ModelSession;
  readonly #data = new Float32Array(3 * WIDTH_PX * HEIGHT_PX);

  private constructor(addon: Addon, session: ModelSession) {
    this.#addon = addon;
    this.#session = session;
  }

  /** @returns undefined where the folder does not have the file */
  static async open(addon: Addon, folder: string | undefined): Promise<RfbMask | undefined> {
    const path = folder === undefined ? '' : join(folder, FILE);
    if (!existsSync(path)) return undefined;
    const warmUp = { input: toTensor(new Float32Array(3 * WIDTH_PX * HEIGHT_PX)) };
    return new RfbMask(addon, await ModelSession.create(FILE, readFileSync(path), { providers: ['cpu'], warmUp }));
  }

  async isMasked(image: NativeImage, { boxPx, landmarksPx }: Pick<Face, 'boxPx' | 'landmarksPx'>): Promise<boolean> {
    const size = { widthPx: WIDTH_PX, heightPx: HEIGHT_PX };
    const upright = fitSquare(boxPx, { factor: BOX_FACTOR, ...size });
    this.#addon.warpToTensor(image, this.#data, {
      ...size,
      matrix: turn(upright, estimatePose(landmarksPx).roll),
      border: 'constant',
      order: 'rgb',
      mean: [127, 127, 127],
      std: [128, 128, 128],
    });
    const scores = pickOutput(await this.#session.run({ input: toTensor(this.#data) }), 'scores');
    let bare = -Infinity;
    let masked = -Infinity;
    for (let i = 0; i < scores.length; i += 3) {
      bare = Math.max(bare, scores[i + 1]!);
      masked = Math.max(masked, scores[i + 2]!);
    }
    return masked > bare;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** Turns a view around its middle, so that a head with this roll stands upright. */
function turn(matrix: AffineMatrix, rollDeg: number): AffineMatrix {
  if (Math.abs(rollDeg) < TURNED_DEG) return matrix;
  const angle = (-rollDeg * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const [scale, , x, , , y] = matrix;
  const [fromX, fromY] = [x - WIDTH_PX / 2, y - HEIGHT_PX / 2];
  const [a, b] = [scale * cosine, scale * sine];
  return [a, -b, WIDTH_PX / 2 + cosine * fromX - sine * fromY, b, a, HEIGHT_PX / 2 + sine * fromX + cosine * fromY];
}

function toTensor(data: Float32Array): FloatTensor {
  return { data, dims: [1, 3, HEIGHT_PX, WIDTH_PX] };
}
