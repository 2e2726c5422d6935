// A worker thread that measures both forms of a set's models by processor time, answers which form is faster for each, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { AppError, describeError } from '../errors.js';
import { loadAddon } from '../native/addon.js';
import { listModels, type Model } from './manifest.js';
import { createWarmUpInput, openModel } from './open-model.js';
import type { TimedForm } from './precision-trial.js';
import { choosePrecision, inPrecision, readProcessorFlags, type Precision } from './precision.js';
import type { TrialAnswer, TrialOrder } from './set-precision.js';

if (!parentPort) throw new TypeError('the models are measured in a worker thread only');
const port = parentPort;

try {
  const { set, modelsDir, providers, earlier } = workerData as TrialOrder;
  const flags = readProcessorFlags();
  const addon = loadAddon();
  const decisions = [];
  for (const [i, model] of listModels(set).entries()) {
    const before = earlier?.[i];
    if (before && !before.isDoubtful) {
      decisions.push(before);
      continue;
    }
    decisions.push(
      await choosePrecision(model, 'auto', {
        architecture: process.arch,
        flags,
        provider: await findProvider(model, modelsDir, providers),
        open: (precision) => openForm(model, precision, modelsDir),
        // A session with one thread computes in the thread that calls it.
        clock: () => addon.threadCpuMs(),
        earlier: before?.precision,
      }),
    );
  }
  answer({ decisions });
} catch (error) {
  answer({ error: { code: error instanceof AppError ? error.code : undefined, message: describeError(error) } });
}

function answer(message: TrialAnswer): void {
  port.postMessage(message);
  port.close();
}

/** Returns the provider that runs the float form. Only a trial shows which one works, unless there is no choice. */
async function findProvider(model: Model, modelsDir: string, providers: readonly string[]): Promise<string> {
  if (!model.quantised || providers[0] === 'cpu') return 'cpu';
  const session = await openModel(inPrecision(model, 'float'), modelsDir, providers);
  await session.release();
  return session.provider;
}

async function openForm(model: Model, precision: Precision, modelsDir: string): Promise<TimedForm> {
  const form = inPrecision(model, precision);
  const session = await openModel(form, modelsDir, ['cpu']);
  const input = createWarmUpInput(form);
  return { run: () => session.run(input), release: () => session.release() };
}
