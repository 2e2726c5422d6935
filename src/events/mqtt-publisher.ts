// Publishes the events to an MQTT broker: one session after the other, with growing pauses while the broker cannot be used.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { Backoff } from '../platform/backoff.js';
import { pause, waitAtMost } from '../platform/waiting.js';
import { BrokerFailure } from './broker-failure.js';
import { BrokerSession, type SessionTiming } from './broker-session.js';
import type { Commander } from './commander.js';
import type { Delivery } from './delivery.js';
import type { DeviceHealth, HistoryHead } from './device-status.js';
import type { HistoryEncoder, HistorySource } from './history.js';
import type { HistoryOutcome } from './history-drain.js';
import type { LiveLane } from './live-lane.js';
import type { BrokerTarget, ProtocolVersion } from './mqtt-connection.js';
import { RefusedTopics } from './refused-topics.js';

export interface PublisherTiming extends SessionTiming {
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** Time that `stop` spends on publishing what is left. */
  flushTimeoutMs: number;
}

export const DEFAULT_TIMING: PublisherTiming = {
  connectTimeoutMs: 5_000,
  ackTimeoutMs: 5_000,
  keepaliveS: 10,
  backoffFirstMs: 250,
  backoffMaxMs: 10_000,
  flushTimeoutMs: 1_500,
  endTimeoutMs: 500,
  statusIntervalMs: 5_000,
};

export interface MqttPublisherOptions {
  target: BrokerTarget;
  deviceId: string;
  source: HistorySource;
  lane: LiveLane;
  clock: Clock;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
  /** A number from 0 to 1, as Math.random. */
  random: () => number;
  log: Log;
  /** Health that the status shows; read every `statusIntervalMs`. */
  deviceHealth?: (() => DeviceHealth) | undefined;
  /** Newest event, which the status names; read as often. */
  historyHead?: (() => HistoryHead) | undefined;
  encodeHistory: HistoryEncoder;
  /** Retained messages by which other programs discover the cameras; published on every connection. */
  announcements?: readonly Delivery[] | undefined;
  /** Topic of the birth message of Home Assistant, after which they are published again. */
  birthTopic?: string | undefined;
  /** Without a commander no command is accepted. */
  commander?: Commander | undefined;
  timing?: Partial<PublisherTiming> | undefined;
  /** Number of events that may wait for their PUBACK at the same time; 20 by default. */
  window?: number;
}

export interface PublisherStats {
  connected: boolean;
  /** Connections after the first one. */
  reconnects: number;
  /** Events of the history whose PUBACK arrived. */
  published: number;
  /** Events among them that were not acknowledged on their live topic in time. */
  expired: number;
  /** Sequence numbers that were declared missing in the history. */
  missing: number;
}

type State = 'idle' | 'connecting' | 'connected' | 'waiting' | 'stopping' | 'stopped';

/**
 * Publishes every event of the log to the history, in order and at least once, and the fresh events of the lane to their live topics, ahead
 * of the history. Messages without a PUBACK at the end of a connection are published again on the next one. A broker that refuses is a
 * state, not an error: the publisher tries again.
 */
export class MqttPublisher implements Part {
  readonly name = 'mqtt-publisher';
  readonly #options: MqttPublisherOptions;
  readonly #timing: PublisherTiming;
  readonly #refusedTopics: RefusedTopics;
  readonly #stopping = new AbortController();
  readonly #counts: Record<HistoryOutcome, number> = { inTime: 0, late: 0, gap: 0 };
  #state: State = 'idle';
  #running: Promise<void> | undefined;
  #session: BrokerSession | undefined;
  #connections = 0;
  #versionIndex = 0;
  #failure: string | undefined;

  constructor(options: MqttPublisherOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#refusedTopics = new RefusedTopics(options.log);
  }

  /** Returns at once: an absent broker does not delay the start of the service. */
  async start(): Promise<void> {
    this.#running ??= this.#run();
  }

