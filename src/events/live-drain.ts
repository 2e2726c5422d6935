// Moves events from the live lane into one connection, as long as its broker answers.
import type { Clock } from '../domain/time.js';
import { liveDelivery, type Delivery } from './delivery.js';
import type { LiveLane } from './live-lane.js';
import type { SendWindow } from './send-window.js';
import { WakeSignal } from '../platform/waiting.js';

/** A broker that said something so recently is taken to be alive. Otherwise it is asked first: one round trip, some 0.3 ms on this machine. */
const PROOF_MS = 100;

export interface LiveDrainOptions {
  lane: LiveLane;
  window: SendWindow;
  /** Resolves with the broker's PUBACK, rejects when there will be none. */
  publish: (delivery: Delivery) => Promise<void>;
  /** When the broker was last heard, by `monotonic`. */
  heardAtMs: () => number;
  /** Resolves with the broker's answer. */
  probe: () => Promise<void>;
  monotonic: Clock;
  /** After each PUBACK: places are free, and fates are decided. */
  onAcknowledged: () => void;
}

/**
 * One belongs to one connection. What is written to a broker that has stopped working lies in its socket, and would be passed on, late, when
 * it goes on: so nothing is written to one that has not just been heard, and what is on the way is bounded by the window.
 */
export class LiveDrain {
  readonly #options: LiveDrainOptions;
  readonly #signal = new WakeSignal();
  #underWay = 0;
  #finishing = false;
  #failure: { error: unknown } | undefined;

  constructor(options: LiveDrainOptions) {
    this.#options = options;
  }

  /** Resolves after `finish` when nothing is left; rejects with the first failure, its own or one of `fail`. */
  async run(): Promise<void> {
    const { lane, window, heardAtMs, probe, monotonic } = this.#options;
    for (;;) {
      while (!this.#failure && lane.waiting && window.liveIsFree) {
        if (monotonic() - heardAtMs() > PROOF_MS) await probe();
        else this.#publishNext();
      }
      if (this.#failure) throw this.#failure.error;
      if (this.#finishing && this.#underWay === 0 && !lane.waiting) return;
      await this.#signal.wait();
    }
  }

  /** There may be something new in the lane, or a place in the window. */
  wake(): void {
    this.#signal.wake();
  }

  finish(): void {
    this.#finishing = true;
    this.#signal.wake();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#signal.wake();
  }

  #publishNext(): void {
    const { lane, window, publish, onAcknowledged } = this.#options;
    const next = lane.take();
    if (!next) return;
    const giveBack = window.takeLive();
    this.#underWay++;
    publish(liveDelivery(next.event))
      .then(next.acknowledged, (error: unknown) => {
        next.failed();
        this.fail(error);
      })
      .finally(() => {
        giveBack();
        this.#underWay--;
        this.#signal.wake();
        onAcknowledged();
      });
  }
}
