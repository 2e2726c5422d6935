// The messages between the worker pool and its workers.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { AnalysedImage } from '../domain/face.js';
import { AppError, describeError, type ErrorCode } from '../errors.js';
import type { ModelSet } from '../models/manifest.js';
import type { OtherSet } from '../models/other-sets.js';
import type { OtherLoading } from './other-embedders.js';
import type { EarlyCrops } from './early-embeddings.js';
import type { ProviderReport } from './pipeline.js';
import type { AnalyseOptions, AnalysedFrame, EncodedFrame, EncodeOptions, FrameOptions } from './vision.js';

/** Start data of a worker. */
export interface WorkerSetup {
  set: ModelSet;
  /** Sets of other versions, for groups that were made under them; each embedder is loaded when it is first needed. */
  others?: readonly OtherSet[];
  modelsDir: string;
  /** Execution providers in order of preference. */
  providers: readonly string[];
  /** Niceness of the thread, 0 to 19. Default: that of the process. */
  niceness?: number;
}

export type Job =
  | { kind: 'image'; bytes: Uint8Array; options: AnalyseOptions }
  | { kind: 'frame'; captureHandle: number; options: FrameOptions }
  | { kind: 'jpeg'; captureHandle: number; options: EncodeOptions }
  | { kind: 'crops'; crops: readonly Uint8Array[]; modelVersion: string | undefined };

export interface JobResults {
  image: AnalysedImage;
  frame: AnalysedFrame | undefined;
  jpeg: EncodedFrame | undefined;
  crops: EmbeddedFace[];
}

/** `workerData` of a worker thread, or its first message where it was started without. */
export interface WorkerData extends WorkerSetup {
  /** Memory of the worker's JobControl. */
  controlMemory: SharedArrayBuffer;
}

/**
 * A message to a worker. `cancel` follows when the running job is cancelled in its JobControl, and ends what cannot see that. After `tidy` a
 * worker without a job frees the memory that it does not need between jobs. After `close` the worker finishes its job, releases its sessions
 * and ends.
 */
export type ToWorker = { type: 'job'; job: Job } | { type: 'cancel' } | { type: 'tidy' } | { type: 'close' };

/**
 * A message from a worker. `ready` or `failed` comes first, once; then one `result` or `error` for each job, with at most one `aligned` before
 * it, and `tidied` for each `tidy`.
 */
export type FromWorker =
  | { type: 'ready'; providers: readonly ProviderReport[] }
  | { type: 'failed'; error: WireError }
  | { type: 'other'; loading: OtherLoading }
  | { type: 'aligned'; early: EarlyCrops }
  | { type: 'result'; result: JobResults[keyof JobResults] }
  | { type: 'error'; error: WireError }
  | { type: 'tidied' };

/** An error in a form that crosses between threads: a structured clone would lose the class and the code. */
export interface WireError {
  /** Code of an AppError; absent for any other error. */
  code: ErrorCode | undefined;
  message: string;
  detail: string | undefined;
  stack: string | undefined;
}

export function toWireError(error: unknown): WireError {
  return {
    code: error instanceof AppError ? error.code : undefined,
    message: describeError(error),
    detail: error instanceof AppError ? error.detail : undefined,
    stack: error instanceof Error ? error.stack : undefined,
  };
}

/** Returns an AppError where the worker threw one, else a plain Error with the worker's stack. */
export function fromWireError({ code, message, detail, stack }: WireError): Error {
  if (code) return new AppError(code, message, detail === undefined ? {} : { detail });
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
