// Model files on the disk: where they are, and whether they are the ones that the manifest names.
import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.js';
import { describeByHand } from './downloads.js';
import { readFileAtMost } from '../platform/read-file.js';
import { BUILTIN_MODELS_DIR, MAX_MODEL_BYTES, type Model } from './manifest.js';
import { isBuiltIn, readPrecision } from './precision.js';

/** A folder of model files, followed by the folder of the built-in models; or a list of folders. The first folder that has a file counts. */
export type ModelPlaces = string | readonly [string, ...string[]];

/** `wrong` is a file whose sha256 is not the one that the manifest names. */
export type FileState = 'present' | 'missing' | 'wrong';

/** Tells whether there is a file of this name, without reading it. */
export async function isThere(places: ModelPlaces, { file }: Model): Promise<boolean> {
  for (const place of listPlaces(places)) {
    try {
      await access(join(place, file));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return false;
}

export async function checkFile(places: ModelPlaces, model: Model): Promise<FileState> {
  const found = await findFile(places, model);
  if (!found) return 'missing';
  return hashBytes(found.bytes) === model.sha256 ? 'present' : 'wrong';
}

/**
 * Reads a model file and checks its sha256.
 * @throws AppError MODEL_MISSING with what to do about it, MODEL_HASH_MISMATCH with both hashes
 */
export async function readModel(places: ModelPlaces, model: Model): Promise<Uint8Array> {
  const { path, bytes } = await requireFile(places, model);
  checkHash(path, model, hashBytes(bytes));
  return bytes;
}

/**
 * Reads the float file of a built-in model as the training left it. Its sha256 is not checked: the training may be newer than the manifest.
 * @throws AppError MODEL_MISSING with the name of the script that makes the file
 */
export async function readTrained(places: ModelPlaces, model: Model): Promise<Uint8Array> {
  return (await requireFile(places, model)).bytes;
}

async function requireFile(places: ModelPlaces, model: Model): Promise<{ path: string; bytes: Buffer }> {
  let found: { path: string; bytes: Buffer } | undefined;
  try {
    found = await findFile(places, model);
  } catch (cause) {
    throw new AppError('MODEL_MISSING', describeMissing(places, model), { cause });
  }
  if (!found) throw new AppError('MODEL_MISSING', describeMissing(places, model));
  return found;
}

function listPlaces(places: ModelPlaces): readonly [string, ...string[]] {
  return typeof places === 'string' ? [places, BUILTIN_MODELS_DIR] : places;
}

async function findFile(places: ModelPlaces, model: Model): Promise<{ path: string; bytes: Buffer } | undefined> {
  for (const place of listPlaces(places)) {
    const path = join(place, model.file);
    try {
      return { path, bytes: await readFileAtMost(path, MAX_MODEL_BYTES) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

/** @param source path or URL, for the message @throws AppError MODEL_HASH_MISMATCH with both hashes */
export function checkHash(source: string, model: Model, actual: string): void {
  if (actual === model.sha256) return;
  const remedy = isTrainedFile(model) ? '. If it was trained again, run "npm run models -- ranges" for it' : '';
  throw new AppError(
    'MODEL_HASH_MISMATCH',
    `${model.file} from ${source} was refused: its sha256 is ${actual}, the manifest says ${model.sha256}${remedy}`,
  );
}

export function hashBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Returns true for the float file of a built-in model: the training makes it, and the installation has its 8-bit form only. */
function isTrainedFile(model: Model): boolean {
  return isBuiltIn(model) && model.file !== model.quantised?.file;
}

function describeMissing(places: ModelPlaces, model: Model): string {
  const all = listPlaces(places);
  const [dir] = all;
  if (isBuiltIn(model) && !isTrainedFile(model)) {
    const missing = `the model ${model.file} is missing; it was looked for in ${all.join(' and ')}`;
    return `${missing}. It is part of the installation: install Lintel again`;
  }
  const missing = `the model ${model.file} is missing; it was looked for in ${dir}`;
  if ('trainedBy' in model.origin) {
    return `${missing}. It is made by ${model.origin.trainedBy}; only its 8-bit form is part of the installation`;
  }
  if (readPrecision(model) === 'int8') return `${missing}. Run "lintel models quantise", which makes it`;
  return `${missing}. Run "lintel models fetch", or, offline, ${describeByHand(dir, model)}`;
}
