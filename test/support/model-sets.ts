// The model sets that tests can run with: the built-in one always, and the standard one where its files are at hand.
import { BUILTIN_MODELS_DIR, loadManifest, getModelSet, type ModelSet } from '../../src/models/manifest.js';
import { chooseSetPrecision } from '../../src/models/set-precision.js';
import { sharedModelsDir } from './shared.js';

export interface ModelsAtHand {
  /** The name of the set in the manifest. */
  set: 'standard' | 'builtin';
  modelsDir: string;
  /** The models, in float, so that similarities are the same on every machine. */
  models: ModelSet;
}

async function atHand(set: ModelsAtHand['set'], modelsDir: string): Promise<ModelsAtHand> {
  const options = { set: getModelSet(loadManifest(), set), modelsDir, providers: ['cpu'], choice: 'float' } as const;
  return { set, modelsDir, models: (await chooseSetPrecision(options)).set };
}

export const builtinModels = await atHand('builtin', BUILTIN_MODELS_DIR);
export const standardModels = sharedModelsDir === undefined ? undefined : await atHand('standard', sharedModelsDir);

/** Model sets for describe.each. The first set is the most exact one, for tests that need only one. */
export const modelSetsAtHand: readonly [ModelsAtHand, ...ModelsAtHand[]] = standardModels
  ? [standardModels, builtinModels]
  : [builtinModels];

export const [bestModels] = modelSetsAtHand;
