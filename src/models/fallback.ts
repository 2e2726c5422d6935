// The model set that runs: the configured one, or the built-in one where files of the configured set are missing.
import type { Config } from '../config/schema.js';
import { getModelSet, listModels, type Manifest, type Model, type ModelSet } from './manifest.js';
import { isThere, type ModelPlaces } from './model-files.js';
import { listForms } from './precision.js';

/** Name of the set whose files are part of the installation. */
const BUILTIN_SET = 'builtin';

export interface UsableSet {
  set: ModelSet;
  /** Reason, in words, why this is not the configured set; absent where it is. */
  fallback?: string;
}

/**
 * Picks the set to run. The built-in set is used only where files are missing and `fallback` is on. A file with another sha256 than
 * the manifest names is always an error.
 * @throws AppError MODEL_INVALID when the manifest does not have the configured set
 */
export async function pickUsableSet(
  manifest: Manifest,
  { set: name, fallback }: Pick<Config['models'], 'set' | 'fallback'>,
  modelsDir: ModelPlaces,
): Promise<UsableSet> {
  const set = getModelSet(manifest, name);
  if (!fallback || name === BUILTIN_SET || !(BUILTIN_SET in manifest.sets)) return { set };
  const missing = await findMissing(set, modelsDir);
  if (!missing) return { set };
  const builtin = getModelSet(manifest, BUILTIN_SET);
  // Where the built-in files are missing too, the error should name the file of the configured set.
  if (await findMissing(builtin, modelsDir)) return { set };
  const reason = `the built-in models run, because ${missing.file} of the set ${name} is missing`;
  return { set: builtin, fallback: `${reason}: run "lintel models fetch", and start again` };
}

async function findMissing(set: ModelSet, modelsDir: ModelPlaces): Promise<Model | undefined> {
  for (const model of listModels(set)) {
    const found = await Promise.all(listForms(model).map((form) => isThere(modelsDir, form)));
    if (!found.includes(true)) return model;
  }
  return undefined;
}
