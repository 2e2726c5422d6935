// The vision pipeline of one thread: a picture in native memory becomes faces. Owns the sessions of one model set.
import { boxIou, isEligible, type AnalysedImage, type Box, type Face } from '../domain/face.js';
import { modelsOf, type Model, type ModelSet } from '../models/manifest.js';
import type { OtherSet } from '../models/other-sets.js';
import { AppError, clientError, describeError } from '../errors.js';
import { readModel } from '../models/model-files.js';
import { precisionOf, type Precision } from '../models/precision.js';
import { ModelSession, type ProviderFailure } from '../models/session.js';
import { warmUpInput } from '../models/warm-up.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { LivenessScorer, MaskClassifier } from './attributes.js';
import { decodePicture } from './decode.js';
import { Detector, type DetectedFace } from './detect.js';
import { Embedder } from './embed.js';
import { estimatePose } from './pose.js';
import { measureQuality, MIN_SHOT_QUALITY } from './quality.js';
import type { AnalyseOptions, AnalysedFrame, FrameOptions } from './vision.js';

/** The contract's bounds of one picture. */
const MAX_FACES = 20;
const MIN_FACE_PX = 60;
/** A face that covers so much of a settled box is the settled one. */
const SETTLED_IOU = 0.4;
/**
 * Faces of one frame that mask and liveness are told of; the others get their turn in the frames that follow. The mask model alone
 * costs as much as the detection of a frame, so that with a crowd the frames would come late instead of seldom.
 */
const MOST_ATTRIBUTED = 3;
/** Another embedder that could not be loaded is tried again after so long, not with every face: its file is read and hashed each time. */
const RETRY_OTHER_MS = 30_000;

/** Which provider each model runs on, and which preferred ones failed before it. */
export interface ProviderReport {
  task: Model['task'];
  file: string;
  precision: Precision;
  provider: string;
  failures: readonly ProviderFailure[];
}

/** How it went to load the embedder of another version. */
export interface OtherLoading {
  modelVersion: string;
  /** Why it could not be; absent where it was loaded. */
  problem?: string;
}

export interface PipelineOptions {
  addon: Addon;
  set: ModelSet;
  /** Sets of other versions, whose embedders are loaded when they are first asked for. */
  others?: readonly OtherSet[];
  modelsDir: string;
  providers: readonly string[];
  /** Told of each attempt to load one of the others. */
  onOther?: (loading: OtherLoading) => void;
  /** Milliseconds from any origin, never going back. */
  monotonicMs?: () => number;
}

export class Pipeline {
  readonly providers: readonly ProviderReport[];
  readonly #addon: Addon;
  readonly #detector: Detector;
  readonly #embedder: Embedder;
  readonly #mask: MaskClassifier | undefined;
  readonly #liveness: LivenessScorer | undefined;
  readonly #options: PipelineOptions;
  /** By model version. */
  readonly #otherEmbedders = new Map<string, Embedder>();
  readonly #failedOthers = new Map<string, { error: AppError; againMs: number }>();
  readonly #sessions: ModelSession[];

