// Audit of refused sign-ins: each is counted, and the audit log gets at most one entry in each interval, so that nobody can fill the disk.
import type { AuditEntry } from '../../domain/audit.js';
import type { Timers } from '../../domain/time.js';
import { AppError, type ErrorCode } from '../../errors.js';

/** Interval between two entries. */
export const REFUSALS_INTERVAL_MS = 10_000;

export interface SignInAuditParts {
  /** Writes an entry; never rejects. */
  record: (entry: AuditEntry) => Promise<void>;
  timers: Timers;
}

interface RefusedSignIns {
  count: number;
  address: string;
  code: ErrorCode;
}

export class SignInAudit {
  readonly #parts: SignInAuditParts;
  /** Refusals since the last entry; the address and the code are those of the last one. */
  #waiting: RefusedSignIns | undefined;
  #timer: unknown;

  constructor(parts: SignInAuditParts) {
    this.#parts = parts;
  }

  /** Runs a step of a sign-in, and records it when it is refused. @throws what the step throws */
  async watch<T>(address: string, step: () => T | Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      this.recordRefusal(address, error);
      throw error;
    }
  }

  /** Records that a sign-in from this address was refused with this error. */
  recordRefusal(address: string, error: unknown): void {
    if (!(error instanceof AppError)) return;
    this.#waiting = { count: (this.#waiting?.count ?? 0) + 1, address, code: error.code };
    if (this.#timer === undefined) this.#write();
  }

  /** Writes what is still waiting. */
  close(): void {
    this.#parts.timers.clearTimeout(this.#timer);
    if (this.#waiting) this.#write();
    this.#parts.timers.clearTimeout(this.#timer);
  }

  #write(): void {
    const { record, timers } = this.#parts;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#timer = undefined;
    if (waiting === undefined) return;
    const { count, address, code } = waiting;
    void record({ action: 'session.refused', actor: 'nobody', subject: { address, code, count } });
    this.#timer = timers.setTimeout(() => this.#write(), REFUSALS_INTERVAL_MS);
  }
}
