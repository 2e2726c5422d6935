// The manifest of the model sets, models/manifest.json, and its schema: models are data, not code.
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Environment } from '../config/environment.js';
import type { Config } from '../config/schema.js';
import { AppError } from '../errors.js';
import { readFileAtMostSync } from '../platform/read-file.js';

/** The manifest has 16 kB. */
const MAX_MANIFEST_BYTES = 1_000_000;
/** Length of a model file, which is read into memory. The largest one has 14 MB. */
export const MAX_MODEL_BYTES = 2 ** 28;

const triple = z.tuple([z.number(), z.number(), z.number()]);
const pixelFormat = { name: z.string(), order: z.enum(['rgb', 'bgr']), mean: triple, std: triple };
const fixedInput = z.strictObject({
  ...pixelFormat,
  widthPx: z.int().min(8).max(4096),
  heightPx: z.int().min(8).max(4096),
});
const point = z.tuple([z.number(), z.number()]);

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.int().min(1).max(MAX_MODEL_BYTES);

/** A file of a public repository at one commit. */
const published = {
  repository: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  path: z.string(),
  url: z.url({ protocol: /^https$/ }),
};

const file = {
  file: z.string().regex(/^[\w.-]+$/),
  bytes,
  sha256,
  licence: z.string(),
  /** Known facts about the training data and the licence, in words. */
  provenance: z.string().optional(),
  /**
   * Source of the download: the file itself, or a file of another format that `lintel models fetch` converts, with the size and the sha256 that
   * it has there. Or the script of this repository that trains the model; its 8-bit form is part of the installation.
   */
  origin: z.union([
    z.strictObject(published),
    z.strictObject({ ...published, format: z.literal('espdl'), bytes, sha256 }),
    z.strictObject({ trainedBy: z.string().regex(/^tools\/train\/[\w.-]+$/) }),
  ]),
};

const calibrationPoints = z
  .array(
    z.strictObject({
      cosine: z.number().min(-1).max(1),
      similarity: z.number().min(0).max(100),
      far: z.number().min(0).max(1),
      tar: z.number().min(0).max(1),
    }),
  )
  .max(1_000);
const share = z.number().min(0).max(1);
const calibration = z.strictObject({
  source: z.string(),
  /** Points of two clear faces. */
  points: calibrationPoints,
  /** Least recognisability of a face that may match; needs the embedder's `conditionHead`. */
  bounds: z.strictObject({ bare: share, masked: share }).optional(),
  /** Safety factor on the false accept rates: see SimilarityScales. */
  groupFactor: z.number().min(1).max(100).optional(),
});

/** The 8-bit form of a model. `lintel models quantise` makes it from the float file and the recorded ranges, a file beside the manifest. */
const quantised = {
  file: file.file,
  bytes: file.bytes,
  sha256: file.sha256,
  ranges: z.string().regex(/^ranges\/[\w.-]+\.json$/),
};
const quantisedModel = z.strictObject(quantised).optional();

/**
 * Input [1,3,H,W] float32, H and W multiples of `multiplePx`; outputs cls_s [1,n,1], obj_s [1,n,1], bbox_s [1,n,4] and kps_s [1,n,10] for each
 * stride s, with one row for each of the n = H/s * W/s cells. models/README.md describes their meaning.
 */
const detectorSchema = z.strictObject({
  task: z.literal('detector'),
  ...file,
  input: z.strictObject({ ...pixelFormat, multiplePx: z.int().min(1).max(1024) }),
  strides: z.array(z.int().min(1).max(1024)).min(1).max(16),
  scoreThreshold: z.number().min(0).max(1),
  nmsIou: z.number().min(0).max(1),
  /**
   * Score of a close look from which a face is surely upright in it; turned faces score less. Without it, every face is looked at in all
   * directions.
   */
  uprightScore: z.number().min(0).max(1).optional(),
  quantised: quantisedModel,
});

/**
 * Input [1,3,heightPx,widthPx] float32: a face whose landmarks lie on `template`, in pixels of the input. Output [1,dimensions] float32, not
 * normalised.
 */
const embedderSchema = z.strictObject({
  task: z.literal('embedder'),
  ...file,
  input: fixedInput,
  output: z.strictObject({ name: z.string(), dimensions: z.int().min(8).max(4096) }),
  template: z.tuple([point, point, point, point, point]),
  /** The small network that measures the condition of a face from its embedding: a file beside the manifest. */
  conditionHead: z
    .string()
    .regex(/^heads\/[\w.-]+\.json$/)
    .optional(),
  calibration,
  /** The 8-bit form has its own calibration, unless the model is trained here: then `calibration` above is that of the 8-bit form. */
  quantised: z.strictObject({ ...quantised, calibration: calibration.optional() }).optional(),
});

/**
 * Input [1,3,heightPx,widthPx] float32: the square around the box, `boxFactor` times the box's longer side. Output [1,2] float32 logits; a face
 * is live where logit(live) - logit(spoof) > threshold.
 */
const livenessSchema = z.strictObject({
  task: z.literal('liveness'),
  ...file,
  input: fixedInput,
  boxFactor: z.number().min(1).max(4),
  border: z.enum(['constant', 'reflect']),
  output: z.strictObject({
    name: z.string(),
    liveIndex: z.int().min(0).max(1000),
    spoofIndex: z.int().min(0).max(1000),
  }),
  thresholds: z.strictObject({ weak: z.number(), balanced: z.number(), strict: z.number() }),
  quantised: quantisedModel,
});

