// Keeps a connection to the broker, announces the device's status and publishes what the outbox holds.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { Backoff } from './backoff.js';
import { BrokerFailure, brokerFailureOf } from './broker-failure.js';
import { offlineStatus, onlineStatus } from './device-status.js';
import { Drain, type Outcome } from './drain.js';
import {
  openConnection,
  type BrokerTarget,
  type Connection,
  type ConnectionTiming,
  type ProtocolVersion,
} from './mqtt-connection.js';
import type { EventSource } from './outbox.js';
import { atMost } from './time-limit.js';
import { statusTopic } from './topics.js';

export interface PublisherTiming extends ConnectionTiming {
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** What `stop` spends on the events that are left. */
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
};

export interface MqttPublisherOptions {
  target: BrokerTarget;
  deviceId: string;
  source: EventSource;
  clock: Clock;
  /** As Math.random. */
  random: () => number;
  log: Log;
  timing?: Partial<PublisherTiming>;
  /** Events that may await their PUBACK at the same time. */
  window?: number;
}

export interface PublisherStats {
  connected: boolean;
  /** Connections after the first one. */
  reconnects: number;
  /** Events whose PUBACK arrived. */
  published: number;
  /** Events that were past their expiry before they could be published. */
  expired: number;
  /** Stored events that could not be read back. */
  unreadable: number;
}

type State = 'idle' | 'connecting' | 'connected' | 'waiting' | 'stopping' | 'stopped';

/**
 * Publishes the events of a source in order, at least once, QoS 1. What had no PUBACK when a connection ended is published again by the next
 * one, which begins at the oldest event that is not settled. A broker that refuses is a state, not an error: it is retried.
 */
export class MqttPublisher implements Part {
  readonly name = 'mqtt-publisher';
  readonly #options: MqttPublisherOptions;
  readonly #timing: PublisherTiming;
  readonly #stopping = new AbortController();
  readonly #counts: Record<Outcome, number> = { published: 0, expired: 0, unreadable: 0 };
  #state: State = 'idle';
  #running: Promise<void> | undefined;
  #connection: Connection | undefined;
  #drain: Drain | undefined;
  #connections = 0;
  #versionIndex = 0;
  #failure: string | undefined;

  constructor(options: MqttPublisherOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  /** Returns at once: a broker that is away does not hold up the service. */
  async start(): Promise<void> {
    this.#running ??= this.#run();
  }

  /** Publishes what is left and the offline status, for a bounded time, and leaves the broker. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#state = 'stopping';
    this.#stopping.abort();
    this.#drain?.finish();
    await atMost(this.#timing.flushTimeoutMs, this.#running);
    this.#connection?.abandon(new BrokerFailure('stopped before everything was published'));
    await this.#running;
    this.#state = 'stopped';
  }

  /** The source may have something new. */
  wake(): void {
    this.#drain?.wake();
  }

  stats(): PublisherStats {
    return {
      connected: this.#state === 'connected',
      reconnects: Math.max(0, this.#connections - 1),
      ...this.#counts,
    };
  }

  health(): Health {
    const { connected, reconnects } = this.stats();
    const facts = { broker: hostOf(this.#options.target.url), protocol: this.#protocol, reconnects };
    if (connected) return { status: 'ok', facts };
    const why = this.#state === 'stopped' ? 'stopped' : (this.#failure ?? 'not connected yet');
    return { status: 'degraded', detail: `MQTT broker: ${why}`, facts };
  }

  get #version(): ProtocolVersion {
    const { protocolVersions } = this.#options.target;
    return protocolVersions[this.#versionIndex % protocolVersions.length];
  }

  get #protocol(): string {
    return this.#version === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
  }

  async #run(): Promise<void> {
    const { backoffFirstMs, backoffMaxMs } = this.#timing;
    const backoff = new Backoff({ firstMs: backoffFirstMs, maxMs: backoffMaxMs, random: this.#options.random });
    while (!this.#stopping.signal.aborted) {
      this.#state = 'connecting';
      const failure = await this.#session(backoff);
      if (this.#stopping.signal.aborted) return;
      this.#state = 'waiting';
      this.#declare(failure);
      if (failure.versionRefused) this.#versionIndex++;
      await sleep(backoff.next(), undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  /** One connection from its first attempt to its end; resolves with the reason of that. */
  async #session(backoff: Backoff): Promise<BrokerFailure> {
    const { deviceId, clock, source, window = 16 } = this.#options;
    let connection: Connection | undefined;
    let proven: ReturnType<typeof setTimeout> | undefined;
    try {
      connection = await openConnection({
        target: this.#options.target,
        version: this.#version,
        deviceId,
        timing: this.#timing,
        clock,
        signal: this.#stopping.signal,
      });
      this.#connection = connection;
      const { publish } = connection;
      await publish({ topic: statusTopic(deviceId), payload: onlineStatus(deviceId, clock()), retain: true });
      if (!this.#stopping.signal.aborted) this.#announceConnected();
      proven = setTimeout(() => backoff.reset(), this.#timing.backoffMaxMs);
      const drain = new Drain({
        source,
        publish,
        window: Math.min(window, connection.receiveMaximum),
        clock,
        onSettled: (outcome) => {
          this.#counts[outcome]++;
          // A connection alone proves nothing: a broker that takes connections but no events is not to be hurried.
          if (outcome === 'published') backoff.reset();
        },
      });
      this.#drain = drain;
      if (this.#stopping.signal.aborted) drain.finish();
      void connection.closed.then((failure) => drain.fail(failure));
      await drain.run();
      return new BrokerFailure('stopped');
    } catch (error) {
      return brokerFailureOf(error);
    } finally {
      clearTimeout(proven);
      this.#drain = undefined;
      if (connection) await this.#leave(connection);
      this.#connection = undefined;
    }
  }

  #announceConnected(): void {
    this.#state = 'connected';
    this.#connections++;
    this.#failure = undefined;
    const broker = hostOf(this.#options.target.url);
    this.#options.log.info({ broker, protocol: this.#protocol }, 'connected to the MQTT broker');
  }

  /** Logged once for each new reason, not for each attempt. */
  #declare(failure: BrokerFailure): void {
    if (failure.message !== this.#failure) {
      const broker = hostOf(this.#options.target.url);
      this.#options.log.warn({ broker, reason: failure.message }, 'no MQTT broker; events wait in the outbox');
    }
    this.#failure = failure.message;
  }

  async #leave(connection: Connection): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      // Not a farewell: the broker shall say offline for us.
      connection.abandon(new BrokerFailure('given up'));
      return;
    }
    if (connection.open) {
      const { deviceId } = this.#options;
      const last = { topic: statusTopic(deviceId), payload: offlineStatus(deviceId, 'stopped'), retain: true };
      const published = connection.publish(last).catch(() => undefined);
      await atMost(this.#timing.endTimeoutMs, published);
    }
    await connection.end();
  }
}

/** Host and port, for people. */
function hostOf(url: string): string {
  return new URL(url).host;
}
