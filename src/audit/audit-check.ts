// The check of the audit log while the service runs: one at a time, in slices, so that it takes a small share of the main thread.
import type { Clock, Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { AuditLine } from './audit-space.js';
import { verifyAuditLog, type AuditReport } from './verify.js';

/** Result of the newest check since the start of the service. `examined` counts the entries that were read so far. */
export type AuditCheckState =
  | { state: 'none' }
  | { state: 'running'; startedAtMs: number; examined: number; entries: number }
  | { state: 'done'; startedAtMs: number; endedAtMs: number; report: AuditReport }
  | { state: 'failed'; startedAtMs: number; endedAtMs: number; detail: string };

export interface AuditCheckParts {
  /** Reads the whole log, as readAuditLog. */
  read: () => AsyncIterable<AuditLine>;
  /** Returns the number of entries now. */
  count: () => number;
  clock: Clock;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
  timers: Timers;
}

/** Time in which entries are read one after the other, before the check rests. */
const SLICE_MS = 5;
/** Rest after each slice, as a multiple of the time that the slice took. */
const REST_SHARE = 3;

export class AuditCheck {
  readonly #parts: AuditCheckParts;
  #state: AuditCheckState = { state: 'none' };
  #running: Promise<void> | undefined;
  #isStopped = false;
  #endRest: (() => void) | undefined;

  constructor(parts: AuditCheckParts) {
    this.#parts = parts;
  }

  get state(): AuditCheckState {
    return this.#state;
  }

  /** Begins a check, unless one is under way. */
  begin(): void {
    this.#isStopped = false;
    this.#running ??= this.#check().finally(() => (this.#running = undefined));
  }

  /** Ends the check that is under way. Resolves when it reads no more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endRest?.();
    await this.#running;
  }

  /** True where the newest check found something wrong. */
  get hasProblem(): boolean {
    return this.#state.state === 'done' && !this.#state.report.ok;
  }

  async #check(): Promise<void> {
    const { clock, count } = this.#parts;
    const startedAtMs = clock();
    this.#state = { state: 'running', startedAtMs, examined: 0, entries: count() };
    try {
      const report = await verifyAuditLog(this.#readSlowly());
      this.#state = { state: 'done', startedAtMs, endedAtMs: clock(), report };
    } catch (error) {
      this.#state = { state: 'failed', startedAtMs, endedAtMs: clock(), detail: describeError(error) };
    }
  }

  async *#readSlowly(): AsyncGenerator<AuditLine> {
    const { read, monotonic } = this.#parts;
    let sliceMs = monotonic();
    for await (const line of read()) {
      yield line;
      if (this.#state.state === 'running' && line.kind !== 'head' && line.kind !== 'root') this.#state.examined++;
      const tookMs = monotonic() - sliceMs;
      if (tookMs < SLICE_MS) continue;
      await this.#rest(tookMs * REST_SHARE);
      if (this.#isStopped) throw new AppError('STOPPED', 'the check was ended: the service stops');
      sliceMs = monotonic();
    }
  }

  #rest(ms: number): Promise<void> {
    const { timers } = this.#parts;
    return new Promise((resolve) => {
      const end = (): void => {
        timers.clearTimeout(timer);
        this.#endRest = undefined;
        resolve();
      };
      const timer = timers.setTimeout(end, ms);
      this.#endRest = end;
    });
  }
}
