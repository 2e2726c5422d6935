// The models of the service: the set in use, the form of each model on this machine, and the score scales.
import type { ModelScales, OtherModels } from '../domain/other-models.js';
import { SimilarityScales } from '../domain/similarity-scales.js';
import { loadConditionHead } from '../models/condition-head.js';
import { pickUsableSet } from '../models/fallback.js';
import {
  resolveModelsDir,
  type EmbedderModel,
  type LivenessModel,
  type Manifest,
  type ModelSet,
} from '../models/manifest.js';
import { findOtherSets, type OtherSet } from '../models/other-sets.js';
import { chooseSetPrecision, describePrecision, type ChosenSet } from '../models/set-precision.js';
import type { ServiceBase } from './base.js';

export interface ServiceModels extends ModelScales {
  set: ModelSet;
  modelsDir: string;
  /** Form of each model: 8 bits or float, with the reason for it. */
  precisions: ChosenSet['precisions'];
  /** Reason why the built-in models run in place of the configured ones; undefined where they do not. */
  fallback: string | undefined;
  /** Model sets whose groups stay usable beside those of `set`. */
  others: readonly OtherSet[];
  /** Scales of `others`, by model version. */
  otherModels: OtherModels;
  /** Thresholds of the liveness model; undefined where the set has none. */
  livenessThresholds: LivenessModel['thresholds'] | undefined;
}

/** Finds the model files and chooses the form of each model; the first start on a machine measures them. */
export async function chooseModels(base: ServiceBase, manifest: Manifest): Promise<ServiceModels> {
  const { config, environment, paths, version, log } = base;
  const { providers, precision } = config.models;
  const modelsDir = resolveModelsDir(config, environment);
  const configured = await pickUsableSet(manifest, config.models, modelsDir);
  if (configured.fallback) log.warn({ set: configured.set.name }, configured.fallback);
  const { set, precisions } = await chooseSetPrecision({
    set: configured.set,
    modelsDir,
    providers,
    choice: precision,
    memory: { file: paths.precisionFile, version },
  });
  log.info({ set: set.name, forms: precisions.map(describePrecision) }, 'the form of each model is chosen');
  const others = await findOtherSets(manifest, set, modelsDir);
  return {
    set,
    modelsDir,
    precisions,
    fallback: configured.fallback,
    others,
    otherModels: new Map(others.map(({ modelVersion, embedder }) => [modelVersion, createScales(embedder)])),
    ...createScales(set.embedder),
    livenessThresholds: set.liveness?.thresholds,
  };
}

/** Returns the scales of a model version; undefined where it is not installed. */
export function findModel(models: ServiceModels, modelVersion: string): ModelScales | undefined {
  return modelVersion === models.set.modelVersion ? models : models.otherModels.get(modelVersion);
}

/** Creates the scales of an embedder. @throws AppError MODEL_INVALID: its condition head cannot be read */
export function createScales(embedder: EmbedderModel): ModelScales {
  const head = loadConditionHead(embedder);
  const { points, bounds, groupFactor } = embedder.calibration;
  const scales = new SimilarityScales({ points, bounds: head && bounds, groupFactor });
  return { scales, estimateCondition: head && ((embedding) => head.measure(embedding)) };
}
