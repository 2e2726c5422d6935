// The messages beside the events on one connection: announcements of the cameras, challenges, and answers to commands.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import { describeError } from '../errors.js';
import type { Delivery } from './delivery.js';
import type { RefusedTopics } from './refused-topics.js';
import type { Sender } from './sender.js';

export interface SideMessagesOptions {
  sender: Pick<Sender, 'sendOne'>;
  /** Returns whether the connection stands. */
  isOpen: () => boolean;
  refusedTopics: RefusedTopics;
  clock: Clock;
  log: Log;
}

/**
 * Publishes one message at a time, so that at most one place of the send window is taken. A refusal by the broker is recorded; it neither
 * ends the connection nor delays an event.
 */
export class SideMessages {
  readonly #options: SideMessagesOptions;
  /** Resolves when everything in the queue was offered. Never rejects. */
  #queue: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: SideMessagesOptions) {
    this.#options = options;
  }

  /** Puts messages into the queue. They are dropped when they expire, or the connection ends, before their turn. */
  publish(deliveries: readonly Delivery[]): void {
    this.#queue = this.#queue.then(() => this.#offerAll(deliveries));
  }

  /** Drops what is in the queue. Resolves when the message that is being published has its answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#queue;
  }

  async #offerAll(deliveries: readonly Delivery[]): Promise<void> {
    const { sender, isOpen, refusedTopics, clock, log } = this.#options;
    try {
      let left = [...deliveries];
      for (let [next] = left; next; [next] = left) {
        left = left.slice(1);
        if (this.#isStopped || !isOpen()) break;
        if (next.expiresAtMs !== undefined && clock() >= next.expiresAtMs) continue;
        const outcome = await sender.sendOne(next);
        if (outcome.state === 'expired') continue;
        if (outcome.state === 'accepted') refusedTopics.accept(next.topic);
        else {
          refusedTopics.refuse(next.topic, outcome.refusal);
          if (next.ifRefused) left = [next.ifRefused];
        }
      }
    } catch (error) {
      log.debug({ reason: describeError(error) }, 'the connection ended before an MQTT message was acknowledged');
    }
    refusedTopics.logNew();
  }
}
