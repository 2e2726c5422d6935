// Whether the clock can be trusted: without it an event's expiry means nothing, and no grant may be issued.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { describeError } from '../errors.js';

/** The last time that was seen and believed, on the disk. */
export interface LastTime {
  /** Epoch, ms; undefined where none was recorded, or it cannot be read. */
  read(): Promise<number | undefined>;
  write(epochMs: number): Promise<void>;
}

export interface ClockGuardOptions {
  clock: Clock;
  /** Milliseconds from any start, never set, as performance.now. */
  monotonic: () => number;
  timers: Timers;
  lastTime: LastTime;
  /** Epoch, ms: no earlier time can be right. */
  buildMs: number;
  log: Log;
}

/** The clock may stand so far before a time that was seen. */
const TOLERANCE_MS = 5 * 60_000;
/** Wall clock and monotonic clock may differ so much within the process; what sets a clock by less does it gradually. */
const JUMP_MS = 2_000;
/** Without a further jump for so long, the clock is trusted again. */
const SETTLE_MS = 60_000;
/** A time behind a leap forward is recorded only when it has held for so long: a wrong one would outlast its correction. */
const RECORD_AFTER_LEAP_MS = 3_600_000;
const SAMPLE_MS = 5_000;
const RECORD_MS = 5 * 60_000;

interface Jump {
  /** Of the monotonic clock. */
  atMs: number;
  /** Positive: forward. */
  byMs: number;
}

/**
 * A device without a battery for its clock starts in the past: no grant until the time has come from the network (a jump) and has run
 * evenly for a minute. A clock that is set back behind the time last seen is not trusted until it is right again, over restarts as well; where
 * the time last seen was the wrong one, `accept` says so.
 */
export class ClockGuard implements Part, TrustGuard {
  readonly name = 'clock';
  readonly #options: ClockGuardOptions;
  /** No time before it is right. */
  #floorMs: number;
  /** Wall clock less monotonic clock; undefined before the first look. */
  #offsetMs: number | undefined;
  #jump: Jump | undefined;
  #leapAtMs = -Infinity;
  #recordedAtMs = -Infinity;
  #timer: unknown;
  #running = false;
  #recording: Promise<void> | undefined;
  #recordFailed = false;

  constructor(options: ClockGuardOptions) {
    this.#options = options;
    this.#floorMs = options.buildMs;
  }

  async start(): Promise<void> {
    const { lastTime, buildMs, log } = this.#options;
    this.#floorMs = Math.max(buildMs, (await lastTime.read()) ?? 0);
    this.#running = true;
    const problem = this.problem();
    if (problem !== undefined) log.warn({ problem }, 'the clock is not trusted: nothing is granted');
    this.#sampleLater();
  }

  /** Records the time once more, where it is trusted. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#options.timers.clearTimeout(this.#timer);
    await this.#recording;
    if (this.problem() === undefined && this.#mayRecord) await this.#record();
  }

  problem(): string | undefined {
    const wallMs = this.#options.clock();
    const nowMs = this.#options.monotonic();
    this.#look(wallMs, nowMs);
    const behindMs = this.#floorMs - wallMs;
    if (behindMs > TOLERANCE_MS) {
      const than = this.#floorMs === this.#options.buildMs ? 'this version was built' : 'the time last seen';
      return `the clock is wrong: it stands ${durationText(behindMs)} before ${than}`;
    }
    if (this.#jump && nowMs - this.#jump.atMs < SETTLE_MS) {
      const { atMs, byMs } = this.#jump;
      const leftMs = SETTLE_MS - (nowMs - atMs);
      const direction = byMs > 0 ? 'forward' : 'back';
      return `the clock was set ${direction} by ${durationText(Math.abs(byMs))}; it is trusted in ${durationText(leftMs)} if it runs evenly`;
    }
    this.#jump = undefined;
    return undefined;
  }

  /** The operator says that the clock is right as it stands, and the time last seen was not. @throws AppError STORE_UNAVAILABLE */
  async accept(): Promise<void> {
    const { clock, buildMs, lastTime } = this.#options;
    await this.#recording;
    const nowMs = clock();
    await lastTime.write(nowMs);
    this.#floorMs = Math.max(buildMs, nowMs);
    this.#jump = undefined;
  }

  health(): Health {
    const detail = this.problem();
    return detail === undefined ? { status: 'ok' } : { status: 'degraded', detail };
  }

  #look(wallMs: number, nowMs: number): void {
    const offsetMs = wallMs - nowMs;
    const byMs = offsetMs - (this.#offsetMs ?? offsetMs);
    if (this.#offsetMs === undefined) this.#offsetMs = offsetMs;
    if (Math.abs(byMs) > JUMP_MS) {
      this.#offsetMs = offsetMs;
      this.#jump = { atMs: nowMs, byMs };
      if (byMs > TOLERANCE_MS) this.#leapAtMs = nowMs;
      this.#options.log.warn({ byMs: Math.round(byMs) }, 'the clock was set: nothing is granted for a minute');
    }
    if (this.#jump === undefined && this.#mayRecord) this.#floorMs = Math.max(this.#floorMs, wallMs);
  }

  get #mayRecord(): boolean {
    return this.#options.monotonic() - this.#leapAtMs >= RECORD_AFTER_LEAP_MS;
  }

  #sampleLater(): void {
    this.#timer = this.#options.timers.setTimeout(() => {
      const isDue = this.#options.monotonic() - this.#recordedAtMs >= RECORD_MS;
      if (this.problem() === undefined && isDue && this.#mayRecord) {
        this.#recordedAtMs = this.#options.monotonic();
        this.#recording = this.#record();
      }
      if (this.#running) this.#sampleLater();
    }, SAMPLE_MS);
  }

  /** Never rejects: a disk that refuses says so elsewhere. */
  async #record(): Promise<void> {
    const { lastTime, clock, log } = this.#options;
    try {
      await lastTime.write(clock());
      this.#recordFailed = false;
    } catch (error) {
      if (!this.#recordFailed) log.warn({ error: describeError(error) }, 'the time could not be recorded');
      this.#recordFailed = true;
    }
  }
}

function durationText(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
