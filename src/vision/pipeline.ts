// The vision pipeline of one thread: turns a picture in native memory into faces. It owns the sessions of one model set.
import { boxIou, isEligible, type AnalysedImage, type Box, type Face } from '../domain/face.js';
import { markMasked } from '../domain/bias.js';
import type { EmbeddedFace } from '../domain/embedding.js';
import { loadConditionHead } from '../models/condition-head.js';
import { listModels, type Model, type ModelSet } from '../models/manifest.js';
import { openModel } from '../models/open-model.js';
import type { OtherSet } from '../models/other-sets.js';
import { readPrecision, type Precision } from '../models/precision.js';
import type { ModelSession, ProviderFailure } from '../models/session.js';
import type { Addon, CapturedFrame, NativeImage } from '../native/addon.js';
import { pickAttributedFaces } from './attributed-faces.js';
import { LivenessScorer, MaskClassifier } from './attributes.js';
import { decodePicture } from './decode.js';
import { Detector } from './detect.js';
import type { DetectedFace } from './detections.js';
import type { EarlyCrops } from './early-embeddings.js';
import { Embedder } from './embed.js';
import { JobControl } from './job-control.js';
import { localDecoder } from './local-decoder.js';
import { OtherEmbedders, type OtherEmbeddersOptions } from './other-embedders.js';
import type { PictureDecoder } from './picture-decoder.js';
import { estimatePose } from './pose.js';
import { PresentationMeter } from './presentation.js';
import { findFlaw, measureQuality } from './quality.js';
import { areAllFound, planSearch } from './search-plan.js';
import type { AnalyseOptions, AnalysedFrame, FrameOptions, FrameSearch } from './vision.js';

/** The contract's bounds for one picture: most faces, and shorter side of the smallest face. */
const MAX_FACES = 20;
const MIN_FACE_PX = 60;
/** IoU above which a face counts as the face in a settled box. */
const SETTLED_IOU = 0.4;

/** The execution provider that runs a model, and the preferred providers that failed before it. */
export interface ProviderReport {
  task: Model['task'];
  file: string;
  precision: Precision;
  provider: string;
  failures: readonly ProviderFailure[];
}

export interface PipelineOptions extends Omit<OtherEmbeddersOptions, 'others'> {
  /** The model set; each model has the form in which it runs. */
  set: ModelSet;
  /** Sets of other versions. Their embedders are loaded when they are first needed. */
  others?: readonly OtherSet[];
  /** See DecodeOptions. */
  decoder?: PictureDecoder;
  /** Control of the running job. Default: a job cannot be cancelled. */
  control?: JobControl;
}

/** Does one job at a time: its models share their input tensors between runs. */
export class Pipeline {
  readonly providers: readonly ProviderReport[];
  readonly #addon: Addon;
  readonly #decoder: PictureDecoder;
  readonly #control: JobControl;
  readonly #modelVersion: string;
  readonly #detector: Detector;
  readonly #embedder: Embedder;
  readonly #mask: MaskClassifier | undefined;
  readonly #liveness: LivenessScorer | undefined;
  readonly #presentation: PresentationMeter;
  readonly #otherEmbedders: OtherEmbedders;
  readonly #sessions: readonly ModelSession[];

  private constructor(options: PipelineOptions, sessions: ReadonlyMap<Model, ModelSession>) {
    const { addon, set, others = [], decoder = localDecoder, control = new JobControl() } = options;
    // A cancelled job ends before its next run of a model: nothing can interrupt a run.
    const session = (model: Model): Pick<ModelSession, 'run' | 'takesBatches'> => {
      const found = sessions.get(model);
      if (!found) throw new TypeError(`there is no session for ${model.file}`);
      return {
        takesBatches: found.takesBatches,
        run: async (feeds) => {
          control.throwIfCancelled();
          return found.run(feeds);
        },
      };
    };
    this.#addon = addon;
    this.#decoder = decoder;
    this.#control = control;
    this.#modelVersion = set.modelVersion;
    this.#detector = new Detector({ addon, session: session(set.detector), model: set.detector });
    const head = loadConditionHead(set.embedder);
    this.#embedder = new Embedder({ addon, session: session(set.embedder), model: set.embedder, head });
    const { template } = set.embedder;
    this.#mask = set.mask && new MaskClassifier({ addon, session: session(set.mask), model: set.mask, template });
    this.#liveness = set.liveness && new LivenessScorer({ addon, session: session(set.liveness), model: set.liveness });
    this.#presentation = new PresentationMeter(addon);
    this.#otherEmbedders = new OtherEmbedders({ ...options, others });
    this.#sessions = [...sessions.values()];
    this.providers = [...sessions].map(([model, { provider, failures }]) => ({
      task: model.task,
      file: model.file,
      precision: readPrecision(model),
      provider,
      failures,
    }));
  }

