// The sets beside the configured one: their embedders serve the groups that were made under them.
import { isDeepStrictEqual } from 'node:util';
import { modelSet, type EmbedderModel, type Manifest, type ModelSet } from './manifest.js';
import { fileState } from './model-files.js';
import { listForms, readPrecision } from './precision.js';

export interface OtherSet {
  name: string;
  modelVersion: string;
  /** In its form. */
  embedder: EmbedderModel;
}

/**
 * Those of another model version whose embedder is installed and takes the crops that the configured set makes. An embedder runs in 8 bits
 * where the configured one does and its file of 8 bits is there.
 * @param current in the forms that were chosen
 */
export async function otherSets(manifest: Manifest, current: ModelSet, modelsDir: string): Promise<OtherSet[]> {
  const found = new Map<string, OtherSet>();
  for (const name of Object.keys(manifest.sets)) {
    const { modelVersion, embedder } = modelSet(manifest, name);
    if (modelVersion === current.modelVersion || found.has(modelVersion)) continue;
    if (!takesSameCrops(embedder, current.embedder)) continue;
    const forms = listForms(embedder);
    for (const form of readPrecision(current.embedder) === 'int8' ? forms.reverse() : forms.slice(0, 1)) {
      // A file of another set that cannot even be read must not keep the set in use from starting.
      if ((await fileState(modelsDir, form).catch(() => 'missing')) !== 'present') continue;
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
