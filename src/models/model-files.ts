// Model files on the disk: where they are, whether they are what the manifest says, and how they get there.
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

/** The folder of the models, or several: the first one that has a file counts. Without a list, the built-in models come last. */
export type ModelPlaces = string | readonly [string, ...string[]];

export type FileState = 'present' | 'missing' | 'wrong';

/** Whether the file is there with the right hash. */
export async function fileState(places: ModelPlaces, model: Model): Promise<FileState> {
  const found = await findFile(places, model);
  if (!found) return 'missing';
  return (await sha256Of(found.bytes)) === model.sha256 ? 'present' : 'wrong';
}

/**
 * Reads a model and checks it.
 * @throws AppError MODEL_MISSING with how to put the file there, MODEL_HASH_MISMATCH with both hashes
 */
export async function readModel(places: ModelPlaces, model: Model): Promise<Uint8Array> {
  const { path, bytes } = await needFile(places, model);
  checkHash(path, model, await sha256Of(bytes));
  return bytes;
}

/**
 * Reads the float file of a built-in model as its training left it, which may be after the manifest was written.
 * @throws AppError MODEL_MISSING with what makes it
 */
export async function readTrained(places: ModelPlaces, model: Model): Promise<Uint8Array> {
  return (await needFile(places, model)).bytes;
}

async function needFile(places: ModelPlaces, model: Model): Promise<{ path: string; bytes: Buffer }> {
  let found: { path: string; bytes: Buffer } | undefined;
  try {
    found = await findFile(places, model);
  } catch (cause) {
    throw new AppError('MODEL_MISSING', missingSentence(places, model), { cause });
  }
  if (!found) throw new AppError('MODEL_MISSING', missingSentence(places, model));
  return found;
}

function placesOf(places: ModelPlaces): readonly [string, ...string[]] {
  return typeof places === 'string' ? [places, BUILTIN_MODELS_DIR] : places;
}

async function findFile(places: ModelPlaces, model: Model): Promise<{ path: string; bytes: Buffer } | undefined> {
  for (const place of placesOf(places)) {
    const path = join(place, model.file);
    try {
      return { path, bytes: await readFile(path) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

/**
 * Fetches a model into `dir` unless it is there: to a temporary name, verified, synced, then renamed.
 * @param from a folder, or a URL that ends in the folder of the files; the model's origin where it is not given
 * @returns whether anything was fetched
 * @throws AppError DOWNLOAD_FAILED, MODEL_HASH_MISMATCH; nothing is left behind
 */
export async function fetchModel(
  dir: string,
  model: Model,
  options: { from?: string; onProgress?: (progress: FetchProgress) => void; signal?: AbortSignal } = {},
): Promise<boolean> {
  if ((await fileState(dir, model)) === 'present') return false;
  await mkdir(dir, { recursive: true });
  const hash = createHash('sha256');
  const receive = async function* (): AsyncGenerator<Uint8Array> {
    let receivedBytes = 0;
    for await (const chunk of await openSource(dir, model, options.from, options.signal)) {
      receivedBytes += chunk.length;
      if (receivedBytes > model.bytes) {
        throw new AppError(
          'DOWNLOAD_FAILED',
          `${model.file}: more than the ${model.bytes} bytes that the manifest names`,
        );
      }
      hash.update(chunk);
      yield chunk;
      options.onProgress?.({ file: model.file, receivedBytes, totalBytes: model.bytes });
    }
  };
  const check = (): void => checkHash(options.from ?? originUrl(model), model, hash.digest('hex'));
  try {
    await replaceFile(join(dir, model.file), receive(), { mode: 0o666, check });
    return true;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const source = options.from ?? originUrl(model);
    throw new AppError(
      'DOWNLOAD_FAILED',
      `${model.file} could not be fetched from ${source} (${reason(error)}); ${byHand(dir, model)}`,
      { cause: error },
    );
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
      throw new AppError('DOWNLOAD_FAILED', `${model.file} is not in ${from}; ${byHand(dir, model)}`);
    }
    return createReadStream(path);
  }
  const url = from === undefined ? originUrl(model) : `${from.replace(/\/$/, '')}/${model.file}`;
  // A stalled download is given up: 60 s for the whole file unless the caller has its own limit.
  const response = await fetch(url, { signal: signal ?? AbortSignal.timeout(60_000) });
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
  return Readable.fromWeb(response.body);
}

function checkHash(source: string, model: Model, actual: string): void {
  if (actual !== model.sha256) {
    const remedy = isTrainedFile(model) ? '. If it was trained anew, run "npm run models -- ranges" for it' : '';
    throw new AppError(
      'MODEL_HASH_MISMATCH',
      `${model.file} from ${source} was refused: its sha256 is ${actual}, the manifest says ${model.sha256}${remedy}`,
    );
  }
}

async function sha256Of(bytes: Uint8Array): Promise<string> {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What a training leaves; the installation has its 8-bit form only. */
function isTrainedFile(model: Model): boolean {
  return isBuiltIn(model) && model.file !== model.quantised?.file;
}

function missingSentence(places: ModelPlaces, model: Model): string {
  const all = placesOf(places);
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
  return `${missing}. Run "lintel models fetch", or, offline, ${byHand(dir, model)}`;
}

function byHand(dir: string, model: Model): string {
  return `download ${originUrl(model)} on another machine and copy it to ${join(dir, model.file)}, or put it in a folder and run "lintel models fetch --from FOLDER"`;
}

function originUrl({ file, origin }: Model): string {
  if ('url' in origin) return origin.url;
  throw new AppError('DOWNLOAD_FAILED', `${file} is trained by ${origin.trainedBy}; there is nothing to download`);
}

/** fetch() hides the reason (no route, no name) in the cause. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? describeError(error) : `${describeError(error)}: ${describeError(cause)}`;
}