  /**
   * Reads, verifies, loads and runs all models of the set.
   * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH, PROVIDER_UNAVAILABLE
   */
  static async open(options: PipelineOptions): Promise<Pipeline> {
    const { set, modelsDir, providers } = options;
    const sessions = new Map<Model, ModelSession>();
    for (const model of listModels(set)) sessions.set(model, await openModel(model, modelsDir, providers));
    return new Pipeline(options, sessions);
  }

  /** Does the work of Vision.analyseImage. @throws AppError as there, and STOPPED when the job is cancelled */
  async analyseImage(bytes: Uint8Array, options: AnalyseOptions): Promise<AnalysedImage> {
    const embedder = await this.#getEmbedder(options.modelVersion);
    const image = await this.#decode(bytes);
    try {
      const detected = options.aligned
        ? [embedder.describeAligned(image)]
        : await this.#detector.detect(image, { minFacePx: MIN_FACE_PX, maxFaces: MAX_FACES });
      const faces: Face[] = [];
      let toEmbed = options.embed;
      for (const found of detected) {
        const face = describeFace(found);
        const isEmbedded = toEmbed > 0 && isEligible(face);
        // The condition of an embedded face needs the verdict of the mask model, whether or not the caller asks for it.
        await this.#addAttributes(image, face, { ...options, mask: options.mask || isEmbedded });
        const crop = isEmbedded || options.crops ? embedder.align(image, face.landmarksPx) : undefined;
        const quality = crop && measureQuality(face, crop, embedder.widthPx);
        if (options.crops && crop && quality) Object.assign(face, { crop, quality });
        if (isEmbedded && crop && quality) {
          Object.assign(face, await embedder.embed(crop));
          // Either verdict counts: the mask model sees what the embedding may not show.
          if (face.masked === true && face.condition) face.condition = markMasked(face.condition);
          if (face.isAlignmentSure === false) face.condition = { masked: false, ...face.condition, recognisability: 0 };
          face.quality = quality;
          const flaw = face.condition && findFlaw(face, quality, crop);
          if (flaw) face.flaw = flaw;
          toEmbed--;
        }
        if (!options.mask) delete face.masked;
        faces.push(face);
      }
      return { widthPx: image.widthPx, heightPx: image.heightPx, faces };
    } finally {
      image.release();
    }
  }

  /**
   * Does the work of Vision.analyseFrame.
   * @param onAligned called where faces may be embedded while their mask and liveness are being determined
   */
  async analyseFrame(
    captureHandle: number,
    options: FrameOptions,
    onAligned?: (early: EarlyCrops) => void,
  ): Promise<AnalysedFrame | undefined> {
    const frame = this.#addon.captureFrame(captureHandle, options.after);
    if (!frame) return undefined;
    try {
      const { found, searched } = await this.#searchFrame(frame, options);
      const faces = found.map((one): Face => {
        const face = describeFace(one);
        if (isSettled(face.boxPx, options.settled)) return face;
        // The crop outlives the frame: the best shots of a track are embedded later.
        face.crop = this.#embedder.align(frame, face.landmarksPx);
        face.quality = measureQuality(face, face.crop, this.#embedder.widthPx);
        return face;
      });
      const attributed = pickAttributedFaces(faces, frame.frameNumber, options.mostAttributed);
      const early = onAligned && this.#liveness && options.liveness ? listEarlyCrops(faces, attributed, options) : [];
      if (early.length > 0) onAligned?.({ faces: early, crops: early.map((i) => faces[i]!.crop!) });
      for (const face of attributed) {
        await this.#addAttributes(frame, face, options);
        if (options.liveness) face.presentation = this.#presentation.measure(frame, face);
      }
      const { widthPx, heightPx, frameNumber, capturedAtMs, streamChanges } = frame;
      return { widthPx, heightPx, frameNumber, capturedAtMs, streamChanges, faces, ...(searched && { searched }) };
    } finally {
      frame.release();
    }
  }

  /** Does the work of Vision.embedCrops. */
  async embedCrops(crops: readonly Uint8Array[], modelVersion?: string): Promise<EmbeddedFace[]> {
    const embedder = await this.#getEmbedder(modelVersion);
    const faces: EmbeddedFace[] = [];
    for (const crop of crops) faces.push(await embedder.embed(crop));
    return faces;
  }

  /** Frees the memory that runs of the models use again, and get anew when they need it. Must not be called during a job. */
  dropBuffers(): void {
    this.#detector.dropBuffer();
  }

  /** Releases all sessions. Every later run of a model fails. */
  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
    await this.#otherEmbedders.close();
  }

