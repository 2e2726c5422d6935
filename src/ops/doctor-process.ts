// The doctor of a running service: a process of its own makes the report, one at a time and within a time limit.
import { fork, type ChildProcess } from 'node:child_process';
import type { Environment } from '../config/environment.js';
import type { Config } from '../config/schema.js';
import { fail, makeReport, type CheckedSubject, type DoctorReport } from '../domain/doctor.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';

/** Facts of the service that the process needs. */
export interface DoctorOrder {
  /** The configuration in force. */
  config: Config;
  /** Absolute path of its file; absent where there is none. */
  configFile?: string;
  /** TCP port that the API listens on. */
  port: number;
  environment: Pick<Environment, 'masterKey' | 'mqttPassword' | 'credentialsDir' | 'modelsDir'>;
}

/** A message of the process: which subject it checks now, or what it found. */
export type DoctorMessage = { began: string } | { checked: CheckedSubject } | { done: true };

/** Time for the whole report, below the time that a request may take (http.requestTimeoutMs, 30 s by default). */
export const DOCTOR_LIMIT_MS = 25_000;
/** A report that is not older is given again, so that nobody can keep the device busy with reports. */
export const DOCTOR_REST_MS = 10_000;

export interface DoctorProcessParts {
  /** Entry point of the process. */
  file: URL;
  order: () => DoctorOrder;
  version: string;
  /** Wall clock. */
  clock: Clock;
  /** Monotonic, in milliseconds. */
  monotonic: Clock;
  timers: Timers;
  log: Log;
}

/**
 * Makes the report that `lintel doctor` prints. The checks read whole files and the whole audit log: in a process of the lowest priority
 * they hold up neither the event loop nor a camera, and can be ended. The process gets no environment; its secrets come in the order,
 * because it must know them to remove them from the report.
 */
export class DoctorProcess implements Part {
  readonly name = 'doctor';
  readonly #parts: DoctorProcessParts;
  #child: ChildProcess | undefined;
  #running: Promise<DoctorReport> | undefined;
  #last: { report: DoctorReport; atMs: number } | undefined;
  #stopped = false;

  constructor(parts: DoctorProcessParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    // The process is started for each report.
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#child?.kill('SIGKILL');
    await this.#running?.catch(() => undefined);
  }

  /** Makes a report, joins the one that is being made, or returns one that is just done. @throws AppError STOPPED, WORKER_FAILED */
  async report(): Promise<DoctorReport> {
    if (this.#stopped) throw new AppError('STOPPED', 'the service is stopping');
    const { monotonic } = this.#parts;
    if (this.#last && monotonic() - this.#last.atMs < DOCTOR_REST_MS) return this.#last.report;
    this.#running ??= this.#make()
      .then((report) => {
        this.#last = { report, atMs: monotonic() };
        return report;
      })
      .finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #make(): Promise<DoctorReport> {
    const { file, order, version, clock, timers, log } = this.#parts;
    const at = new Date(clock()).toISOString();
    const checks: CheckedSubject[] = [];
    let current: string | undefined;
    let isDone = false;
    const child = fork(file, [], {
      env: {},
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    let isLate = false;
    const limit = timers.setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, DOCTOR_LIMIT_MS);
    child.on('message', (message: DoctorMessage) => {
      if ('began' in message) current = message.began;
      if ('checked' in message) checks.push(message.checked);
      if ('done' in message) isDone = true;
    });
    try {
      const ended = await new Promise<string>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
        child.send(order(), (error) => error && reject(error));
      });
      if (this.#stopped) throw new AppError('STOPPED', 'the service is stopping');
      if (isDone) return makeReport(version, at, checks);
      const problem = isLate ? `no result within ${DOCTOR_LIMIT_MS / 1_000} s` : `the check ended with ${ended}`;
      log.warn({ check: current, problem }, 'the report of the doctor is not complete');
      return makeReport(version, at, [...checks, { title: current ?? 'doctor', findings: [fail(problem)] }]);
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw new AppError('WORKER_FAILED', `the doctor could not be started: ${describeError(error)}`, { cause: error });
    } finally {
      timers.clearTimeout(limit);
      this.#child = undefined;
      child.kill('SIGKILL');
    }
  }
}
