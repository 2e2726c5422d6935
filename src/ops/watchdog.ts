// The watchdog: tells systemd that the service makes progress, and asks for more time during the start.
import type { Log } from '../domain/log.js';
import type { Clock, Timers } from '../domain/time.js';
import type { SdNotifier } from '../platform/sd-notify.js';
import type { Heartbeat, HeartbeatState } from './stall.js';

/** Interval between two notices, unless systemd's limit requires a shorter one. */
const LONGEST_PAUSE_MS = 10_000;
/** Time that a start asks for at each beat. */
const EXTENSION_MS = 30_000;
/** Time after which a start asks for no more time: a start that hangs must be ended. */
const LONGEST_START_MS = 600_000;

export interface WatchdogParts {
  notifier: Pick<SdNotifier, 'listens' | 'alive' | 'status' | 'extendStart'>;
  /** Longest pause that systemd allows (WATCHDOG_USEC), in microseconds; undefined without a watchdog: then only the status is sent. */
  watchdogUsec: number | undefined;
  /** Work to supervise. The event loop needs no heartbeat: when it hangs, nothing is sent. */
  heartbeats: readonly Heartbeat[];
  /** Returns the status of the service in one line. */
  status: () => string;
  /** Monotonic, in milliseconds. */
  clock: Clock;
  timers: Timers;
  log: Log;
}

type State = 'idle' | 'starting' | 'running' | 'stopped';

export class Watchdog {
  readonly #parts: WatchdogParts;
  readonly #pauseMs: number;
  #state: State = 'idle';
  #timer: unknown;
  #startedMs = 0;
  #stuck: string | undefined;

  constructor(parts: WatchdogParts) {
    this.#parts = parts;
    const allowedMs = (parts.watchdogUsec ?? Infinity) / 1_000;
    // systemd advises at most a half; with a third, one notice may be late.
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, allowedMs / 3);
  }

  /** Call it before the first part starts: from then on the start may take longer than systemd's limit. */
  starting(): void {
    this.#startedMs = this.#parts.clock();
    this.#enter('starting');
  }

  /** Call it after READY: from then on notices tell systemd that the service makes progress. */
  running(): void {
    this.#enter('running');
  }

  /** Ends all notices. */
  stop(): void {
    this.#state = 'stopped';
    this.#parts.timers.clearTimeout(this.#timer);
  }

  #enter(state: 'starting' | 'running'): void {
    if (!this.#parts.notifier.listens || this.#state === 'stopped') return;
    this.#state = state;
    this.#parts.timers.clearTimeout(this.#timer);
    this.#beat();
  }

  #beat(): void {
    if (this.#state === 'starting') this.#extend();
    if (this.#state === 'running') this.#feed();
    this.#timer = this.#parts.timers.setTimeout(() => this.#beat(), this.#pauseMs);
  }

  #extend(): void {
    const { clock, notifier } = this.#parts;
    if (clock() - this.#startedMs < LONGEST_START_MS) notifier.extendStart(EXTENSION_MS);
  }

  #feed(): void {
    const { notifier, watchdogUsec } = this.#parts;
    const stuck = this.#findStuck();
    this.#report(stuck);
    if (stuck !== undefined) notifier.status(`stuck: ${stuck}`);
    else if (watchdogUsec === undefined) notifier.status(this.#statusText());
    else notifier.alive(this.#statusText());
  }

  /** Checks every heartbeat each time: each compares with its last check. @returns the problems; undefined where there are none */
  #findStuck(): string | undefined {
    const unhealthy = this.#parts.heartbeats
      .map((heartbeat) => ({ name: heartbeat.name, ...checkSafely(heartbeat) }))
      .filter(({ healthy }) => !healthy);
    if (unhealthy.length === 0) return undefined;
    return unhealthy.map(({ name, reason }) => (reason === undefined ? name : `${name}: ${reason}`)).join('; ');
  }

  #report(stuck: string | undefined): void {
    if ((stuck === undefined) === (this.#stuck === undefined)) return;
    this.#stuck = stuck;
    const { log, watchdogUsec } = this.#parts;
    const watched = watchdogUsec !== undefined;
    if (stuck !== undefined) log.error({ stuck, watched }, 'the service is stuck: the watchdog gets no notices');
    else log.info({ watched }, 'the service works again: the watchdog gets its notices');
  }

  #statusText(): string {
    try {
      return this.#parts.status();
    } catch {
      return 'running';
    }
  }
}

function checkSafely(heartbeat: Heartbeat): HeartbeatState {
  try {
    return heartbeat.check();
  } catch {
    return { healthy: false, reason: 'its state cannot be read' };
  }
}
