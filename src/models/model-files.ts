// Model files on the disk: where they are, whether they are the ones that the manifest names, and how they get there.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { AppError, describeError } from '../errors.js';
import { replaceFile } from '../platform/write-file.js';
import { BUILTIN_MODELS_DIR, type Model } from './manifest.js';
import { isBuiltIn, readPrecision } from './precision.js';

export interface FetchProgress {
  file: string;
  receivedBytes: number;
  totalBytes: number;
}

/** A folder of model files, followed by the folder of the built-in models; or a list of folders. The first folder that has a file counts. */
export type ModelPlaces = string | readonly [string, ...string[]];

/** `wrong` is a file whose sha256 is not the one that the manifest names. */
export type FileState = 'present' | 'missing' | 'wrong';

/** Time that a download may take unless the caller has its own limit. */
const DOWNLOAD_TIMEOUT_MS = 60_000;

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
      return { path, bytes: await readFile(path) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

export interface FetchOptions {
  /** A folder, or the URL of a folder, that has the files. Default: the origin of the model. */
  from?: string | undefined;
  onProgress?: ((progress: FetchProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Fetches a model file into `dir` unless it is there. The file gets its name only after its sha256 was checked.
 * @returns true where something was fetched
 * @throws AppError DOWNLOAD_FAILED, MODEL_HASH_MISMATCH; nothing is left behind
 */
export async function fetchModel(dir: string, model: Model, options: FetchOptions = {}): Promise<boolean> {
  if ((await checkFile(dir, model)) === 'present') return false;
  await mkdir(dir, { recursive: true });
  const { from } = options;
  const hash = createHash('sha256');
  try {
    await replaceFile(
      join(dir, model.file),
      receive(dir, model, options, (chunk) => hash.update(chunk)),
      {
        mode: 0o666,
        check: () => checkHash(from ?? requireUrl(model), model, hash.digest('hex')),
      },
    );
    return true;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const source = from ?? requireUrl(model);
    throw new AppError(
      'DOWNLOAD_FAILED',
      `${model.file} could not be fetched from ${source} (${describeFetchError(error)}); ${describeByHand(dir, model)}`,
      { cause: error },
    );
  }
}

/** Reads the source piece by piece, and ends it where it is longer than the manifest says. */
async function* receive(
  dir: string,
  model: Model,
  { from, onProgress, signal }: FetchOptions,
  onChunk: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0;
  for await (const chunk of await openSource(dir, model, from, signal)) {
    receivedBytes += chunk.length;
    if (receivedBytes > model.bytes) {
      throw new AppError(
        'DOWNLOAD_FAILED',
        `${model.file}: more than the ${model.bytes} bytes that the manifest names`,
      );
    }
    onChunk(chunk);
    yield chunk;
    onProgress?.({ file: model.file, receivedBytes, totalBytes: model.bytes });
  }
}

async function openSource(
  dir: string,
  model: Model,
  from: string | undefined,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (from !== undefined && !/^https?:\/\//.test(from)) {
    const path = join(from, model.file);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) {
      throw new AppError('DOWNLOAD_FAILED', `${model.file} is not in ${from}; ${describeByHand(dir, model)}`);
    }
    return createReadStream(path) as AsyncIterable<Uint8Array>;
  }
  const url = from === undefined ? requireUrl(model) : `${from.replace(/\/$/, '')}/${model.file}`;
  const response = await fetch(url, { signal: signal ?? AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
  return Readable.fromWeb(response.body) as AsyncIterable<Uint8Array>;
}

function checkHash(source: string, model: Model, actual: string): void {
  if (actual === model.sha256) return;
  const remedy = isTrainedFile(model) ? '. If it was trained again, run "npm run models -- ranges" for it' : '';
  throw new AppError(
    'MODEL_HASH_MISMATCH',
    `${model.file} from ${source} was refused: its sha256 is ${actual}, the manifest says ${model.sha256}${remedy}`,
  );
}

function hashBytes(bytes: Uint8Array): string {
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

function describeByHand(dir: string, model: Model): string {
  const copy = `download ${requireUrl(model)} on another machine and copy it to ${join(dir, model.file)}`;
  return `${copy}, or put it in a folder and run "lintel models fetch --from FOLDER"`;
}

/** @throws AppError DOWNLOAD_FAILED for a model that is trained here */
function requireUrl({ file, origin }: Model): string {
  if ('url' in origin) return origin.url;
  throw new AppError('DOWNLOAD_FAILED', `${file} is trained by ${origin.trainedBy}; there is nothing to download`);
}

/** Describes an error of fetch(), which hides the reason (no route, unknown name) in its cause. */
function describeFetchError(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? describeError(error) : `${describeError(error)}: ${describeError(cause)}`;
}
