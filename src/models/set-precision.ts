// The forms in which the models of a set run, float or 8 bits: chosen once at the start, by measuring in a worker thread.
import { Worker } from 'node:worker_threads';
import '../config/no-telemetry.js';
import { AppError } from '../errors.js';
import { listModels, type Model, type ModelSet } from './manifest.js';
import { checkFile, readModel } from './model-files.js';
import { hashCircumstances, recall, remember } from './precision-memory.js';
import { inPrecision, setInForms, type PrecisionChoice, type PrecisionDecision } from './precision.js';

export interface ChosenPrecision extends PrecisionDecision {
  task: Model['task'];
}

export interface ChosenSet {
  /** Each model in its form, with the calibration of that form. */
  set: ModelSet;
  /** One for each model, in the order of listModels. */
  precisions: readonly ChosenPrecision[];
}

/** Start data of the worker thread that measures. */
export interface TrialOrder {
  set: ModelSet;
  modelsDir: string;
  /** Execution providers in order of preference. */
  providers: readonly string[];
  /** Decisions of an earlier start, one for each model: only those made in doubt are measured again. */
  earlier?: readonly PrecisionDecision[] | undefined;
}

export interface SetPrecisionOptions extends Omit<TrialOrder, 'earlier'> {
  choice: PrecisionChoice;
  /** File in which the measured forms are kept for the next start, and the version of Lintel. Default: each start measures. */
  memory?: { file: string; version: string };
  /** File of the worker thread. Default: dist/models/precision-worker.js; tests, which run the sources, name another one. */
  workerFile?: URL;
}

/** Answer of the worker thread that measures. */
export type TrialAnswer =
  { decisions: readonly PrecisionDecision[] } | { error: { code: AppError['code'] | undefined; message: string } };

/**
 * Chooses the form of each model. A model that has no 8-bit form runs in float, also where `int8` is configured.
 * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH where `int8` is configured and an 8-bit file is missing or wrong
 */
export async function chooseSetPrecision(options: SetPrecisionOptions): Promise<ChosenSet> {
  const { set } = options;
  const decisions = await decide(options);
  const precisions = listModels(set).map(({ task }, i): ChosenPrecision => {
    const decision = decisions[i];
    if (!decision) throw new RangeError(`there is no decision for the ${task}`);
    return { task, ...decision };
  });
  const chosen = setInForms(set, ({ task }) => precisions.find((one) => one.task === task)?.precision ?? 'float');
  return { set: chosen, precisions };
}

async function decide(options: SetPrecisionOptions): Promise<readonly PrecisionDecision[]> {
  const { set, modelsDir, choice } = options;
  if (choice === 'auto') return recallOrMeasure(options);
  const decisions: PrecisionDecision[] = [];
  for (const model of listModels(set)) {
    const isWithout = choice === 'int8' && !model.quantised;
    if (choice === 'int8' && !isWithout) await readModel(modelsDir, inPrecision(model, 'int8'));
    decisions.push(
      isWithout ? { precision: 'float', reason: 'it has no 8-bit form' } : { precision: choice, reason: 'configured' },
    );
  }
  return decisions;
}

async function recallOrMeasure(options: SetPrecisionOptions): Promise<readonly PrecisionDecision[]> {
  const { set, providers, memory } = options;
  if (!memory) return measure(options);
  const circumstances = hashCircumstances(set, providers, memory.version);
  const recalled = await recall(memory.file, circumstances);
  const earlier = recalled && (await canBeUsed(recalled, options)) ? recalled : undefined;
  if (earlier?.every(({ isDoubtful }) => !isDoubtful)) return earlier;
  const decisions = await measure({ ...options, earlier });
  // A decision is not kept where an 8-bit form could not be tried: its file may be made later.
  if (decisions.every(({ hasFailed }) => !hasFailed)) await remember(memory.file, circumstances, decisions);
  return decisions;
}

/** Returns false where an 8-bit file that a decision needs is missing or wrong. */
async function canBeUsed(
  decisions: readonly PrecisionDecision[],
  { set, modelsDir }: SetPrecisionOptions,
): Promise<boolean> {
  const models = listModels(set);
  if (decisions.length !== models.length) return false;
  for (const [i, model] of models.entries()) {
    if (decisions[i]?.precision !== 'int8') continue;
    if (!model.quantised || (await checkFile(modelsDir, inPrecision(model, 'int8'))) !== 'present') return false;
  }
  return true;
}

/** Measures in a worker thread, because a run of a model blocks its thread. */
function measure({
  set,
  modelsDir,
  providers,
  earlier,
  workerFile,
}: SetPrecisionOptions & Pick<TrialOrder, 'earlier'>): Promise<readonly PrecisionDecision[]> {
  const worker = new Worker(workerFile ?? new URL('./precision-worker.js', import.meta.url), {
    workerData: { set, modelsDir, providers, earlier } satisfies TrialOrder,
  });
  return new Promise((resolve, reject) => {
    worker.once('message', (answer: TrialAnswer) => {
      if ('decisions' in answer) resolve(answer.decisions);
      else if (answer.error.code) reject(new AppError(answer.error.code, answer.error.message));
      else reject(new Error(answer.error.message));
    });
    worker.once('error', reject);
    worker.once('exit', (exitCode) => {
      reject(new AppError('WORKER_FAILED', `the worker that measures the models ended with exit code ${exitCode}`));
    });
  });
}

/** Describes a choice for the log, the health report and the doctor, such as `embedder: int8, 8 bits are 1.95 times as fast here`. */
export function describePrecision({ task, precision, reason }: ChosenPrecision): string {
  return `${task}: ${precision}, ${reason}`;
}
