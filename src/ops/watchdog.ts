// The watchdog: feeds systemd's as long as the service really goes on, and asks for time while it starts.
import type { Log } from '../domain/log.js';
import type { Clock, Timers } from '../domain/time.js';
import type { SdNotifier } from '../platform/sd-notify.js';
import type { Heartbeat, Progress } from './stall.js';

/** The status is renewed so often where systemd's limit does not ask for more. */
const LONGEST_PAUSE_MS = 10_000;
/** A start asks for so much more at each beat … */
const EXTENSION_MS = 30_000;
/** … and no more once it has gone on for so long: a start that hangs must be ended. */
const LONGEST_START_MS = 600_000;

export interface WatchdogParts {
  notifier: Pick<SdNotifier, 'listens' | 'alive' | 'status' | 'extendStart'>;
  /** The longest pause that systemd allows (WATCHDOG_USEC), microseconds; absent where it does not watch: the status is sent all the same. */
  watchdogUsec: number | undefined;
  /** The loop itself needs none: a loop that does not turn sends nothing. */
  heartbeats: readonly Heartbeat[];
  /** One line on how the service is. */
  status: () => string;
  /** Monotonic, milliseconds. */
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
    // A third: one notice may come late, as systemd advises no more than a half.
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, allowedMs / 3);
  }

  /** Before the first part starts: from here on the start may take its time. */
  starting(): void {
    this.#startedMs = this.#parts.clock();
    this.#enter('starting');
  }

  /** After READY: from here on the watchdog is fed. */
  running(): void {
    this.#enter('running');
  }

  /** Nothing is sent any more. */
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

  /** Every one is asked each time, since each remembers what it saw. */
  #findStuck(): string | undefined {
    const unhealthy = this.#parts.heartbeats
      .map((heartbeat) => ({ name: heartbeat.name, ...ask(heartbeat) }))
      .filter(({ healthy }) => !healthy);
    if (unhealthy.length === 0) return undefined;
    return unhealthy.map(({ name, why }) => (why === undefined ? name : `${name}: ${why}`)).join('; ');
  }

  #report(stuck: string | undefined): void {
    if ((stuck === undefined) === (this.#stuck === undefined)) return;
    this.#stuck = stuck;
    const { log, watchdogUsec } = this.#parts;
    const watched = watchdogUsec !== undefined;
    if (stuck !== undefined) log.error({ stuck, watched }, 'the service is stuck: the watchdog is not fed');
    else log.info({ watched }, 'the service goes on: the watchdog is fed again');
  }

  #statusText(): string {
    try {
      return this.#parts.status();
    } catch {
      return 'running';
    }
  }
}

function ask(heartbeat: Heartbeat): Progress {
  try {
    return heartbeat.progress();
  } catch {
    return { healthy: false, why: 'cannot say how it is' };
  }
}
