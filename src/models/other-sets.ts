// The sets beside the configured one: their embedders serve the groups that were made under other model versions.
import { isDeepStrictEqual } from 'node:util';
import { getModelSet, type EmbedderModel, type Manifest, type ModelSet } from './manifest.js';
import { checkFile } from './model-files.js';
import { listForms, readPrecision } from './precision.js';

export interface OtherSet {
  name: string;
  modelVersion: string;
  /** The embedder in the form in which it runs. */
  embedder: EmbedderModel;
}

/**
 * Finds the sets of other model versions whose embedder is installed and takes the crops that the configured set makes. An embedder runs in
 * 8 bits where the configured one does and its 8-bit file is present.
 * @param current the configured set, its models in the forms that were chosen
 */
export async function findOtherSets(manifest: Manifest, current: ModelSet, modelsDir: string): Promise<OtherSet[]> {
  const found = new Map<string, OtherSet>();
  for (const name of Object.keys(manifest.sets)) {
    const { modelVersion, embedder } = getModelSet(manifest, name);
    if (modelVersion === current.modelVersion || found.has(modelVersion)) continue;
    if (!takesSameCrops(embedder, current.embedder)) continue;
    const forms = listForms(embedder);
    for (const form of readPrecision(current.embedder) === 'int8' ? forms.reverse() : forms.slice(0, 1)) {
      // A file of another set that cannot be read must not keep the service from starting.
      if ((await checkFile(modelsDir, form).catch(() => 'missing')) !== 'present') continue;
      found.set(modelVersion, { name, modelVersion, embedder: form });
      break;
    }
  }
  return [...found.values()];
}

function takesSameCrops(one: EmbedderModel, other: EmbedderModel): boolean {
  const { widthPx, heightPx } = one.input;
  const isSameSize = widthPx === other.input.widthPx && heightPx === other.input.heightPx;
  return isSameSize && isDeepStrictEqual(one.template, other.template);
}
