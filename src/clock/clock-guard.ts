// The guard of the wall clock: while the clock cannot be trusted, the expiry of an event means nothing, and no grant is issued.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { AppError, describeError } from '../errors.js';

/** The last trusted time, on the disk. */
export interface LastTime {
  /** Reads it, in milliseconds since the epoch; undefined where none was recorded. @throws AppError STORE_CORRUPT: it does not open */
  read(): Promise<number | undefined>;
  write(epochMs: number): Promise<void>;
}

export interface ClockGuardOptions {
  clock: Clock;
  /** Monotonic, in milliseconds, such as performance.now. */
  monotonic: () => number;
  timers: Timers;
  lastTime: LastTime;
  /** Time when this version was built, in milliseconds since the epoch: no earlier time can be right. */
  buildMs: number;
  log: Log;
}

/** How far the clock may be behind the last trusted time. */
const TOLERANCE_MS = 5 * 60_000;
/** Change of the wall clock against the monotonic clock from which it counts as a jump. Time services correct smaller errors gradually. */
const JUMP_MS = 2_000;
/** Time without another jump after which the clock is trusted again. */
const SETTLE_MS = 60_000;
/** Time after a long jump forward until the time is recorded: a wrong record would block the clock even after it is corrected. */
const RECORD_AFTER_LONG_JUMP_MS = 3_600_000;
const SAMPLE_MS = 5_000;
const RECORD_MS = 5 * 60_000;

interface Jump {
  /** Time of the jump by the monotonic clock. */
  atMs: number;
  /** Size of the jump; positive: forward. */
  byMs: number;
}

/**
 * Decides whether the wall clock can be trusted. The clock of a device without a battery starts in the past: there is no grant until the
 * network has set the time (a jump) and the clock has run evenly for a minute. A clock that was set back behind the last trusted time is
 * not trusted until it has caught up, also after a restart. If the recorded time was the wrong one, an operator calls `accept`.
 */
export class ClockGuard implements Part, TrustGuard {
  readonly name = 'clock';
  readonly #options: ClockGuardOptions;
  /** The clock is wrong while it shows an earlier time. */
  #floorMs: number;
  /** True while the last trusted time is lost, because its record does not open: an earlier time may then pass for a right one. */
  #isFloorLost = false;
  /** Wall clock minus monotonic clock; undefined before the first observation. */
  #offsetMs: number | undefined;
  #jump: Jump | undefined;
  #longJumpAtMs = -Infinity;
  #recordedAtMs = -Infinity;
  #timer: unknown;
  #running = false;
  #recording: Promise<void> | undefined;
  #recordFailed = false;

  constructor(options: ClockGuardOptions) {
    this.#options = options;
    this.#floorMs = options.buildMs;
  }

  /** @throws AppError STORE_ALTERED, STORE_UNAVAILABLE */
  async start(): Promise<void> {
    const { log } = this.#options;
    await this.#readFloor();
    this.#running = true;
    const problem = this.problem();
    if (problem !== undefined) log.warn({ problem }, 'the clock is not trusted: no grant');
    this.#sampleLater();
  }

  /** Records the time a last time, if it is trusted. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#options.timers.clearTimeout(this.#timer);
    await this.#recording;
    if (this.problem() === undefined && this.#mayRecord) await this.#record();
  }

  /** Describes why the clock cannot be trusted; undefined while it can. */
  problem(): string | undefined {
    const wallMs = this.#options.clock();
    const nowMs = this.#options.monotonic();
    this.#observe(wallMs, nowMs);
    if (this.#isFloorLost) {
      return 'the record of the last trusted time cannot be read: check the clock, then run "lintel clock accept"';
    }
    const behindMs = this.#floorMs - wallMs;
    if (behindMs > TOLERANCE_MS) {
      const than = this.#floorMs === this.#options.buildMs ? 'the build of this version' : 'the last trusted time';
      return `the clock is wrong: it is ${formatDuration(behindMs)} before ${than}`;
    }
    if (this.#jump && nowMs - this.#jump.atMs < SETTLE_MS) {
      const { atMs, byMs } = this.#jump;
      const leftMs = SETTLE_MS - (nowMs - atMs);
      const direction = byMs > 0 ? 'forward' : 'back';
      return `the clock was set ${direction} by ${formatDuration(Math.abs(byMs))}; it is trusted in ${formatDuration(leftMs)} if it is not set again`;
    }
    this.#jump = undefined;
    return undefined;
  }

  /** Trusts and records the present time, because an operator has checked it. @throws AppError STORE_UNAVAILABLE */
  async accept(): Promise<void> {
    const { clock, buildMs, lastTime } = this.#options;
    await this.#recording;
    const nowMs = clock();
    await lastTime.write(nowMs);
    this.#floorMs = Math.max(buildMs, nowMs);
    this.#isFloorLost = false;
    this.#jump = undefined;
  }

  health(): Health {
    const detail = this.problem();
    const facts = { trusted: detail === undefined, lastTrustedAt: new Date(this.#floorMs).toISOString() };
    return detail === undefined ? { status: 'ok', facts } : { status: 'degraded', detail, facts };
  }

  async #readFloor(): Promise<void> {
    const { lastTime, buildMs } = this.#options;
    try {
      this.#floorMs = Math.max(buildMs, (await lastTime.read()) ?? 0);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'STORE_CORRUPT')) throw error;
      this.#isFloorLost = true;
    }
  }

  #observe(wallMs: number, nowMs: number): void {
    const offsetMs = wallMs - nowMs;
    const byMs = offsetMs - (this.#offsetMs ?? offsetMs);
    if (this.#offsetMs === undefined) this.#offsetMs = offsetMs;
    if (Math.abs(byMs) > JUMP_MS) {
      this.#offsetMs = offsetMs;
      this.#jump = { atMs: nowMs, byMs };
      if (byMs > TOLERANCE_MS) this.#longJumpAtMs = nowMs;
      this.#options.log.warn({ byMs: Math.round(byMs) }, 'the clock was set: no grant for a minute');
    }
    if (this.#jump === undefined && this.#mayRecord) this.#floorMs = Math.max(this.#floorMs, wallMs);
  }

  get #mayRecord(): boolean {
    return this.#options.monotonic() - this.#longJumpAtMs >= RECORD_AFTER_LONG_JUMP_MS;
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

  /** Never rejects: the store reports a disk that cannot be written. */
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

function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