  private constructor(options: PipelineOptions, sessions: ReadonlyMap<Model, ModelSession>) {
    const { addon, set } = options;
    const session = (model: Model): ModelSession => {
      const found = sessions.get(model);
      if (!found) throw new TypeError(`no session for ${model.file}`);
      return found;
    };
    this.#options = options;
    this.#addon = addon;
    this.#detector = new Detector({ addon, session: session(set.detector), model: set.detector });
    this.#embedder = new Embedder({ addon, session: session(set.embedder), model: set.embedder });
    const { template } = set.embedder;
    this.#mask = set.mask && new MaskClassifier({ addon, session: session(set.mask), model: set.mask, template });
    this.#liveness = set.liveness && new LivenessScorer({ addon, session: session(set.liveness), model: set.liveness });
    this.#sessions = [...sessions.values()];
    this.providers = [...sessions].map(([model, { provider, failures }]) => ({
      task: model.task,
      file: model.file,
      precision: precisionOf(model),
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
      sessions.set(model, await openSession(model, options));
    }
    return new Pipeline(options, sessions);
  }

  /** As Vision.analyseImage. */
  async analyseImage(bytes: Uint8Array, options: AnalyseOptions): Promise<AnalysedImage> {
    const embedder = await this.#embedderOf(options.modelVersion);
    const image = await decodePicture(bytes, this.#addon);
    try {
      const detected = options.aligned
        ? [embedder.alignedFace(image)]
        : await this.#detector.detect(image, { minFacePx: MIN_FACE_PX });
      const faces: Face[] = [];
      let toEmbed = options.embed;
      for (const found of detected.slice(0, MAX_FACES)) {
        const face = await this.#describe(image, found, options);
        if (toEmbed > 0 && isEligible(face)) {
          face.embedding = await embedder.embed(embedder.align(image, face.landmarksPx));
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
      const detected = (await this.#detector.detect(frame, options)).slice(0, MAX_FACES);
      const faces = detected.map((found): Face => {
        const face: Face = { ...found, pose: estimatePose(found.landmarksPx) };
        if (isSettled(face.boxPx, options.settled)) return face;
        // The track's best shots are embedded when the frame is gone.
        face.crop = this.#embedder.align(frame, face.landmarksPx);
        face.quality = measureQuality(face, face.crop, this.#embedder.widthPx);
        return face;
      });
      for (const face of attributedFaces(faces, frame.frameNumber)) await this.#addAttributes(frame, face, options);
      const { widthPx, heightPx, frameNumber, capturedAtMs } = frame;
      return { widthPx, heightPx, frameNumber, capturedAtMs, faces };
    } finally {
      frame.release();
    }
  }

  /** As Vision.embedCrops. */
  async embedCrops(crops: readonly Uint8Array[], modelVersion?: string): Promise<Float32Array[]> {
    const embedder = await this.#embedderOf(modelVersion);
    const embeddings: Float32Array[] = [];
    for (const crop of crops) embeddings.push(await embedder.embed(crop));
    return embeddings;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }

  /** A pipeline does one job at a time: none is opened twice. @throws AppError MODEL_VERSION_MISMATCH */
  async #embedderOf(modelVersion = this.#options.set.modelVersion): Promise<Embedder> {
    const { set, others = [] } = this.#options;
    if (modelVersion === set.modelVersion) return this.#embedder;
    const loaded = this.#otherEmbedders.get(modelVersion);
    if (loaded) return loaded;
    const other = others.find((one) => one.modelVersion === modelVersion);
    if (!other) throw clientError('MODEL_VERSION_MISMATCH', `No models of ${modelVersion} are installed.`);
    const embedder = await this.#loadOther(other);
    this.#otherEmbedders.set(modelVersion, embedder);
    return embedder;
  }

  /** What failed is not tried again for a while. */
  async #loadOther({ modelVersion, embedder: model }: OtherSet): Promise<Embedder> {
    const { monotonicMs = () => performance.now(), onOther } = this.#options;
    const failed = this.#failedOthers.get(modelVersion);
    if (failed && monotonicMs() < failed.againMs) throw failed.error;
    try {
      const providers = lateProviders(this.#options.providers);
      const session = await openSession(model, { ...this.#options, providers });
      this.#sessions.push(session);
      this.#failedOthers.delete(modelVersion);
      onOther?.({ modelVersion });
      return new Embedder({ addon: this.#addon, session, model });
    } catch (cause) {
      const error = new AppError(
        'MODEL_VERSION_MISMATCH',
        `${modelVersion} cannot be loaded: ${describeError(cause)}`,
        {
          detail: `The models of ${modelVersion} cannot be loaded.`,
          cause,
        },
      );
      this.#failedOthers.set(modelVersion, { error, againMs: monotonicMs() + RETRY_OTHER_MS });
      onOther?.({ modelVersion, problem: describeError(cause) });
      throw error;
    }
  }

  async #describe(
    image: NativeImage,
    found: DetectedFace,
    options: { mask: boolean; liveness: boolean },
  ): Promise<Face> {
    const face: Face = { ...found, pose: estimatePose(found.landmarksPx) };
    await this.#addAttributes(image, face, options);
    return face;
  }

  async #addAttributes(image: NativeImage, face: Face, options: { mask: boolean; liveness: boolean }): Promise<void> {
    if (options.mask && this.#mask) face.masked = await this.#mask.isMasked(image, face);
    if (options.liveness && this.#liveness) face.livenessScore = await this.#liveness.score(image, face.boxPx);
  }
}

async function openSession(model: Model, { modelsDir, providers }: PipelineOptions): Promise<ModelSession> {
  const bytes = await readModel(modelsDir, model);
  const { inFloat } = model;
  return ModelSession.create(model.file, bytes, { providers, warmUp: warmUpInput(model), inFloat });
}

/**
 * For a model that is loaded while the service runs: TensorRT builds engines for minutes, in which the worker would be taken for hung and the
 * service be started again, and again.
 */
export function lateProviders(providers: readonly string[]): readonly string[] {
  const quick = providers.filter((provider) => provider !== 'tensorrt');
  return quick.length > 0 ? quick : ['cpu'];
}

function isSettled(box: Box, settled: readonly Box[] = []): boolean {
  return settled.some((one) => boxIou(box, one) > SETTLED_IOU);
}

/**
 * Of the faces that are fit for recognition: the best ones, and in the last place each of the others in turn, so that none waits for
 * ever behind better ones that are never decided.
 */
export function attributedFaces(faces: readonly Face[], frameNumber: number): Face[] {
  const qualityOf = ({ quality }: Face): number => quality?.overall ?? 0;
  const fit = faces.filter((face) => isEligible(face) && qualityOf(face) >= MIN_SHOT_QUALITY);
  if (fit.length <= MOST_ATTRIBUTED) return fit;
  const best = fit.toSorted((a, b) => qualityOf(b) - qualityOf(a)).slice(0, MOST_ATTRIBUTED - 1);
  const others = fit.filter((face) => !best.includes(face));
  // Scattered: every second or third frame may be analysed, and a remainder would then leave some faces out for ever.
  return [...best, others[(Math.imul(frameNumber, 0x9e3779b1) >>> 16) % others.length]];
}

/** Reports that a set's models are usable here, without keeping them: for `lintel doctor`. */
export async function tryModels(options: PipelineOptions): Promise<readonly ProviderReport[]> {
  const pipeline = await Pipeline.open(options);
  await pipeline.close();
  return pipeline.providers;
}
