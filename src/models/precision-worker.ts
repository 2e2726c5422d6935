// The worker thread of a trial: measures the forms of a set's models, says what it chose, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { AppError, describeError } from '../errors.js';
import { modelsOf, type Model } from './manifest.js';
import { readModel } from './model-files.js';
import { choosePrecision, inPrecision, readProcessorFlags, type Precision, type TimedForm } from './precision.js';
import { ModelSession } from './session.js';
import type { TrialAnswer, TrialOrder } from './set-precision.js';
import { warmUpInput } from './warm-up.js';

if (!parentPort) throw new TypeError('the trial of the forms runs in a worker thread only');
const port = parentPort;

try {
  const { set, modelsDir, providers } = workerData as TrialOrder;
  const flags = readProcessorFlags();
  const decisions = [];
  for (const model of modelsOf(set)) {
    decisions.push(
      await choosePrecision(model, 'auto', {
        architecture: process.arch,
        flags,
        provider: await providerOf(model, modelsDir, providers),
        open: (precision) => openForm(model, precision, modelsDir),
        clock: () => performance.now(),
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

/** Of the float form; which one that is shows only in a trial, unless there is no choice. */
async function providerOf(model: Model, modelsDir: string, providers: readonly string[]): Promise<string> {
  if (!model.quantised || providers[0] === 'cpu') return 'cpu';
  const float = inPrecision(model, 'float');
  const bytes = await readModel(modelsDir, float);
  const { inFloat } = float;
  const session = await ModelSession.create(float.file, bytes, { providers, warmUp: warmUpInput(model), inFloat });
  await session.release();
  return session.provider;
}

async function openForm(model: Model, precision: Precision, modelsDir: string): Promise<TimedForm> {
  const form = inPrecision(model, precision);
  const warmUp = warmUpInput(form);
  const session = await ModelSession.create(form.file, await readModel(modelsDir, form), {
    providers: ['cpu'],
    warmUp,
    inFloat: form.inFloat,
  });
  return { run: () => session.run(warmUp), release: () => session.release() };
}