  /** Publishes what is left and the offline status, within limits of time, and leaves the broker. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#state = 'stopping';
    this.#stopping.abort();
    this.#session?.finish();
    await waitAtMost(this.#timing.flushTimeoutMs, this.#running);
    this.#session?.abandon(new BrokerFailure('stopped before everything was published'));
    await this.#running;
    this.#state = 'stopped';
  }

  /** Tells the publisher that there may be new events in the lane and in the source. */
  wake(): void {
    this.#session?.wake();
  }

  /** Publishes a message beside the events; drops it while there is no connection. */
  publishAside(delivery: Delivery): void {
    this.#session?.publishAside(delivery);
  }

  stats(): PublisherStats {
    return {
      connected: this.#state === 'connected',
      reconnects: Math.max(0, this.#connections - 1),
      published: this.#counts.inTime + this.#counts.late,
      expired: this.#counts.late,
      missing: this.#counts.gap,
    };
  }

  health(): Health {
    const { connected, reconnects } = this.stats();
    const facts = { broker: this.#host, protocol: this.#protocol, reconnects };
    if (connected) {
      const refused = this.#refusedTopics.describe();
      return refused === undefined
        ? { status: 'ok', facts }
        : { status: 'degraded', detail: `MQTT broker: ${refused}`, facts };
    }
    const reason = this.#state === 'stopped' ? 'stopped' : (this.#failure ?? 'not connected yet');
    return { status: 'degraded', detail: `MQTT broker: ${reason}`, facts };
  }

  get #version(): ProtocolVersion {
    const { protocolVersions } = this.#options.target;
    return protocolVersions[this.#versionIndex % protocolVersions.length] ?? protocolVersions[0];
  }

  get #protocol(): string {
    return this.#version === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
  }

  /** Host and port of the broker. */
  get #host(): string {
    return new URL(this.#options.target.url).host;
  }

  async #run(): Promise<void> {
    const { backoffFirstMs, backoffMaxMs } = this.#timing;
    const backoff = new Backoff({ firstMs: backoffFirstMs, maxMs: backoffMaxMs, random: this.#options.random });
    while (!this.#stopping.signal.aborted) {
      this.#state = 'connecting';
      const failure = await this.#runSession(backoff);
      if (this.#stopping.signal.aborted) return;
      this.#state = 'waiting';
      this.#declare(failure);
      if (failure.versionRefused) this.#versionIndex++;
      await pause(backoff.next(), this.#stopping.signal);
    }
  }

  /** Resolves with the reason when the session has ended. */
  async #runSession(backoff: Backoff): Promise<BrokerFailure> {
    let proven: ReturnType<typeof setTimeout> | undefined;
    const { announcements = [], window = 20, ...options } = this.#options;
    this.#session = new BrokerSession({
      ...options,
      announcements,
      window,
      version: this.#version,
      timing: this.#timing,
      refusedTopics: this.#refusedTopics,
      signal: this.#stopping.signal,
      onConnected: () => {
        this.#declareConnected();
        proven = setTimeout(() => backoff.reset(), this.#timing.backoffMaxMs);
      },
      onSettled: (outcome, count) => {
        this.#counts[outcome] += count;
        // A connection alone proves nothing: a broker that accepts connections but no events must not be tried faster.
        backoff.reset();
      },
    });
    const failure = await this.#session.run();
    clearTimeout(proven);
    this.#session = undefined;
    return failure;
  }

  #declareConnected(): void {
    this.#state = 'connected';
    this.#connections++;
    this.#failure = undefined;
    this.#options.log.info({ broker: this.#host, protocol: this.#protocol }, 'connected to the MQTT broker');
  }

  /** Logs each new reason once, not each attempt. */
  #declare(failure: BrokerFailure): void {
    if (failure.message !== this.#failure) {
      const fields = { broker: this.#host, reason: failure.message };
      this.#options.log.warn(fields, 'the MQTT broker cannot be used: events wait in the event log');
    }
    this.#failure = failure.message;
  }
}
