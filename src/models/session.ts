// The one door to onnxruntime: long-lived sessions on the first execution provider that really runs the model.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../config/no-telemetry.js';
import { InferenceSession, Tensor, env, listSupportedBackends } from 'onnxruntime-node';
import { AppError, describeError } from '../errors.js';

// What fails is thrown, and said by whoever catches it; onnxruntime would print it as well.
env.logLevel = 'fatal';

/** A float32 tensor: its data in row-major order, and its shape. */
export interface FloatTensor {
  data: Float32Array;
  dims: readonly number[];
}

export interface ProviderFailure {
  provider: string;
  reason: string;
}

export interface SessionOptions {
  /** Names as onnxruntime knows them, in order of preference. */
  providers: readonly string[];
  /** A real input, run once with each provider that is tried. */
  warmUp: Readonly<Record<string, FloatTensor>>;
  /** Computes a model of 8 bits in float. */
  inFloat?: boolean | undefined;
}

/** A loaded model. `run` blocks the thread that calls it: only worker threads own sessions. */
export class ModelSession {
  readonly provider: string;
  /** Providers that were preferred and did not work. */
  readonly failures: readonly ProviderFailure[];
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession, provider: string, failures: readonly ProviderFailure[]) {
    this.#session = session;
    this.provider = provider;
    this.failures = failures;
  }

  /**
   * Tries the providers in order, each with a real run.
   * @throws AppError PROVIDER_UNAVAILABLE, with what was tried and why each failed
   */
  static async create(name: string, model: Uint8Array, options: SessionOptions): Promise<ModelSession> {
    const failures: ProviderFailure[] = [];
    for (const provider of options.providers) {
      try {
        const session = await openOn(provider, model, options);
        return new ModelSession(session, provider, failures);
      } catch (error) {
        failures.push({ provider, reason: firstLine(describeError(error)) });
      }
    }
    const tried = failures.map((failure) => `${failure.provider} (${failure.reason})`).join('; ');
    throw new AppError('PROVIDER_UNAVAILABLE', `no execution provider runs ${name}. Tried: ${tried}`);
  }

  /** @returns the outputs by name; their data is the caller's */
  async run(feeds: Readonly<Record<string, FloatTensor>>): Promise<Record<string, Float32Array>> {
    return runSession(this.#session, feeds);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** Returns the output of this name. @throws AppError MODEL_INVALID where the model has none of this name */
export function pickOutput(outputs: Readonly<Record<string, Float32Array>>, name: string): Float32Array {
  const data = outputs[name];
  if (!data) throw new AppError('MODEL_INVALID', `the model has no output "${name}"`);
  return data;
}

/** The providers that this build of onnxruntime knows; whether one works shows only when it is tried. */
export function knownProviders(): string[] {
  return listSupportedBackends().map((backend) => backend.name);
}

async function runSession(
  session: InferenceSession,
  feeds: Readonly<Record<string, FloatTensor>>,
): Promise<Record<string, Float32Array>> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, { data, dims }] of Object.entries(feeds)) tensors[name] = new Tensor('float32', data, dims);
  const outputs = await session.run(tensors);
  const result: Record<string, Float32Array> = {};
  for (const name of session.outputNames) result[name] = outputs[name].data as Float32Array;
  return result;
}

async function openOn(
  provider: string,
  model: Uint8Array,
  { warmUp, inFloat = false }: SessionOptions,
): Promise<InferenceSession> {
  // The binding drops a name it does not know and carries on without it.
  if (!knownProviders().includes(provider)) throw new Error(`unknown to this build of onnxruntime`);
  const options = sessionOptions(provider, inFloat);
  if (provider !== 'cpu') await proveRunsOn(provider, model, warmUp, options);
  const session = await InferenceSession.create(model, options);
  try {
    assertFinite(await runSession(session, warmUp));
    return session;
  } catch (error) {
    await session.release();
    throw error;
  }
}

function sessionOptions(provider: string, inFloat: boolean): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    // Workers are the parallelism; a second thread inside a session spins (see bench/slice).
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // The detector's shape changes with the picture; a pattern kept per shape would only grow.
    enableMemPattern: false,
    logSeverityLevel: 4,
    // Without this rewriting each layer keeps its float kernel. The roundings between them stay: they are also what cuts off below zero.
    ...(inFloat ? { extra: { session: { disable_quant_qdq: '1' } } } : {}),
  };
}

/** A provider that cannot take the model leaves every node to the CPU without a word; a profile of one run tells. */
async function proveRunsOn(
  provider: string,
  model: Uint8Array,
  warmUp: Readonly<Record<string, FloatTensor>>,
  options: InferenceSession.SessionOptions,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lintel-profile-'));
  try {
    const session = await InferenceSession.create(model, {
      ...options,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    });
    try {
      await runSession(session, warmUp);
      session.endProfiling();
    } finally {
      await session.release();
    }
    const [file] = await readdir(folder);
    const providers = providersInProfile(await readFile(join(folder, file), 'utf8'));
    if (![...providers.keys()].some((name) => name.toLowerCase().startsWith(provider))) {
      throw new Error('it loaded, but left every node of the model to the CPU');
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Counts the nodes of an onnxruntime profile by the provider that ran them, such as `CPUExecutionProvider`. */
export function providersInProfile(json: string): Map<string, number> {
  const events = JSON.parse(json) as { cat?: string; args?: { provider?: string } }[];
  const counts = new Map<string, number>();
  for (const event of events) {
    const provider = event.cat === 'Node' ? event.args?.provider : undefined;
    if (provider) counts.set(provider, (counts.get(provider) ?? 0) + 1);
  }
  return counts;
}

function assertFinite(outputs: Record<string, Float32Array>): void {
  for (const [name, data] of Object.entries(outputs)) {
    if (!data.every(Number.isFinite)) throw new Error(`its output ${name} is not finite`);
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0].slice(0, 300);
}
