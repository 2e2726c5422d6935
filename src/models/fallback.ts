// The set that really runs: the configured one, or the built-in one where files of that are missing.
import type { Config } from '../config/schema.js';
import { modelSet, listModels, type Manifest, type Model, type ModelSet } from './manifest.js';
import { fileState, type ModelPlaces } from './model-files.js';
import { listForms } from './precision.js';

/** Its files are part of the installation. */
const BUILTIN_SET = 'builtin';

export interface SetInUse {
  set: ModelSet;
  /** Why it is not the configured one, for a person. */
  fallback?: string;
}

/**
 * Only for files that are missing: one that is not what the manifest says is an error, which nothing hides.
 * @throws AppError MODEL_INVALID when the manifest does not have the configured set
 */
export async function setInUse(
  manifest: Manifest,
  { set: name, fallback }: Pick<Config['models'], 'set' | 'fallback'>,
  modelsDir: ModelPlaces,
): Promise<SetInUse> {
  const set = modelSet(manifest, name);
  if (!fallback || name === BUILTIN_SET || !(BUILTIN_SET in manifest.sets)) return { set };
  const missing = await firstMissing(set, modelsDir);
  if (!missing) return { set };
  const builtin = modelSet(manifest, BUILTIN_SET);
  // Then it is the configured set's file that a person should put there.
  if (await firstMissing(builtin, modelsDir)) return { set };
  const reason = `the built-in models run, because ${missing.file} of the set ${name} is missing`;
  return { set: builtin, fallback: `${reason}: run "lintel models fetch", and start again` };
}

async function firstMissing(set: ModelSet, modelsDir: ModelPlaces): Promise<Model | undefined> {
  for (const model of listModels(set)) {
    const states = await Promise.all(listForms(model).map((form) => fileState(modelsDir, form)));
    if (states.every((state) => state === 'missing')) return model;
  }
  return undefined;
}
