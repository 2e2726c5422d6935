// Runs Lintel's detector and embedder on rendered pictures.
import { loadAddon } from '../../src/native/addon.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import type { Model } from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import { ModelSession } from '../../src/models/session.js';
import { Detector, type DetectOptions } from '../../src/vision/detect.js';
import type { DetectedFace } from '../../src/vision/detections.js';
import { Embedder } from '../../src/vision/embed.js';
import type { ModelsAtHand } from '../support/model-sets.js';

export class Recogniser {
  readonly #addon = loadAddon();
  readonly #detector: Detector;
  readonly #embedder: Embedder;
  readonly #sessions: readonly ModelSession[];

  private constructor(parts: { detector: Detector; embedder: Embedder; sessions: readonly ModelSession[] }) {
    this.#detector = parts.detector;
    this.#embedder = parts.embedder;
    this.#sessions = parts.sessions;
  }

  static async open({ models, modelsDir }: ModelsAtHand): Promise<Recogniser> {
    const addon = loadAddon();
    const { detector, embedder } = models;
    const load = async (model: Model, dims: [number, number, number, number]): Promise<ModelSession> => {
      const warmUp = { [model.input.name]: { data: new Float32Array(dims.reduce((a, b) => a * b)), dims } };
      const options = { providers: ['cpu'], warmUp, inFloat: model.inFloat };
      return ModelSession.create(model.file, await readModel(modelsDir, model), options);
    };
    const detecting = await load(detector, [1, 3, 320, 320]);
    const embedding = await load(embedder, [1, 3, embedder.input.heightPx, embedder.input.widthPx]);
    return new Recogniser({
      detector: new Detector({ addon, session: detecting, model: detector }),
      embedder: new Embedder({ addon, session: embedding, model: embedder }),
      sessions: [detecting, embedding],
    });
  }

  /** Detects faces of any size, the largest first. */
  async detect(picture: Picture, options: Partial<DetectOptions> = {}): Promise<DetectedFace[]> {
    const image = this.#addon.wrapRgb(picture.rgb, picture.widthPx, picture.heightPx);
    try {
      return await this.#detector.detect(image, { minFacePx: 40, ...options });
    } finally {
      image.release();
    }
  }

  async embed(picture: Picture, face: DetectedFace): Promise<Float32Array> {
    const image = this.#addon.wrapRgb(picture.rgb, picture.widthPx, picture.heightPx);
    try {
      return (await this.#embedder.embed(this.#embedder.align(image, face.landmarksPx))).embedding;
    } finally {
      image.release();
    }
  }

  /** Returns the embedding of the face with the highest detection score. */
  async findEmbedding(picture: Picture): Promise<Float32Array> {
    const [face] = (await this.detect(picture)).toSorted((a, b) => b.detectionScore - a.detectionScore);
    if (!face) throw new Error('there is no face in the picture');
    return this.embed(picture, face);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }
}