  /** Finds the faces of a frame: around the places where they are expected, and in the whole picture where that does not find all of them. */
  async #searchFrame(
    frame: CapturedFrame,
    { minFacePx, settled, search, mayGlance }: FrameOptions,
  ): Promise<Pick<AnalysedFrame, 'searched'> & { found: DetectedFace[] }> {
    const isWanted = (boxPx: Box): boolean => !isSettled(boxPx, settled);
    const options = { minFacePx, frameNumber: frame.frameNumber, maxFaces: MAX_FACES, mayGlance, isWanted };
    const squares = search && isSameStream(frame, search) ? planSearch({ minFacePx, ...search }) : undefined;
    if (!search || !squares) return { found: await this.#detector.detect(frame, options) };
    const found = await this.#detector.detect(frame, { ...options, squares });
    const boxes = found.map(({ boxPx }) => boxPx);
    if (areAllFound(search.around, boxes)) return { found, searched: 'around' };
    return { found: await this.#detector.detect(frame, options), searched: 'again' };
  }

  async #decode(bytes: Uint8Array): Promise<NativeImage> {
    const control = this.#control;
    control.isDecoding = true;
    const image = await decodePicture(bytes, this.#addon, { decoder: this.#decoder, cancelled: control.cancelled });
    control.isDecoding = false;
    return image;
  }

  /** @throws AppError MODEL_VERSION_MISMATCH */
  async #getEmbedder(modelVersion = this.#modelVersion): Promise<Embedder> {
    return modelVersion === this.#modelVersion ? this.#embedder : this.#otherEmbedders.get(modelVersion);
  }

  async #addAttributes(image: NativeImage, face: Face, options: { mask: boolean; liveness: boolean }): Promise<void> {
    if (options.mask && this.#mask) face.masked = await this.#mask.isMasked(image, face);
    if (options.liveness && this.#liveness) face.livenessScore = await this.#liveness.score(image, face.boxPx);
  }
}

function describeFace(found: DetectedFace): Face {
  return { ...found, pose: estimatePose(found.landmarksPx) };
}

/** Lists the faces, by index, that may be embedded before their attributes are known. */
function listEarlyCrops(faces: readonly Face[], attributed: readonly Face[], { resting }: FrameOptions): number[] {
  if (!resting) return [];
  return attributed.filter((face) => face.crop && !isSettled(face.boxPx, resting)).map((face) => faces.indexOf(face));
}

function isSameStream(frame: CapturedFrame, search: FrameSearch): boolean {
  const { widthPx, heightPx, streamChanges } = search;
  return frame.widthPx === widthPx && frame.heightPx === heightPx && frame.streamChanges === streamChanges;
}

function isSettled(box: Box, settled: readonly Box[] = []): boolean {
  return settled.some((one) => boxIou(box, one) > SETTLED_IOU);
}

/**
 * Loads and runs the models of a set once, without keeping them.
 * @returns a report for each model
 * @throws AppError as Pipeline.open
 */
export async function tryModels(options: PipelineOptions): Promise<readonly ProviderReport[]> {
  const pipeline = await Pipeline.open(options);
  await pipeline.close();
  return pipeline.providers;
}
