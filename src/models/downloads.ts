// What is downloaded for a model: its own file, or a file of another format that is converted.
import { basename, join } from 'node:path';
import { AppError } from '../errors.js';
import type { Model } from './manifest.js';

/** A file as it is published. */
export interface Download {
  /** Name under which a mirror has it. */
  file: string;
  url: string;
  bytes: number;
  sha256: string;
  /** Format that has to be converted into ONNX; absent where the file is the model's own. */
  format?: 'espdl';
}

/** @throws AppError DOWNLOAD_FAILED for a model that is trained here */
export function describeDownload({ file, bytes, sha256, origin }: Model): Download {
  if ('trainedBy' in origin) {
    throw new AppError('DOWNLOAD_FAILED', `${file} is trained by ${origin.trainedBy}; there is nothing to download`);
  }
  const { url } = origin;
  if (!('format' in origin)) return { file, url, bytes, sha256 };
  return { file: basename(origin.path), url, bytes: origin.bytes, sha256: origin.sha256, format: origin.format };
}

/** Describes how to get a model's file without a network. @param dir folder of the model files */
export function describeByHand(dir: string, model: Model): string {
  const { url, format } = describeDownload(model);
  const byFolder = `run "lintel models fetch --from FOLDER"`;
  if (format) return `download ${url} on another machine, put it in a folder and ${byFolder}`;
  return `download ${url} on another machine and copy it to ${join(dir, model.file)}, or put it in a folder and ${byFolder}`;
}
