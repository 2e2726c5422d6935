// The forms in which the models of a set run: chosen once at the start, by measuring in a worker thread.
import { Worker } from 'node:worker_threads';
import '../config/no-telemetry.js';
import { AppError } from '../errors.js';
import { listModels, type Model, type ModelSet } from './manifest.js';
import { fileState, readModel } from './model-files.js';
import { circumstancesOf, recall, remember } from './precision-memory.js';
import { inPrecision, setInForms, type PrecisionChoice, type PrecisionDecision } from './precision.js';

export interface ChosenPrecision extends PrecisionDecision {
  task: Model['task'];
}

export interface ChosenSet {
  /** Each model in its form, with the calibration of that form. */
  set: ModelSet;
  /** In the order of listModels. */
  precisions: readonly ChosenPrecision[];
}

export interface TrialOrder {
  set: ModelSet;
  modelsDir: string;
  /** In order of preference, as a ModelSession takes them. */
  providers: readonly string[];
}

export interface SetPrecisionOptions extends TrialOrder {
  choice: PrecisionChoice;
  /** Where what was measured is kept for the next start; without it each start measures. */
  memory?: { file: string; version: string };
  /** dist/models/precision-worker.js; tests, which run the sources, name it. */
  workerFile?: URL;
}

/** What the worker thread of a trial says at its end. */
export type TrialAnswer =
  { decisions: readonly PrecisionDecision[] } | { error: { code: AppError['code'] | undefined; message: string } };

/**
 * A model that has no 8-bit form runs in float, whatever is configured.
 * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH where `int8` is configured and a file of 8 bits is not there, or wrong
 */
export async function chooseSetPrecision(options: SetPrecisionOptions): Promise<ChosenSet> {
  const { set } = options;
  const decisions = await decide(options);
  const precisions = listModels(set).map(({ task }, i) => ({ task, ...decisions[i] }));
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
  const circumstances = circumstancesOf(set, providers, memory.version);
  const recalled = await recall(memory.file, circumstances);
  if (recalled && (await canBeUsed(recalled, options))) return recalled;
  const decisions = await measure(options);
  // What could not be tried may come: its file is made, or made again.
  if (decisions.every(({ hasFailed }) => !hasFailed)) await remember(memory.file, circumstances, decisions);
  return decisions;
}

/** Whether the files of 8 bits are still there. */
async function canBeUsed(
  decisions: readonly PrecisionDecision[],
  { set, modelsDir }: SetPrecisionOptions,
): Promise<boolean> {
  const models = listModels(set);
  if (decisions.length !== models.length) return false;
  for (const [i, model] of models.entries()) {
    if (decisions[i].precision !== 'int8') continue;
    if (!model.quantised || (await fileState(modelsDir, inPrecision(model, 'int8'))) !== 'present') return false;
  }
  return true;
}

/** A run blocks the thread that asks for it. */
function measure({
  set,
  modelsDir,
  providers,
  workerFile,
}: SetPrecisionOptions): Promise<readonly PrecisionDecision[]> {
  const worker = new Worker(workerFile ?? new URL('./precision-worker.js', import.meta.url), {
    workerData: { set, modelsDir, providers } satisfies TrialOrder,
  });
  return new Promise((resolve, reject) => {
    worker.once('message', (answer: TrialAnswer) => {
      if ('decisions' in answer) resolve(answer.decisions);
      else if (answer.error.code) reject(new AppError(answer.error.code, answer.error.message));
      else reject(new Error(answer.error.message));
    });
    worker.once('error', reject);
    worker.once('exit', (exitCode) => {
      reject(new AppError('WORKER_FAILED', `the trial of the models' forms ended with exit code ${exitCode}`));
    });
  });
}

/** For the log, the health report and the doctor, such as `embedder: int8, 8 bits are 1.95 times as fast here`. */
export function describePrecision({ task, precision, reason }: ChosenPrecision): string {
  return `${task}: ${precision}, ${reason}`;
}
