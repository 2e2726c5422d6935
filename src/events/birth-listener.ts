// The birth message of Home Assistant: after it the cameras are announced again, because Home Assistant may have forgotten them.
import { systemTimers, type Timers } from '../domain/time.js';
import type { Incoming } from './mqtt-connection.js';

export interface BirthListenerOptions {
  /** Publishes the discovery messages. */
  announce: () => void;
  timers?: Timers | undefined;
}

/** Time from a birth to the announcements: Home Assistant subscribes in this time, and births in it count as one. */
const ANNOUNCE_DELAY_MS = 1_000;
/** Shortest time between two announcements. */
const ANNOUNCE_INTERVAL_MS = 10_000;
/** Payload of the will of Home Assistant. */
const OFFLINE = 'offline';

export class BirthListener {
  readonly #announce: () => void;
  readonly #timers: Timers;
  #timer: unknown;
  /** A birth came in the time after an announcement. */
  #isDue = false;
  #isStopped = false;

  constructor({ announce, timers = systemTimers }: BirthListenerOptions) {
    this.#announce = announce;
    this.#timers = timers;
  }

  /** Takes a message on the topic of the birth. A retained one that the broker kept says nothing new. */
  hear({ payload, retained }: Pick<Incoming, 'payload' | 'retained'>): void {
    if (this.#isStopped || retained || payload.toString('latin1') === OFFLINE) return;
    if (this.#timer === undefined) this.#announceIn(ANNOUNCE_DELAY_MS);
    else this.#isDue = true;
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== undefined) this.#timers.clearTimeout(this.#timer);
  }

  #announceIn(delayMs: number): void {
    this.#isDue = false;
    this.#timer = this.#timers.setTimeout(() => {
      this.#isDue = false;
      this.#announce();
      this.#timer = this.#timers.setTimeout(() => {
        this.#timer = undefined;
        if (this.#isDue) this.#announceIn(0);
      }, ANNOUNCE_INTERVAL_MS);
    }, delayMs);
  }
}
