// The form in which a model runs: the float file, or its 8-bit form where that is present, correct on this processor and measurably faster.
import { readFileSync } from 'node:fs';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { Model, ModelSet } from './manifest.js';
import { measureSpeedup, type TimedForm, type FormTrial } from './precision-trial.js';

export type Precision = 'float' | 'int8';
/** Value of `models.precision` in the configuration. */
export type PrecisionChoice = Precision | 'auto';

/**
 * Returns the model in one of its forms, with the file and the calibration of that form. The float form of a built-in model is the 8-bit file
 * computed in float: no other file of it is part of the installation.
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

/** Returns true for a model that scripts of this repository train: its 8-bit file is part of the installation, its float file is not. */
export function isBuiltIn({ origin }: Model): boolean {
  return 'trainedBy' in origin;
}

/** Lists the forms that an installation can have, the float form first. */
export function listForms<M extends Model>(model: M): M[] {
  const float = inPrecision(model, 'float');
  return model.quantised ? [float, inPrecision(model, 'int8')] : [float];
}

/** Returns the set with each model in the form that `choose` returns. @throws AppError MODEL_INVALID where a model has no such form */
export function setInForms(set: ModelSet, choose: (model: Model) => Precision): ModelSet {
  const convert = <M extends Model>(model: M): M => inPrecision(model, choose(model));
  const { name, modelVersion, detector, embedder, mask, liveness } = set;
  return {
    name,
    modelVersion,
    detector: convert(detector),
    embedder: convert(embedder),
    ...(mask && { mask: convert(mask) }),
    ...(liveness && { liveness: convert(liveness) }),
  };
}

/** Returns the form in which this model runs. */
export function readPrecision({ file, quantised, inFloat }: Model): Precision {
  return file === quantised?.file && !inFloat ? 'int8' : 'float';
}

/**
 * Returns true where the integer kernels of onnxruntime are correct and fast. On x64 without VNNI they add pairs of products in 16 bits, which
 * overflow: the results would be wrong. On ARM without the dot product they are correct but slow.
 * @param architecture as process.arch
 * @param flags as readProcessorFlags returns them
 */
export function multipliesBytes(architecture: string, flags: ReadonlySet<string>): boolean {
  if (architecture === 'x64') return flags.has('avx512_vnni') || flags.has('avx_vnni');
  return architecture === 'arm64' && flags.has('asimddp');
}

/** Reads the processor's features, by the names that Linux gives them. @returns an empty set where Linux does not list them */
export function readProcessorFlags(path = '/proc/cpuinfo'): Set<string> {
  try {
    const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync(path, 'utf8'));
    return new Set(line?.[1]?.split(' '));
  } catch {
    return new Set();
  }
}

export interface PrecisionDecision {
  precision: Precision;
  /** Reason in words, for the log, the health report and the doctor. */
  reason: string;
  /** Processor time of a run in float divided by that in 8 bits; absent where it was not measured. */
  speedup?: number;
  /** Present where the measurement does not show on which side of the least speed-up the model is. The next start measures it again. */
  isDoubtful?: true;
  /** Present where there is an 8-bit form that could not be tried. */
  hasFailed?: true;
}

export interface PrecisionParts {
  architecture: string;
  flags: ReadonlySet<string>;
  /** Execution provider that runs the float form. 8 bits are tried on the CPU only: others treat quantised graphs in their own ways. */
  provider: string;
  /** Loads one form; fails where its file is missing or wrong. */
  open: (precision: Precision) => Promise<TimedForm>;
  /** Processor time of the calling thread in milliseconds: a busy machine lengthens every other time. */
  clock: Clock;
  /** Choice of an earlier start that was made in doubt. It stays unless this measurement is clear. */
  earlier?: Precision | undefined;
}

/** Smallest speed-up that is worth the error of 8 bits. */
const LEAST_SPEEDUP = 1.1;

/**
 * Decides in which form a model runs. `auto` falls back to float, with the reason.
 * @throws AppError MODEL_INVALID where `int8` is configured and the model has no 8-bit form
 */
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
  let trial: FormTrial;
  try {
    trial = await compareForms(parts);
  } catch (error) {
    return { ...float(`the 8-bit form cannot be used: ${describeError(error)}`), hasFailed: true };
  }
  return decide(trial, parts.earlier);
}

function decide({ speedup, low, high, isClear }: FormTrial, earlier: Precision | undefined): PrecisionDecision {
  const faster = speedup >= LEAST_SPEEDUP ? 'int8' : 'float';
  const reason = `8 bits are ${speedup.toFixed(2)} times as fast here`;
  if (isClear) return { precision: faster, reason, speedup };
  const doubt = `${reason}, or ${low.toFixed(2)} to ${high.toFixed(2)}: the next start measures again`;
  return { precision: earlier ?? faster, reason: doubt, speedup, isDoubtful: true };
}

/** Compares the processor times of both forms. */
async function compareForms({ open, clock }: PrecisionParts): Promise<FormTrial> {
  const float = await open('float');
  try {
    const int8 = await open('int8');
    try {
      return await measureSpeedup({ float, int8, clock, bound: LEAST_SPEEDUP });
    } finally {
      await int8.release();
    }
  } finally {
    await float.release();
  }
}
