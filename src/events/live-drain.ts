// Moves events from the live lane into one connection, as long as its broker answers.
import { systemTimers, type Clock, type Timers } from '../domain/time.js';
import { Backoff } from '../platform/backoff.js';
import { Drain } from './drain.js';
import type { RecognitionEvent } from './event.js';
import type { LiveDelivery, LiveLane } from './live-lane.js';
import type { SendWindow } from './send-window.js';
import type { Sending, SendOutcome } from './sender.js';

/**
 * A broker that sent something within this time counts as alive. Otherwise it is probed first, which costs one round trip (0.3 ms to a
 * broker on the same machine).
 */
const PROOF_MS = 100;
/** First and longest pause after a broker that takes no message now. */
const BUSY_FIRST_MS = 100;
const BUSY_MAX_MS = 1_000;

export interface LiveDrainOptions {
  lane: LiveLane;
  window: SendWindow;
  /** Sends an event in the form that the broker takes. The outcome rejects when the connection ends first. */
  publish: (event: RecognitionEvent) => Sending;
  /** Called with what became of each event, before its fate is decided. */
  onOutcome?: (event: RecognitionEvent, outcome: SendOutcome) => void;
  /** Returns when the broker last sent anything, on the clock `monotonic`. */
  heardAtMs: () => number;
  /** Asks the broker for a sign of life, and resolves with its answer. */
  probe: () => Promise<void>;
  monotonic: Clock;
  /** Called after each answer: a place in the window is free, and the fate of an event is decided. */
  onAcknowledged: () => void;
  timers?: Timers;
}

/**
 * Messages for a broker that has stopped working stay in its socket, and would be delivered late when it continues. Therefore nothing is
 * written to a broker that has not been heard a moment ago, and the window limits the messages without a PUBACK.
 */
export class LiveDrain extends Drain {
  readonly #options: LiveDrainOptions;
  readonly #timers: Timers;
  readonly #backoff = new Backoff({ firstMs: BUSY_FIRST_MS, maxMs: BUSY_MAX_MS, random: () => 0 });
  #unacknowledged = 0;
  /** Timer of the pause for a busy broker; undefined while there is none. */
  #pause: unknown;

  constructor(options: LiveDrainOptions) {
    super();
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  override async run(): Promise<void> {
    try {
      await super.run();
    } finally {
      this.#timers.clearTimeout(this.#pause);
    }
  }

  /** Asks a silent broker for a sign of life before the event is there that it will get: the answer comes while the event is being stored. */
  prove(): void {
    // Where the connection ends, its end is reported by itself.
    if (this.#isSilent) this.#options.probe().catch(() => undefined);
  }

  protected async advance(): Promise<boolean> {
    const { lane, window, probe } = this.#options;
    while (!this.hasFailed && this.#pause === undefined && lane.hasWaiting && window.liveIsFree) {
      if (this.#isSilent) await probe();
      else this.#publishNext();
    }
    return this.#unacknowledged === 0 && !lane.hasWaiting;
  }

  get #isSilent(): boolean {
    const { heardAtMs, monotonic } = this.#options;
    return monotonic() - heardAtMs() > PROOF_MS;
  }

  #publishNext(): void {
    const { lane, window, publish, onAcknowledged } = this.#options;
    const next = lane.take();
    if (!next) return;
    this.#unacknowledged++;
    const { isAside, outcome } = publish(next.event);
    const release = isAside ? undefined : window.takeLive();
    outcome
      .then(
        (result) => this.#decide(next, result),
        (error: unknown) => {
          next.failed();
          this.fail(error);
        },
      )
      .finally(() => {
        release?.();
        this.#unacknowledged--;
        this.wake();
        onAcknowledged();
      });
  }

  #decide(next: LiveDelivery, outcome: SendOutcome): void {
    this.#options.onOutcome?.(next.event, outcome);
    if (outcome.state === 'accepted') {
      this.#backoff.reset();
      next.acknowledged();
    } else if (outcome.state === 'refused') next.refused();
    else {
      next.failed();
      if (outcome.state === 'busy') this.#rest();
    }
  }

  /** Publishes nothing for a moment. */
  #rest(): void {
    if (this.#pause !== undefined) return;
    this.#pause = this.#timers.setTimeout(() => {
      this.#pause = undefined;
      this.wake();
    }, this.#backoff.next());
  }
}
