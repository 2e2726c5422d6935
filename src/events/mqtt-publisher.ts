// Publishes the events to an MQTT broker: one session after the other, with growing pauses while the broker cannot be used.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { pause, waitAtMost } from '../platform/waiting.js';
import { BrokerFailure } from './broker-failure.js';
import { BrokerLimits } from './broker-limits.js';
import { BrokerSession, type SessionTiming } from './broker-session.js';
import type { Commander } from './commander.js';
import { ConnectPlan } from './connect-plan.js';
import type { Delivery } from './delivery.js';
import type { DeviceHealth, HistoryHead } from './device-status.js';
import type { DeliveryCounts } from './event-delivery.js';
import type { HistoryEncoder, HistorySource } from './history.js';
import type { HistoryOutcome } from './history-drain.js';
import type { LiveLane } from './live-lane.js';
import type { BrokerTarget } from './mqtt-connection.js';
import { ReconnectPace } from './reconnect-pace.js';
import { mayComeFromMessage } from './refusal.js';
import { RefusedTopics } from './refused-topics.js';
import type { SetAsideStore } from './set-aside.js';
import type { EventSigner } from './signing.js';
import { makeMqttClientId, makeStatusTopic } from './topics.js';

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
  /** Signs an event again where its snapshot is left out. */
  sign: EventSigner['sign'];
  /** Place for the events that the broker does not take. */
  setAside?: SetAsideStore | undefined;
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

