// Moves events from the live lane into one connection, as long as its broker answers.
import type { Clock } from '../domain/time.js';
import { makeLiveDelivery, type Delivery } from './delivery.js';
import { Drain } from './drain.js';
import type { LiveLane } from './live-lane.js';
import type { SendWindow } from './send-window.js';

/**
 * A broker that sent something within this time counts as alive. Otherwise it is probed first, which costs one round trip (0.3 ms to a
 * broker on the same machine).
 */
const PROOF_MS = 100;

export interface LiveDrainOptions {
  lane: LiveLane;
  window: SendWindow;
  /** Resolves with the broker's PUBACK, and rejects when there will be none. */
  publish: (delivery: Delivery) => Promise<void>;
  /** Returns when the broker last sent anything, on the clock `monotonic`. */
  heardAtMs: () => number;
  /** Asks the broker for a sign of life, and resolves with its answer. */
  probe: () => Promise<void>;
  monotonic: Clock;
  /** Called after each PUBACK: a place in the window is free, and the fate of an event is decided. */
  onAcknowledged: () => void;
}

/**
 * Messages for a broker that has stopped working stay in its socket, and would be delivered late when it continues. Therefore nothing is
 * written to a broker that has not been heard a moment ago, and the window limits the messages without a PUBACK.
 */
export class LiveDrain extends Drain {
  readonly #options: LiveDrainOptions;
  #unacknowledged = 0;

  constructor(options: LiveDrainOptions) {
    super();
    this.#options = options;
  }

  protected async advance(): Promise<boolean> {
    const { lane, window, heardAtMs, probe, monotonic } = this.#options;
    while (!this.hasFailed && lane.hasWaiting && window.liveIsFree) {
      if (monotonic() - heardAtMs() > PROOF_MS) await probe();
      else this.#publishNext();
    }
    return this.#unacknowledged === 0 && !lane.hasWaiting;
  }

  #publishNext(): void {
    const { lane, window, publish, onAcknowledged } = this.#options;
    const next = lane.take();
    if (!next) return;
    const release = window.takeLive();
    this.#unacknowledged++;
    publish(makeLiveDelivery(next.event))
      .then(next.acknowledged, (error: unknown) => {
        next.failed();
        this.fail(error);
      })
      .finally(() => {
        release();
        this.#unacknowledged--;
        this.wake();
        onAcknowledged();
      });
  }
}
