// Which form of a model runs: the float file, or its 8-bit form where that is at hand, safe on this processor, and measurably faster.
import { readFileSync } from 'node:fs';
import { AppError, describeError } from '../errors.js';
import type { Model, ModelSet } from './manifest.js';

export type Precision = 'float' | 'int8';
/** What the configuration asks for. */
export type PrecisionChoice = Precision | 'auto';

/**
 * The model as one of its forms has it: another file, and its own calibration. The float form of a model that Lintel's own scripts train is
 * the file of 8 bits, computed in float: no other is part of the installation.
 * @throws AppError MODEL_INVALID where there is no such form
 */
export function inPrecision<M extends Model>(model: M, precision: Precision): M {
  if (precision === 'float' && !isBuiltIn(model)) return model;
  if (!model.quantised) throw new AppError('MODEL_INVALID', `the model ${model.file} has no 8-bit form`);
  const { file, bytes, sha256 } = model.quantised;
  const calibration = 'calibration' in model.quantised ? model.quantised.calibration : undefined;
  const form = { ...model, file, bytes, sha256, ...(calibration && { calibration }) };
  if (precision === 'float') form.inFloat = true;
  else delete form.inFloat;
  return form;
}

/** Trained by scripts of this repository: its file of 8 bits is part of the installation, and its float file is not. */
export function isBuiltIn({ origin }: Model): boolean {
  return 'trainedBy' in origin;
}

/** The forms that an installation can have. */
export function listForms<M extends Model>(model: M): M[] {
  const float = inPrecision(model, 'float');
  return model.quantised ? [float, inPrecision(model, 'int8')] : [float];
}

/** The set with each of its models in the form that is chosen for it. @throws AppError MODEL_INVALID where a model has no such form */
export function setInForms(set: ModelSet, choose: (model: Model) => Precision): ModelSet {
  const of = <M extends Model>(model: M): M => inPrecision(model, choose(model));
  const { name, modelVersion, detector, embedder, mask, liveness } = set;
  return {
    name,
    modelVersion,
    detector: of(detector),
    embedder: of(embedder),
    ...(mask && { mask: of(mask) }),
    ...(liveness && { liveness: of(liveness) }),
  };
}

/** Which form of its model this is. */
export function readPrecision({ file, quantised, inFloat }: Model): Precision {
  return file === quantised?.file && !inFloat ? 'int8' : 'float';
}

/**
 * Whether integer kernels are exact and fast here. On x64 without VNNI they add pairs of products in 16 bits, which overflow, so that the
 * results would be wrong; on ARM without the dot product they are right, and slow.
 * @param flags as readProcessorFlags gives them
 */
export function multipliesBytes(architecture: string, flags: ReadonlySet<string>): boolean {
  if (architecture === 'x64') return flags.has('avx512_vnni') || flags.has('avx_vnni');
  return architecture === 'arm64' && flags.has('asimddp');
}

/** The processor's features as Linux names them; none where it does not tell. */
export function readProcessorFlags(path = '/proc/cpuinfo'): Set<string> {
  try {
    const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync(path, 'utf8'));
    return new Set(line ? line[1].split(' ') : []);
  } catch {
    return new Set();
  }
}

/** A loaded form of a model, fed with an input of its own. */
export interface TimedForm {
  /** Runs it once. */
  run(): Promise<unknown>;
  release(): Promise<void>;
}

export interface PrecisionDecision {
  precision: Precision;
  /** In words, for the log, the health report and the doctor. */
  reason: string;
  /** Of int8 over float, where it was measured. */
  speedup?: number;
  /** There is an 8-bit form, and it could not be tried. */
  hasFailed?: true;
}

export interface PrecisionParts {
  architecture: string;
  flags: ReadonlySet<string>;
  /** The execution provider that runs the float form: others have their own ways with quantised graphs. */
  provider: string;
  /** Loads one form; @throws where its file is missing or wrong */
  open: (precision: Precision) => Promise<TimedForm>;
  /** Milliseconds. */
  clock: () => number;
}

const ROUNDS = 15;
/** Less is not worth the error of 8 bits. */
const LEAST_SPEEDUP = 1.1;

/** @throws AppError where `int8` is asked for and cannot be had; `auto` falls back to float, with the reason */
export async function choosePrecision(
  model: Model,
  choice: PrecisionChoice,
  parts: PrecisionParts,
): Promise<PrecisionDecision> {
  if (choice === 'float') return { precision: 'float', reason: 'configured' };
  if (choice === 'int8') {
    inPrecision(model, 'int8');
    return { precision: 'int8', reason: 'configured' };
  }
  const float = (reason: string): PrecisionDecision => ({ precision: 'float', reason });
  if (!model.quantised) return float('it has no 8-bit form');
  if (parts.provider !== 'cpu') return float(`it runs on ${parts.provider}`);
  if (!multipliesBytes(parts.architecture, parts.flags)) return float('the processor has no dot product of bytes');
  let speedup: number;
  try {
    speedup = await measureSpeedup(parts);
  } catch (error) {
    return { ...float(`the 8-bit form cannot be used: ${describeError(error)}`), hasFailed: true };
  }
  const reason = `8 bits are ${speedup.toFixed(2)} times as fast here`;
  return { precision: speedup >= LEAST_SPEEDUP ? 'int8' : 'float', reason, speedup };
}

/** Both forms in turn, so that a busy moment meets both; the medians are compared. */
async function measureSpeedup({ open, clock }: PrecisionParts): Promise<number> {
  const float = await open('float');
  try {
    const int8 = await open('int8');
    try {
      const times = { float: [] as number[], int8: [] as number[] };
      for (let round = 0; round < ROUNDS; round++) {
        times.float.push(await timed(float, clock));
        times.int8.push(await timed(int8, clock));
      }
      return median(times.float) / median(times.int8);
    } finally {
      await int8.release();
    }
  } finally {
    await float.release();
  }
}

async function timed(form: TimedForm, clock: () => number): Promise<number> {
  const start = clock();
  await form.run();
  return clock() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