export interface PublisherStats extends DeliveryCounts {
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
  readonly #limits: BrokerLimits;
  readonly #plan: ConnectPlan;
  readonly #pace: ReconnectPace;
  readonly #deliveries: DeliveryCounts = {
    liveRefused: 0,
    liveWithoutSnapshot: 0,
    historyWithoutSnapshot: 0,
    historyRefused: 0,
  };
  readonly #stopping = new AbortController();
  readonly #counts: Record<HistoryOutcome, number> = { inTime: 0, late: 0, gap: 0 };
  #state: State = 'idle';
  #running: Promise<void> | undefined;
  #session: BrokerSession | undefined;
  #connections = 0;
  #failure: string | undefined;
  /** True while the status is being built: what reaches a subscriber was sent on a connection that stands. */
  #isBuildingStatus = false;
  /** True when the last connection was given up for another introduction. */
  #isRechecking = false;
  /** Ends the pause before the next connection. */
  #hurry = new AbortController();

  constructor(options: MqttPublisherOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#refusedTopics = new RefusedTopics(options.log);
    this.#limits = new BrokerLimits(options.monotonic);
    this.#plan = new ConnectPlan(options.target.protocolVersions);
    this.#pace = new ReconnectPace(this.#timing, options);
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
    if (this.#state === 'waiting' && this.#options.lane.hasWaiting) this.#hurry.abort();
  }

  /** Tells the publisher that an event is being stored. */
  expect(): void {
    this.#session?.expect();
  }

  /**
   * Sends everything again that was set aside.
   * @returns the number of events that the broker took; undefined while there is no connection
   */
  async resendSetAside(): Promise<number | undefined> {
    return this.#state === 'connected' ? this.#session?.resend(true) : undefined;
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
      ...this.#deliveries,
    };
  }

  health(): Health {
    const { connected, reconnects } = this.stats();
    const facts = { broker: this.#host, protocol: this.#protocol, reconnects, ...this.#describeLimits() };
    if (!connected && !this.#isBuildingStatus) {
      const reason = this.#state === 'stopped' ? 'stopped' : (this.#pace.describe(this.#clientId) ?? this.#failure);
      return { status: 'degraded', detail: `MQTT broker: ${reason ?? 'not connected yet'}`, facts };
    }
    const problem = this.#pace.describe(this.#clientId) ?? this.#refusedTopics.describe() ?? this.#describeSetAside();
    return problem === undefined
      ? { status: 'ok', facts }
      : { status: 'degraded', detail: `MQTT broker: ${problem}`, facts };
  }

  /** Events that were set aside on an earlier connection, or before a restart. */
  #describeSetAside(): string | undefined {
    const entries = this.#options.setAside?.list() ?? [];
    const newest = entries.at(-1);
    if (!newest) return undefined;
    const count = entries.length === 1 ? 'one event is' : `${entries.length} events are`;
    return `${count} set aside, because it refused ${newest.what === 'event' ? '' : 'snapshots on '}${newest.topic}: ${newest.detail}`;
  }

  /** Limits that the broker announced, for display. */
  #describeLimits(): Health['facts'] {
    const { maximumPacketBytes, maximumQos, retainAvailable, receiveMaximum } = this.#limits.announced;
    return {
      ...(maximumPacketBytes < Infinity ? { maximumPacketBytes } : {}),
      ...(maximumQos < 1 ? { maximumQos } : {}),
      ...(retainAvailable ? {} : { retainAvailable }),
      ...(receiveMaximum < Infinity ? { receiveMaximum } : {}),
    };
  }

  get #clientId(): string {
    return makeMqttClientId(this.#options.deviceId);
  }

  get #protocol(): string {
    return this.#plan.version === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
  }

  /** Host and port of the broker. */
  get #host(): string {
    return new URL(this.#options.target.url).host;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#state = 'connecting';
      const { failure, stood } = await this.#runSession();
      if (this.#stopping.signal.aborted) return;
      if (this.#isRechecking) {
        this.#isRechecking = false;
        continue;
      }
      this.#state = 'waiting';
      this.#declare(failure);
      if (stood) this.#suspect(failure);
      else {
        this.#limits.clearSuspects();
        this.#plan.refused(failure);
      }
      await this.#pause(this.#pace.next(failure), stood && !this.#pace.isFight);
    }
  }

  /** Resolves with the reason when the session has ended, and with whether the broker had accepted the connection. */
  async #runSession(): Promise<{ failure: BrokerFailure; stood: boolean }> {
    const { announcements = [], window = 20, deviceHealth, ...options } = this.#options;
    const session = new BrokerSession({
      ...options,
      announcements,
      window,
      version: this.#plan.version,
      clientId: this.#clientId,
      will: this.#plan.will,
      timing: this.#timing,
      refusedTopics: this.#refusedTopics,
      limits: this.#limits,
      counts: this.#deliveries,
      signal: this.#stopping.signal,
      deviceHealth: deviceHealth && (() => this.#readHealth(deviceHealth)),
      onAccepted: () => this.#declareAccepted(),
      onConnected: () => this.#declareConnected(),
      onSettled: (outcome, count) => {
        this.#counts[outcome] += count;
        // A connection alone proves nothing: a broker that accepts connections but no events must not be tried faster.
        this.#pace.proved();
      },
    });
    this.#session = session;
    const failure = await session.run();
    this.#limits.ended();
    this.#session = undefined;
    return { failure, stood: session.hasConnected };
  }

  /** Pauses before the next connection. While a fresh event waits, the pause is short; after a connection that stood, there is none. */
  async #pause(delayMs: number, stood: boolean): Promise<void> {
    const { lane, monotonic } = this.#options;
    const beganMs = monotonic();
    while (!this.#stopping.signal.aborted) {
      const urgentMs = stood ? 0 : this.#pace.readUrgentMs(delayMs);
      const leftMs = (lane.hasWaiting ? urgentMs : delayMs) - (monotonic() - beganMs);
      if (leftMs <= 0) return;
      this.#hurry = new AbortController();
      await pause(leftMs, AbortSignal.any([this.#stopping.signal, this.#hurry.signal]));
    }
  }

  /** Keeps the messages apart that may be the reason why a connection ended. */
  #suspect(failure: BrokerFailure): void {
    const { unanswered } = failure;
    if (this.#options.target.open || unanswered.length === 0 || !mayComeFromMessage(failure)) {
      this.#limits.clearSuspects();
      return;
    }
    const bytes = Math.max(...unanswered.map(({ payload }) => Buffer.byteLength(payload)));
    // What ended the connection on the live topic will do so in the history.
    const records = unanswered.flatMap(({ id = '' }) =>
      id.startsWith('live/') ? [id.replace('live/', 'history/')] : [],
    );
    this.#limits.suspect(unanswered, bytes);
    for (const record of records) this.#limits.watch(record);
  }

  #readHealth(deviceHealth: () => DeviceHealth): DeviceHealth {
    this.#isBuildingStatus = true;
    try {
      return deviceHealth();
    } finally {
      this.#isBuildingStatus = false;
    }
  }

  /** The broker has accepted the connection. */
  #declareAccepted(): boolean {
    this.#isRechecking = !this.#plan.accepted();
    if (this.#isRechecking) return false;
    this.#pace.connected();
    const { willRefusal } = this.#plan;
    const topic = makeStatusTopic(this.#options.deviceId);
    if (willRefusal === undefined) this.#refusedTopics.accept(topic, 'the will');
    else this.#refusedTopics.refuse(topic, { kind: 'refused', detail: willRefusal }, 'the will');
    return true;
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
