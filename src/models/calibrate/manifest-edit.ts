// Changes models/manifest.json, for the developer's commands that measure what it says: laid out as the repository's formatter does.
import { readFile } from 'node:fs/promises';
import { layOut } from '../../platform/json-layout.js';
import { replaceFile } from '../../platform/write-file.js';
import { loadManifest } from '../manifest.js';

/** A JSON object whose values nobody has looked at yet. */
export type JsonObject = Record<string, unknown>;

/**
 * Lets `change` work on one model of the manifest, checks the whole against the schema, and only then puts it in its place.
 * @throws AppError MODEL_INVALID where the model is not there, or the changed manifest is not valid; the file is as it was
 */
export async function editModel(path: string, key: string, change: (model: JsonObject) => void): Promise<void> {
  loadManifest(path);
  const manifest = JSON.parse(await readFile(path, 'utf8')) as { models: Record<string, JsonObject> };
  change(manifest.models[key]);
  const check = (temporaryPath: string): void => {
    loadManifest(temporaryPath);
  };
  await replaceFile(path, `${layOut(manifest)}\n`, { mode: 0o666, check });
}
