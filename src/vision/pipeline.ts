// The vision pipeline of one thread: a picture in native memory becomes faces. Owns the sessions of one model set.
import { isEligible, type AnalysedImage, type Face } from '../domain/face.js';
import { modelsOf, type Model, type ModelSet } from '../models/manifest.js';
import { readModel } from '../models/model-files.js';
import { ModelSession, type FloatTensor, type ProviderFailure } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { LivenessScorer, MaskClassifier } from './attributes.js';
import { decodePicture } from './decode.js';
import { Detector, type DetectedFace } from './detect.js';
import { Embedder } from './embed.js';
import { estimatePose } from './pose.js';
import { measureQuality } from './quality.js';
import type { AnalyseOptions, AnalysedFrame, FrameOptions } from './vision.js';

/** The contract's bounds of one picture. */
const MAX_FACES = 20;
const MIN_FACE_PX = 60;

/** Which provider each model runs on, and which preferred ones failed before it. */
export interface ProviderReport {
  task: Model['task'];
  file: string;
  provider: string;
  failures: readonly ProviderFailure[];
}

export interface PipelineOptions {
  addon: Addon;
  set: ModelSet;
  modelsDir: string;
  providers: readonly string[];
}

export class Pipeline {
  readonly providers: readonly ProviderReport[];
  readonly #addon: Addon;
  readonly #detector: Detector;
  readonly #embedder: Embedder;
  readonly #mask: MaskClassifier | undefined;
  readonly #liveness: LivenessScorer | undefined;
  readonly #sessions: readonly ModelSession[];

  private constructor(options: PipelineOptions, sessions: ReadonlyMap<Model, ModelSession>) {
    const { addon, set } = options;
    const session = (model: Model): ModelSession => {
      const found = sessions.get(model);
      if (!found) throw new TypeError(`no session for ${model.file}`);
      return found;
    };
    this.#addon = addon;
    this.#detector = new Detector({ addon, session: session(set.detector), model: set.detector });
    this.#embedder = new Embedder({ addon, session: session(set.embedder), model: set.embedder });
    this.#mask = set.mask && new MaskClassifier({ addon, session: session(set.mask), model: set.mask });
    this.#liveness = set.liveness && new LivenessScorer({ addon, session: session(set.liveness), model: set.liveness });
    this.#sessions = [...sessions.values()];
    this.providers = [...sessions].map(([model, { provider, failures }]) => ({
      task: model.task,
      file: model.file,
      provider,
      failures,
    }));
  }

  /**
   * Reads, verifies, loads and warms all models of the set.
   * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH, PROVIDER_UNAVAILABLE
   */
  static async open(options: PipelineOptions): Promise<Pipeline> {
    const sessions = new Map<Model, ModelSession>();
    for (const model of modelsOf(options.set)) {
      const bytes = await readModel(options.modelsDir, model);
      const { providers } = options;
      sessions.set(model, await ModelSession.create(model.file, bytes, { providers, warmUp: warmUpInput(model) }));
    }
    return new Pipeline(options, sessions);
  }

  /** As Vision.analyseImage. */
  async analyseImage(bytes: Uint8Array, options: AnalyseOptions): Promise<AnalysedImage> {
    const image = await decodePicture(bytes, this.#addon);
    try {
      const detected = options.aligned
        ? [this.#embedder.alignedFace(image)]
        : await this.#detector.detect(image, { minFacePx: MIN_FACE_PX });
      const faces: Face[] = [];
      let toEmbed = options.embed;
      for (const found of detected.slice(0, MAX_FACES)) {
        const face = await this.#describe(image, found, options);
        if (toEmbed > 0 && isEligible(face)) {
          face.embedding = await this.#embedder.embed(this.#embedder.align(image, face.landmarksPx));
          toEmbed--;
        }
        faces.push(face);
      }
      return { widthPx: image.widthPx, heightPx: image.heightPx, faces };
    } finally {
      image.release();
    }
  }

  /** As Vision.analyseFrame. */
  async analyseFrame(captureHandle: number, options: FrameOptions): Promise<AnalysedFrame | undefined> {
    const frame = this.#addon.captureFrame(captureHandle, options.after);
    if (!frame) return undefined;
    try {
      const faces: Face[] = [];
      for (const found of (await this.#detector.detect(frame, options)).slice(0, MAX_FACES)) {
        const face = await this.#describe(frame, found, options);
        // The track's best shots are embedded when the frame is gone.
        face.crop = this.#embedder.align(frame, face.landmarksPx);
        face.quality = measureQuality(face, face.crop, this.#embedder.widthPx);
        faces.push(face);
      }
      const { widthPx, heightPx, frameNumber, capturedAtMs } = frame;
      return { widthPx, heightPx, frameNumber, capturedAtMs, faces };
    } finally {
      frame.release();
    }
  }

  /** As Vision.embedCrops. */
  async embedCrops(crops: readonly Uint8Array[]): Promise<Float32Array[]> {
    const embeddings: Float32Array[] = [];
    for (const crop of crops) embeddings.push(await this.#embedder.embed(crop));
    return embeddings;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }

  async #describe(
    image: NativeImage,
    found: DetectedFace,
    options: { mask: boolean; liveness: boolean },
  ): Promise<Face> {
    const face: Face = { ...found, pose: estimatePose(found.landmarksPx) };
    if (options.mask && this.#mask) face.masked = await this.#mask.isMasked(image, found.boxPx);
    if (options.liveness && this.#liveness) face.livenessScore = await this.#liveness.score(image, found.boxPx);
    return face;
  }
}

/** A black picture in the shape that the model will mostly see. */
function warmUpInput(model: Model): Record<string, FloatTensor> {
  const [heightPx, widthPx] = model.task === 'detector' ? [480, 640] : [model.input.heightPx, model.input.widthPx];
  const dims = [1, 3, heightPx, widthPx];
  return { [model.input.name]: { data: new Float32Array(3 * heightPx * widthPx), dims } };
}

/** Reports that a set's models are usable here, without keeping them: for `lintel doctor`. */
export async function tryModels(options: PipelineOptions): Promise<readonly ProviderReport[]> {
  const pipeline = await Pipeline.open(options);
  await pipeline.close();
  return pipeline.providers;
}
