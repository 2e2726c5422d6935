// Keeps a connection to the broker, announces the device and publishes its events: live ones while they are fresh, and the history.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { describeError } from '../errors.js';
import { Backoff } from '../platform/backoff.js';
import { BrokerFailure, brokerFailureOf } from './broker-failure.js';
import type { Commander } from './commander.js';
import { historyDelivery, type Delivery } from './delivery.js';
import { offlineStatus, onlineStatus, type DeviceHealth } from './device-status.js';
import type { HistorySource } from './history.js';
import { HistoryDrain, type Outcome } from './history-drain.js';
import { LiveDrain } from './live-drain.js';
import type { LiveLane } from './live-lane.js';
import {
  openConnection,
  type BrokerTarget,
  type Connection,
  type ConnectionTiming,
  type ProtocolVersion,
} from './mqtt-connection.js';
import { SendWindow } from './send-window.js';
import { pause, waitAtMost } from '../platform/waiting.js';
import { commandTopic, statusTopic } from './topics.js';

export interface PublisherTiming extends ConnectionTiming {
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** What `stop` spends on the events that are left. */
  flushTimeoutMs: number;
  /** The status is looked at, and published where it changed, this often. */
  statusIntervalMs: number;
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
  /** As performance.now. */
  monotonic: Clock;
  /** As Math.random. */
  random: () => number;
  log: Log;
  /** Told in the status; looked at now and then. */
  deviceHealth?: () => DeviceHealth;
  /** Retained messages for those who look for devices; published on every connection. */
  announcements?: readonly Delivery[];
  /** Without one no command is listened to. */
  commander?: Commander;
  timing?: Partial<PublisherTiming>;
  /** Events that may await their PUBACK at the same time. */
  window?: number;
}

export interface PublisherStats {
  connected: boolean;
  /** Connections after the first one. */
  reconnects: number;
  /** Events of the history whose PUBACK arrived. */
  published: number;
  /** Those among them that their live topic did not get in time. */
  expired: number;
  /** Numbers that were declared to be missing from the history. */
  missing: number;
}

type State = 'idle' | 'connecting' | 'connected' | 'waiting' | 'stopping' | 'stopped';

/** Places that stay free for the status and for answers to commands. */
const OTHER_PLACES = 2;

/**
 * Publishes every event of the log to the history, in order, at least once, and the fresh ones of the lane to their live topics, ahead of
 * the history. What had no PUBACK when a connection ended is published again by the next one. A broker that refuses is a state, not an
 * error: it is retried.
 */
export class MqttPublisher implements Part {
  readonly name = 'mqtt-publisher';
  readonly #options: MqttPublisherOptions;
  readonly #timing: PublisherTiming;
  readonly #stopping = new AbortController();
  readonly #counts: Record<Outcome, number> = { inTime: 0, late: 0, gap: 0 };
  #state: State = 'idle';
  #running: Promise<void> | undefined;
  #connection: Connection | undefined;
  #drains: { live: LiveDrain; history: HistoryDrain } | undefined;
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
    this.#drains?.live.finish();
    this.#drains?.history.finish();
    await waitAtMost(this.#timing.flushTimeoutMs, this.#running);
    this.#connection?.abandon(new BrokerFailure('stopped before everything was published'));
    await this.#running;
    this.#state = 'stopped';
  }

  /** The lane and the source may have something new. */
  wake(): void {
    this.#drains?.live.wake();
    this.#drains?.history.wake();
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
      await pause(backoff.next(), this.#stopping.signal);
    }
  }

