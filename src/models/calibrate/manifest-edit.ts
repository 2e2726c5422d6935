// Changes models/manifest.json, for the developer's commands that measure its figures. The file is laid out as the repository's formatter does.
import { readFile } from 'node:fs/promises';
import { AppError } from '../../errors.js';
import { layOut } from '../../platform/json-layout.js';
import { replaceFile } from '../../platform/write-file.js';
import { loadManifest } from '../manifest.js';

/** A JSON object whose values are not checked yet. */
export type JsonObject = Record<string, unknown>;

/**
 * Lets `change` modify one model of the manifest, checks the whole manifest against its schema, and only then replaces the file.
 * @param path path of the manifest
 * @param key name of the model in the manifest
 * @throws AppError MODEL_INVALID where there is no such model, or the changed manifest is not valid; the file is unchanged then
 */
export async function editModel(path: string, key: string, change: (model: JsonObject) => void): Promise<void> {
  loadManifest(path);
  const manifest = JSON.parse(await readFile(path, 'utf8')) as { models: Record<string, JsonObject> };
  const model = manifest.models[key];
  if (!model) throw new AppError('MODEL_INVALID', `the manifest ${path} has no model "${key}"`);
  change(model);
  const check = (temporaryPath: string): void => {
    loadManifest(temporaryPath);
  };
  await replaceFile(path, `${layOut(manifest)}\n`, { mode: 0o666, check });
}