/**
 * Input [1,3,heightPx,widthPx] float32: the face with its landmarks on the embedder's template. Output [1,2] float32 logits; a face is masked where
 * the second one is the greater one.
 */
const maskSchema = z.strictObject({
  task: z.literal('mask'),
  ...file,
  input: fixedInput,
  output: z.strictObject({
    name: z.string(),
    classes: z.tuple([z.literal('face'), z.literal('maskedFace')]),
  }),
  quantised: quantisedModel,
});

const manifestSchema = z.strictObject({
  version: z.literal(1),
  sets: z.record(
    z.string(),
    z.strictObject({
      modelVersion: z.string().regex(/^[a-z0-9.-]{1,64}$/),
      description: z.string(),
      detector: z.string(),
      embedder: z.string(),
      mask: z.string().optional(),
      liveness: z.string().optional(),
    }),
  ),
  models: z.record(
    z.string(),
    z
      .discriminatedUnion('task', [detectorSchema, embedderSchema, livenessSchema, maskSchema])
      .refine(
        ({ origin, quantised }) => 'url' in origin || quantised,
        'a model that is trained here needs an 8-bit form',
      )
      .refine(
        (model) =>
          model.task !== 'embedder' || !('url' in model.origin) || !model.quantised || model.quantised.calibration,
        'the 8-bit form of an embedder needs its own calibration',
      ),
  ),
});

/** Options of loading a model. They are not part of the manifest. */
export interface Loading {
  /** The file is in 8 bits and is computed in float, which is exact on every processor. */
  inFloat?: true;
}

export type Manifest = z.infer<typeof manifestSchema>;
export type DetectorModel = z.infer<typeof detectorSchema> & Loading;
export type EmbedderModel = z.infer<typeof embedderSchema> & Loading;
export type LivenessModel = z.infer<typeof livenessSchema> & Loading;
export type MaskModel = z.infer<typeof maskSchema> & Loading;
export type Model = Manifest['models'][string] & Loading;
export type ModelTask = Model['task'];

/** A set of the manifest, with its models in place of their names. */
export interface ModelSet {
  name: string;
  modelVersion: string;
  detector: DetectorModel;
  embedder: EmbedderModel;
  mask?: MaskModel;
  liveness?: LivenessModel;
}

/** Path of models/manifest.json of this installation. */
export const MANIFEST_PATH = fileURLToPath(new URL('../../models/manifest.json', import.meta.url));
/** Folder into which `lintel models fetch` puts the files, where neither the configuration nor the environment names another. */
export const DEFAULT_MODELS_DIR = fileURLToPath(new URL('../../models/files', import.meta.url));

/** Folder of the model files that are part of the installation. */
export const BUILTIN_MODELS_DIR = fileURLToPath(new URL('../../models/builtin', import.meta.url));

/** Returns the folder of the model files: `models.dir` of the configuration, else LINTEL_MODELS_DIR, else the installation's. */
export function resolveModelsDir(config: Pick<Config, 'models'>, environment: Pick<Environment, 'modelsDir'>): string {
  return config.models.dir ?? environment.modelsDir ?? DEFAULT_MODELS_DIR;
}

/** Reads a manifest and checks it against the schema. @throws AppError MODEL_INVALID */
export function loadManifest(path: string = MANIFEST_PATH): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(readFileAtMostSync(path, MAX_MANIFEST_BYTES).toString());
  } catch (cause) {
    throw new AppError('MODEL_INVALID', `the model manifest ${path} cannot be read as JSON`, { cause });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    throw new AppError('MODEL_INVALID', `the model manifest ${path} is not valid: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

/**
 * Returns a set with its models.
 * @throws AppError MODEL_INVALID when the manifest has no such set, or the set names models of other tasks or models that do not fit together
 */
export function getModelSet(manifest: Manifest, name: string): ModelSet {
  const set = manifest.sets[name];
  if (!set) {
    const known = Object.keys(manifest.sets).join(', ');
    throw new AppError('MODEL_INVALID', `there is no model set "${name}"; the manifest has: ${known}`);
  }
  const pick = <T extends ModelTask>(task: T, key: string): Extract<Model, { task: T }> => {
    const model = manifest.models[key];
    if (model?.task !== task)
      throw new AppError('MODEL_INVALID', `set "${name}": the manifest has no ${task} "${key}"`);
    return model as Extract<Model, { task: T }>;
  };
  const embedder = pick('embedder', set.embedder);
  const mask = set.mask === undefined ? undefined : pick('mask', set.mask);
  if (mask && !isSameSize(mask.input, embedder.input)) {
    const problem = `"${set.mask}" takes the embedder's aligned face, but its input has another size`;
    throw new AppError('MODEL_INVALID', `set "${name}": ${problem}`);
  }
  return {
    name,
    modelVersion: set.modelVersion,
    detector: pick('detector', set.detector),
    embedder,
    ...(mask && { mask }),
    ...(set.liveness === undefined ? {} : { liveness: pick('liveness', set.liveness) }),
  };
}

function isSameSize(one: z.infer<typeof fixedInput>, other: z.infer<typeof fixedInput>): boolean {
  return one.widthPx === other.widthPx && one.heightPx === other.heightPx;
}

/** Lists the models of a set, in the order detector, embedder, mask, liveness. */
export function listModels(set: ModelSet): Model[] {
  return [set.detector, set.embedder, set.mask, set.liveness].filter((model) => model !== undefined);
}
