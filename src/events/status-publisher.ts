// The status of the device on one connection: published at once, and again when it changes, in the largest form that the broker takes.
import type { Clock } from '../domain/time.js';
import { encodeOfflineStatus, encodeOnlineStatus, type DeviceHealth, type HistoryHead } from './device-status.js';
import type { Delivery } from './delivery.js';
import type { RefusedTopics } from './refused-topics.js';
import type { Sender } from './sender.js';
import { makeStatusTopic } from './topics.js';

export interface StatusPublisherOptions {
  sender: Sender;
  deviceId: string;
  refusedTopics: RefusedTopics;
  clock: Clock;
  /** Interval at which the status is built again. It is published only when it has changed. */
  intervalMs: number;
  deviceHealth?: (() => DeviceHealth) | undefined;
  historyHead?: (() => HistoryHead) | undefined;
}

export class StatusPublisher {
  readonly #options: StatusPublisherOptions;
  readonly #topic: string;
  readonly #sinceMs: number;
  #published: string | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: StatusPublisherOptions) {
    this.#options = options;
    this.#topic = makeStatusTopic(options.deviceId);
    this.#sinceMs = options.clock();
  }

  /** Publishes the status. Resolves when the broker took or refused it. @throws BrokerFailure */
  async start(): Promise<void> {
    const { deviceHealth, historyHead, intervalMs } = this.#options;
    const isPublished = this.#publish();
    if (deviceHealth || historyHead) {
      // A failure ends the connection, and the next session starts with the status.
      this.#timer = setInterval(() => void this.#publish().catch(() => undefined), intervalMs);
    }
    await isPublished;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Publishes that the device has stopped. @throws BrokerFailure */
  async publishOffline(): Promise<void> {
    const { sender, deviceId, historyHead } = this.#options;
    const payloads = [
      encodeOfflineStatus(deviceId, 'stopped', historyHead?.()),
      encodeOfflineStatus(deviceId, 'stopped'),
    ];
    await sender.send(payloads.map((payload) => () => this.#deliver(payload))).outcome;
  }

  async #publish(): Promise<void> {
    const { sender, deviceId, refusedTopics, deviceHealth, historyHead } = this.#options;
    const health = deviceHealth?.();
    const history = historyHead?.();
    const facts = [
      { health, history },
      ...(health ? [{ health: { ...health, parts: {} }, history }] : []),
      ...(health && history ? [{ health: { ...health, parts: {} } }] : []),
      {},
    ];
    const payloads = facts.map((one) => encodeOnlineStatus(deviceId, this.#sinceMs, one));
    const [whole] = payloads;
    if (whole === this.#published) return;
    this.#published = whole;
    const outcome = await sender.send(payloads.map((payload) => () => this.#deliver(payload))).outcome;
    if (outcome.state === 'expired') return;
    if (outcome.state === 'accepted') {
      refusedTopics.accept(this.#topic);
      if (!outcome.refusal) {
        refusedTopics.accept(this.#topic, 'the whole status');
        return;
      }
      refusedTopics.refuse(this.#topic, outcome.refusal, 'the whole status');
    } else refusedTopics.refuse(this.#topic, outcome.refusal);
    refusedTopics.logNew();
  }

  #deliver(payload: string): Delivery {
    return { lane: 'status', topic: this.#topic, payload, retain: true };
  }
}
