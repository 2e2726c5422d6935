// Fetches model files: from their origin or a mirror, verified before they get their names, and converted where the origin has another format.
import { createReadStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { AppError, describeError } from '../errors.js';
import { replaceFile } from '../platform/write-file.js';
import { describeByHand, describeDownload, type Download } from './downloads.js';
import type { Model } from './manifest.js';
import { checkFile, checkHash, hashBytes } from './model-files.js';

export interface FetchProgress {
  /** Name of the file that is received. */
  file: string;
  receivedBytes: number;
  totalBytes: number;
}

export interface FetchOptions {
  /**
   * A folder, or the URL of a folder, that has the files: the model's own, or the one that it is converted from. In a local folder, they may
   * also lie in its sub-folders. Default: the origin of the model.
   */
  from?: string | undefined;
  onProgress?: ((progress: FetchProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Time that a download may take unless the caller has its own limit. */
const DOWNLOAD_TIMEOUT_MS = 60_000;
const NOT_FOUND = 404;

/**
 * Fetches a model file into `dir` unless it is there. The file is received in memory, and written only after its sha256 was checked.
 * @returns true where something was fetched
 * @throws AppError DOWNLOAD_FAILED, MODEL_HASH_MISMATCH; MODEL_INVALID where a file cannot be converted. Nothing is left behind
 */
export async function fetchModel(dir: string, model: Model, options: FetchOptions = {}): Promise<boolean> {
  if ((await checkFile(dir, model)) === 'present') return false;
  await mkdir(dir, { recursive: true });
  const { file, url } = describeDownload(model);
  const source = options.from ?? url;
  try {
    await replaceFile(join(dir, model.file), await receiveModel(dir, model, options), { mode: 0o666 });
    return true;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(
      'DOWNLOAD_FAILED',
      `${file} could not be fetched from ${source} (${describeFetchError(error)}); ${describeByHand(dir, model)}`,
      { cause: error },
    );
  }
}

/** Receives a model's file and checks it; converts it where necessary, and checks the result. */
async function receiveModel(dir: string, model: Model, options: FetchOptions): Promise<Uint8Array> {
  const published = describeDownload(model);
  const own: Download = { ...published, file: model.file, bytes: model.bytes, sha256: model.sha256 };
  delete own.format;
  const { from, signal } = options;
  // A mirror may be the folder of the models of another installation, where the file is converted already.
  const wanted = from === undefined || !published.format ? [published] : [own, published];
  const opened = await openFirst(wanted, options, signal ?? AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS));
  if (!opened) {
    throw new AppError('DOWNLOAD_FAILED', `${published.file} is not in ${from}; ${describeByHand(dir, model)}`);
  }
  const { download, content } = opened;
  const source = from ?? download.url;
  const bytes = await receive(download, content, options.onProgress);
  checkHash(source, { ...model, file: download.file, sha256: download.sha256 }, hashBytes(bytes));
  if (!download.format) return bytes;
  // Loaded here, because the service, which reads model files as well, converts none.
  const { convertEspdl } = await import('./espdl/convert.js');
  const converted = convertEspdl(bytes);
  checkHash(`the conversion of ${download.file}`, model, hashBytes(converted));
  return converted;
}

interface Opened {
  download: Download;
  content: AsyncIterable<Uint8Array>;
}

/** Opens the first of the files that the source has. @returns undefined where it has none of them */
async function openFirst(
  wanted: readonly Download[],
  { from }: FetchOptions,
  signal: AbortSignal,
): Promise<Opened | undefined> {
  const isFolder = from !== undefined && !/^https?:\/\//.test(from);
  let missing: Error | undefined;
  for (const download of wanted) {
    if (isFolder) {
      const path = await findInFolder(from, download.file);
      if (path !== undefined) return { download, content: createReadStream(path) as AsyncIterable<Uint8Array> };
      continue;
    }
    const url = from === undefined ? download.url : `${from.replace(/\/$/, '')}/${download.file}`;
    const response = await fetch(url, { signal });
    if (response.ok && response.body) {
      return { download, content: Readable.fromWeb(response.body) as AsyncIterable<Uint8Array> };
    }
    await response.body?.cancel();
    missing = new Error(`HTTP ${response.status}`);
    if (response.status !== NOT_FOUND) throw missing;
  }
  if (missing) throw missing;
  return undefined;
}

/** Finds a file in a folder or, where it is not there, in one of its sub-folders, in the order of their names. */
async function findInFolder(folder: string, file: string): Promise<string | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const place of ['', ...below.sort()]) {
    const path = join(folder, place, file);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  return undefined;
}

/** Reads a source piece by piece, and ends it where it is longer than the manifest says. */
async function receive(
  { file, bytes }: Download,
  content: AsyncIterable<Uint8Array>,
  onProgress: FetchOptions['onProgress'],
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let receivedBytes = 0;
  for await (const chunk of content) {
    receivedBytes += chunk.length;
    if (receivedBytes > bytes) {
      throw new AppError('DOWNLOAD_FAILED', `${file}: more than the ${bytes} bytes that the manifest names`);
    }
    chunks.push(chunk);
    onProgress?.({ file, receivedBytes, totalBytes: bytes });
  }
  return Buffer.concat(chunks);
}

/** Describes an error of fetch(), which hides the reason (no route, unknown name) in its cause. */
function describeFetchError(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? describeError(error) : `${describeError(error)}: ${describeError(cause)}`;
}