  /** One connection from its first attempt to its end; resolves with the reason of that. */
  async #session(backoff: Backoff): Promise<BrokerFailure> {
    let connection: Connection | undefined;
    let proven: ReturnType<typeof setTimeout> | undefined;
    let statusTimer: ReturnType<typeof setInterval> | undefined;
    try {
      connection = await openConnection({
        ...this.#options,
        version: this.#version,
        timing: this.#timing,
        signal: this.#stopping.signal,
      });
      this.#connection = connection;
      statusTimer = await this.#introduce(connection);
      if (!this.#stopping.signal.aborted) this.#announceConnected();
      proven = setTimeout(() => backoff.reset(), this.#timing.backoffMaxMs);
      const { live, history } = this.#startDrains(connection, backoff);
      void connection.closed.then((failure) => {
        live.fail(failure);
        history.fail(failure);
      });
      const runs = [live.run(), history.run()];
      try {
        await Promise.all(runs);
      } catch (error) {
        live.fail(error);
        history.fail(error);
        throw error;
      } finally {
        // What is published by one of them after the end of the other must not outlive the session.
        await Promise.allSettled(runs);
      }
      return new BrokerFailure('stopped');
    } catch (error) {
      return brokerFailureOf(error);
    } finally {
      clearTimeout(proven);
      clearInterval(statusTimer);
      this.#drains = undefined;
      if (connection) await this.#leave(connection);
      this.#connection = undefined;
    }
  }

  /** What comes before the events. @returns the timer of the status */
  async #introduce(connection: Connection): Promise<ReturnType<typeof setInterval> | undefined> {
    const { deviceId, clock, deviceHealth, announcements = [], commander } = this.#options;
    const topic = statusTopic(deviceId);
    const sinceMs = clock();
    let told = onlineStatus(deviceId, sinceMs, deviceHealth?.());
    await connection.publish({ topic, payload: told, retain: true });
    for (const announcement of announcements) await connection.publish(announcement);
    if (commander) {
      await connection.subscribe(commandTopic(deviceId), (message) => {
        void this.#obey(connection, commander.handle(message));
      });
    }
    if (!deviceHealth) return undefined;
    return setInterval(() => {
      const status = onlineStatus(deviceId, sinceMs, deviceHealth());
      if (status === told || !connection.open || this.#stopping.signal.aborted) return;
      told = status;
      // A failure ends the connection, and the next one begins with the status.
      connection.publish({ topic, payload: status, retain: true }).catch(() => undefined);
    }, this.#timing.statusIntervalMs);
  }

  async #obey(connection: Connection, answers: Promise<Delivery[]>): Promise<void> {
    try {
      for (const answer of await answers) await connection.publish(answer);
    } catch (error) {
      this.#options.log.debug({ reason: describeError(error) }, 'an answer to an MQTT command was not taken');
    }
  }

  #startDrains(connection: Connection, backoff: Backoff): { live: LiveDrain; history: HistoryDrain } {
    const { deviceId, source, lane, monotonic, window: places = 20 } = this.#options;
    const { publish, heardAtMs, probe } = connection;
    const window = new SendWindow(Math.min(places, connection.receiveMaximum - OTHER_PLACES));
    const live = new LiveDrain({
      lane,
      window,
      publish,
      heardAtMs,
      probe,
      monotonic,
      onAcknowledged: () => history.wake(),
    });
    const history = new HistoryDrain({
      source: {
        read: (after, limit) => source.read(after, limit),
        settle: (through) => {
          source.settle(through);
          lane.settle(through);
        },
      },
      window,
      fateOf: (sequence) => lane.fateOf(sequence),
      publish: (record, late) => {
        const delivery = historyDelivery(deviceId, record, late);
        return { bytes: delivery.payload.length, acknowledged: publish(delivery) };
      },
      onSettled: (outcome, count) => {
        this.#counts[outcome] += count;
        // A connection alone proves nothing: a broker that takes connections but no events is not to be hurried.
        backoff.reset();
      },
      onAcknowledged: () => live.wake(),
    });
    this.#drains = { live, history };
    if (this.#stopping.signal.aborted) {
      live.finish();
      history.finish();
    }
    return { live, history };
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
      this.#options.log.warn({ broker, reason: failure.message }, 'no MQTT broker; events wait in the log');
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
      await waitAtMost(this.#timing.endTimeoutMs, published);
    }
    await connection.end();
  }
}

/** Host and port, for people. */
function hostOf(url: string): string {
  return new URL(url).host;
}
