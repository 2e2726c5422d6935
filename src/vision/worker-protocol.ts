// The messages between the worker pool and its workers.
import type { AnalysedImage } from '../domain/face.js';
import type { ErrorCode } from '../errors.js';
import type { ModelSet } from '../models/manifest.js';
import type { OtherSet } from '../models/other-sets.js';
import type { OtherLoading, ProviderReport } from './pipeline.js';
import type { AnalyseOptions, AnalysedFrame, EncodedFrame, EncodeOptions, FrameOptions } from './vision.js';

/** What a worker is started with. */
export interface WorkerSetup {
  set: ModelSet;
  /** Whose embedders serve groups that were made under them; each is loaded when it is first asked for. */
  others?: readonly OtherSet[];
  modelsDir: string;
  providers: readonly string[];
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
  crops: Float32Array[];
}

/** `close` lets the worker release its sessions and end. */
export type ToWorker = { type: 'job'; job: Job } | { type: 'close' };

export interface WireError {
  code: ErrorCode | undefined;
  message: string;
  detail: string | undefined;
  stack: string | undefined;
}

export type FromWorker =
  | { type: 'ready'; providers: readonly ProviderReport[] }
  | { type: 'failed'; error: WireError }
  | { type: 'other'; loading: OtherLoading }
  | { type: 'result'; result: JobResults[keyof JobResults] }
  | { type: 'error'; error: WireError };
