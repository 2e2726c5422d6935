// Sessions of onnxruntime: long-lived, on the first execution provider that really runs the model. The one file that uses onnxruntime-node.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../config/no-telemetry.js';
import { InferenceSession, Tensor, env, listSupportedBackends } from 'onnxruntime-node';
import { AppError, describeError } from '../errors.js';

// Errors are thrown, and logged where they are caught; onnxruntime would print them as well.
env.logLevel = 'fatal';

/** A float32 tensor: data in row-major order and its shape, [n, c, h, w] for pictures. */
export interface FloatTensor {
  data: Float32Array;
  dims: readonly number[];
}

export interface ProviderFailure {
  provider: string;
  reason: string;
}

export interface SessionOptions {
  /** Execution providers by onnxruntime's names, in order of preference. */
  providers: readonly string[];
  /** Inputs by name, with which each provider is tried once. */
  warmUp: Readonly<Record<string, FloatTensor>>;
  /** True computes a model of 8 bits in float. */
  inFloat?: boolean | undefined;
}

/** A loaded model. `run` blocks the thread that calls it, so only worker threads own sessions. */
export class ModelSession {
  readonly provider: string;
  /** Preferred providers that did not work, and why. */
  readonly failures: readonly ProviderFailure[];
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession, provider: string, failures: readonly ProviderFailure[]) {
    this.#session = session;
    this.provider = provider;
    this.failures = failures;
  }

  /**
   * Loads a model on the first provider that works, each tried with a real run.
   * @param name file name of the model, for the error
   * @param model bytes of the ONNX file
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

  /** Tells whether the model takes several pictures at a time: the first size of its inputs is not fixed. */
  get takesBatches(): boolean {
    return this.#session.inputMetadata.every((input) => input.isTensor && typeof input.shape[0] === 'string');
  }

  /**
   * Runs the model. Blocks the calling thread until it is done.
   * @param feeds inputs by name
   * @returns outputs by name, in row-major order; the caller owns their data
   */
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

/** Lists the providers that this build of onnxruntime knows. Only a trial shows which of them work. */
export function listProviders(): string[] {
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
  for (const name of session.outputNames) {
    const data = outputs[name]?.data;
    // No model of the four tasks returns integers.
    if (!(data instanceof Float32Array))
      throw new AppError('MODEL_INVALID', `the output ${name} is not a float32 tensor`);
    result[name] = data;
  }
  return result;
}

async function openOn(
  provider: string,
  model: Uint8Array,
  { warmUp, inFloat = false }: SessionOptions,
): Promise<InferenceSession> {
  // The binding ignores an unknown name, and continues without it.
  if (!listProviders().includes(provider)) throw new Error(`unknown to this build of onnxruntime`);
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
    // The workers are the parallelism. A second thread inside a session keeps a core busy while it waits (see bench/slice).
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // The detector's input changes its shape with the picture, and onnxruntime would keep a memory pattern for every shape.
    enableMemPattern: false,
    // An arena of onnxruntime grows by powers of two for each new shape, and returns nothing before the session is released.
    enableCpuMemArena: false,
    logSeverityLevel: 4,
    // Each layer then keeps its float kernel. The roundings between the layers stay. The graph needs them: they also cut off values below
    // zero in place of the activation functions.
    ...(inFloat ? { extra: { session: { disable_quant_qdq: '1' } } } : {}),
  };
}

/**
 * Checks by the profile of one run that a provider runs the model: a provider that cannot run it leaves every node to the CPU without an error.
 * @throws Error where the provider runs no node
 */
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
    if (file === undefined) throw new Error('onnxruntime wrote no profile of the run');
    const providers = countProviders(await readFile(join(folder, file), 'utf8'));
    if (![...providers.keys()].some((name) => name.toLowerCase().startsWith(provider))) {
      throw new Error('it loaded, but left every node of the model to the CPU');
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Counts the nodes of an onnxruntime profile by the provider that ran them, such as `CPUExecutionProvider`. @param json text of the profile */
export function countProviders(json: string): Map<string, number> {
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
  return (text.split('\n', 1)[0] ?? '').slice(0, 300);
}
