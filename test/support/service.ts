// Runs a whole service in a separate process, as scripts/start does: dist/cli/main.js serve, on a free port, with its own folders.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { PrecisionChoice } from '../../src/models/precision.js';

export const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Environment of a service, as scripts/start and the unit set it. */
export const ALLOCATOR = { GLIBC_TUNABLES: 'glibc.malloc.tcache_count=1' };

/** Compiled file of the vision worker, for tests that run the pool from the sources. */
export const WORKER_FILE = new URL('../../dist/vision/worker.js', import.meta.url);

/** Compiled entry point of the decoder process. */
export const DECODER_FILE = new URL('../../dist/vision/decoder-main.js', import.meta.url);

/** Compiled file of the worker that measures the forms of the models. */
export const PRECISION_WORKER_FILE = new URL('../../dist/models/precision-worker.js', import.meta.url);

export interface Answer {
  header: { isSuccessful: boolean; resultCode: number; resultMessage: string; detail?: string };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the tests look into it freely
  data?: any;
}

export interface Service {
  url: string;
  /** Base path of the API, with the appKey. */
  base: string;
  appKey: string;
  pid: number;
  /** Milliseconds from spawn to ready. */
  startMs: number;
  /** Log lines so far, parsed. */
  log: Record<string, unknown>[];
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Sends SIGTERM. @returns the exit code */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export interface ServiceOptions {
  /** Folder of data, keys and configuration. It can be used again for a second start. */
  folder: string;
  modelsDir: string;
  /** Name of the model set. Default: `standard`. */
  set?: string;
  /** Form of the models. Default: float, so that similarities are the same on every machine. */
  precision?: PrecisionChoice;
  /** Pins the service to these processors (`taskset`), such as `0` or `0,1`. */
  cpus?: string;
  /** Root of another built checkout whose service is started. Default: this one. */
  checkout?: string;
  /** Soft and hard limit of open files. Default: those of this process. */
  openFiles?: number;
  /** Configuration. Its top-level keys replace the defaults of the tests. */
  config?: Record<string, unknown>;
}

/** Starts a service. Resolves when it is ready; rejects with its output when it ends before. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { folder, modelsDir, set = 'standard', precision = 'float', cpus, checkout, openFiles, config } = options;
  mkdirSync(folder, { recursive: true });
  const configFile = join(folder, 'lintel.yaml');
  writeFileSync(
    configFile,
    stringify({
      dataDir: 'data',
      keysDir: 'keys',
      http: { port: 0 },
      models: { dir: modelsDir, set, precision },
      mqtt: { embedded: { port: 0 } },
      ...config,
    }),
  );
  const started = performance.now();
  const command = [
    ...(cpus === undefined ? [] : ['taskset', '-c', cpus]),
    ...(openFiles === undefined ? [] : ['prlimit', `--nofile=${openFiles}`]),
    process.execPath,
    '--max-semi-space-size=4',
    checkout === undefined ? CLI : join(checkout, 'dist', 'cli', 'main.js'),
  ];
  const child = spawn(command[0]!, [...command.slice(1), 'serve', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...ALLOCATOR },
  });
  const log: Record<string, unknown>[] = [];
  const url = await ready(child, log);
  const startMs = performance.now() - started;
  const appKey = readFileSync(join(folder, 'keys', 'app-key'), 'utf8').trim();
  const base = `${url}/nhn-face-reco/v1.0/appkeys/${appKey}`;
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return {
    url,
    base,
    appKey,
    pid: child.pid ?? 0,
    startMs,
    log,
    async call(method, path, body) {
      const init = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
      const response = await fetch(base + path, { method, headers: { 'content-type': 'application/json' }, ...init });
      if (response.status !== 200) throw new Error(`${method} ${path} was answered with HTTP ${response.status}`);
      return (await response.json()) as Answer;
    },
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function ready(child: ChildProcess, log: Record<string, unknown>[]): Promise<string> {
  if (!child.stdout || !child.stderr) throw new TypeError('the service was spawned without pipes');
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry.msg === 'ready' && typeof entry.url === 'string') resolve(entry.url);
    });
    child.once('exit', (code, signal) => {
      const tail = log.map((entry) => JSON.stringify(entry)).join('\n');
      reject(new Error(`the service ended (${code ?? signal}) before it was ready:\n${errors}${tail}`));
    });
  });
}

/** Makes the picture of a request body. */
export function toImage(bytes: Uint8Array): { bytes: string } {
  return { bytes: Buffer.from(bytes).toString('base64') };
}
