// The events as one part of the service: the event log, the publisher, the webhook, and the embedded broker if no other is configured.
import { X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/schema.js';
import type { AuditSink } from '../domain/audit.js';
import type { ChallengeSink, HeadChallenge } from '../domain/challenge.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { AppError } from '../errors.js';
import { makeChallengeDelivery } from './challenge-message.js';
import { Commander, type CommanderStats, type CommandTarget } from './commander.js';
import type { OpenTopic } from './broker-access.js';
import { hasExpired } from './delivery.js';
import type { DeviceHealth, HistoryHead } from './device-status.js';
import { EmbeddedBroker, type BrokerStats } from './embedded-broker.js';
import { EventLog, type EventLogStats, type EventStore } from './event-log.js';
import type {
  EventDraft,
  EventFilter,
  EventPage,
  EventReader,
  EventSink,
  OpenedEvent,
  RecognitionEvent,
} from './event.js';
import type { GroundsDraft } from './grounds.js';
import {
  createHistoryEncoder,
  type EventFeed,
  type HistoryEncoder,
  type HistoryRecord,
  type HistorySource,
} from './history.js';
import { makeDiscoveryMessages } from './home-assistant.js';
import { LiveLane, type LiveStats } from './live-lane.js';
import type { BrokerTarget } from './mqtt-connection.js';
import { MqttPublisher, type PublisherStats, type PublisherTiming } from './mqtt-publisher.js';
import type { SetAsideEntry } from './set-aside.js';
import { EventSigner, type SigningKeyInfo } from './signing.js';
import { makeMqttClientId, makeCommandTopic } from './topics.js';
import { Webhook, type WebhookStats, type WebhookTiming } from './webhook.js';

export interface EventsOptions {
  config: Pick<Config, 'mqtt' | 'webhook' | 'events' | 'deviceId' | 'fleet'>;
  store: EventStore;
  clock: Clock;
  log: Log;
  /** Private Ed25519 key. */
  signingKey: KeyObject;
  /** Ids of the cameras, for Home Assistant. */
  cameras: readonly string[];
  /** Password of config.mqtt.username. The configuration reads it from a secret file; it is never a value of the configuration. */
  password?: string | undefined;
  /** Passwords of the embedded broker's users, by name. */
  brokerPasswords?: ReadonlyMap<string, string> | undefined;
  webhookSecret?: string | undefined;
  /** Lintel subscribes to commands only when `commands` is given as well. */
  commandSecret?: string | undefined;
  commands?: CommandTarget | undefined;
  audit?: AuditSink | undefined;
  /** Health that the MQTT status shows. */
  deviceHealth?: (() => DeviceHealth) | undefined;
  /** Version of Lintel. */
  softwareVersion?: string | undefined;
  /** Milliseconds that never go back, as performance.now. */
  monotonic?: Clock;
  timers?: Timers | undefined;
  /** While the clock cannot be trusted, no event is removed for its age. */
  trust?: TrustGuard | undefined;
  /** A number from 0 to 1, as Math.random; spreads the attempts to reconnect. */
  random?: () => number;
  timing?: Partial<PublisherTiming> | undefined;
  webhookTiming?: Partial<WebhookTiming> | undefined;
  /** Whether a fleet takes the history too: see `fleetHistory`. */
  fleet?: boolean | undefined;
}

export interface EventsStats extends EventLogStats, PublisherStats, LiveStats {
  /** Events that are not published in the history yet. */
  pending: number;
  /** Events that the broker did not take, or not whole, and that can be sent again. */
  setAside: number;
  webhook?: WebhookStats & { pending: number };
  /** Events that the log of the fleet does not have yet; absent where no fleet takes the history. */
  fleetPending?: number;
  commands?: CommanderStats;
  /** Counts of Lintel's own broker; absent where another broker is used. */
  broker?: BrokerStats;
}

const MQTT = 'mqtt';
const WEBHOOK = 'webhook';
const FLEET = 'fleet';
/** Number of events that are checked at a start for being still fresh. */
const MAX_RESTORED = 1_000;

/** Counts of a publisher that is not started. */
const IDLE: PublisherStats = {
  connected: false,
  reconnects: 0,
  published: 0,
  expired: 0,
  missing: 0,
  liveRefused: 0,
  liveWithoutSnapshot: 0,
  historyWithoutSnapshot: 0,
  historyRefused: 0,
};

/** Stores and publishes all events. The store must start before it and stop after it. */
export class Events implements Part, EventSink, EventReader, EventFeed, ChallengeSink {
  readonly name = 'events';
  /** Health of the way to the log of the fleet, which is part of the health of the events; undefined where there is no such way now. */
  uplinkHealth: (() => Health) | undefined;
  readonly #options: EventsOptions;
  readonly #signer: EventSigner;
  readonly #log: EventLog;
  readonly #lane: LiveLane;
  readonly #webhook: Webhook | undefined;
  readonly #commander: Commander | undefined;
  #broker: EmbeddedBroker | undefined;
  #head: HistoryHead | undefined;
  #publisher: MqttPublisher | undefined;

  /** @throws TypeError for a signing key that is not a private Ed25519 key */
  constructor(options: EventsOptions) {
    this.#options = options;
    const { config, store, clock, log, timers, monotonic = () => performance.now(), random = Math.random } = options;
    const { deviceId, webhook } = config;
    const signer = new EventSigner(options.signingKey);
    this.#signer = signer;
    this.#lane = new LiveLane({ clock, monotonic });
    this.#log = new EventLog({
      store,
      deviceId,
      limits: config.events,
      consumers: [MQTT, ...(webhook ? [WEBHOOK] : []), ...(options.fleet ? [FLEET] : [])],
      signer,
      clock,
      log,
      onStored: (events) => this.#onStored(events),
      ...(timers === undefined ? {} : { timers }),
      ...(options.trust === undefined ? {} : { trust: options.trust }),
    });
    if (webhook) {
      const { webhookSecret: secret, webhookTiming: timing } = options;
      const { url, timeoutMs } = webhook;
      const source = this.#log.source(WEBHOOK);
      const encodeHistory = createHistoryEncoder(deviceId, WEBHOOK, signer.signObject);
      this.#webhook = new Webhook({ url, timeoutMs, source, encodeHistory, clock, random, log, secret, timing });
    }
    const { commandSecret: secret, commands: target, audit } = options;
    if (secret !== undefined && target) {
      this.#commander = new Commander({ deviceId, secret, target, audit, clock, log });
    }
  }

  /**
   * Does not wait for the broker.
   * @throws AppError BROKER_FAILED: the embedded broker cannot listen; CONFIG_INVALID: caFile cannot be used; STORE_CORRUPT, STORE_UNAVAILABLE
   */
  async start(): Promise<void> {
    const { config, clock, log, timing, random = Math.random, monotonic = () => performance.now() } = this.#options;
    const { deviceId } = config;
    const target = await this.#startBroker();
    await this.#log.start();
    for (const event of await this.#log.newest(MQTT, MAX_RESTORED)) this.#lane.add(event);
    this.#publisher = new MqttPublisher({
      target,
      deviceId,
      source: this.#log.source(MQTT),
      lane: this.#lane,
      clock,
      monotonic,
      random,
      log,
      timing,
      deviceHealth: this.#options.deviceHealth,
      historyHead: () => this.#signHead(),
      encodeHistory: createHistoryEncoder(deviceId, MQTT, this.#signer.signObject),
      sign: (event) => this.#signer.sign(event),
      setAside: this.#log.setAside,
      announcements: this.#announcements(),
      birthTopic: config.mqtt.homeAssistant?.birthTopic,
      commander: this.#commander,
    });
    await this.#publisher.start();
    await this.#webhook?.start();
  }

  async stop(): Promise<void> {
    // At the same time: each has its own time limit.
    await Promise.all([this.#publisher?.stop(), this.#webhook?.stop()]);
    await this.#log.stop();
    await this.#broker?.stop();
  }

  /** Like EventLog.emit: resolves when the event is stored. */
  emit(draft: EventDraft, grounds?: GroundsDraft): Promise<RecognitionEvent> {
    this.#publisher?.expect();
    return this.#log.emit(draft, grounds);
  }

  publishChallenge(challenge: HeadChallenge): void {
    const { config, clock } = this.#options;
    this.#publisher?.publishAside(makeChallengeDelivery(config.deviceId, challenge, clock()));
  }

  /** Like EventLog.recent. @throws AppError STOPPED */
  recent(filter: EventFilter): Promise<EventPage> {
    return this.#log.recent(filter);
  }

  /** Like EventLog.open. @throws AppError STOPPED, STORE_UNAVAILABLE */
  open(sequence: number): Promise<OpenedEvent | undefined> {
    return this.#log.open(sequence);
  }

  /** Like EventLog.last. */
  get last(): number {
    return this.#log.last;
  }

  /** Like EventLog.readAfter. @throws AppError STOPPED */
  readAfter(sequence: number, limit: number): Promise<HistoryRecord[]> {
    return this.#log.readAfter(sequence, limit);
  }

  watch(listener: () => void): () => void {
    return this.#log.watch(listener);
  }

  /** The history as the fleet takes it. It begins with the first event after the option `fleet` was set for the first time. */
  get fleetHistory(): { source: HistorySource; encodeHistory: HistoryEncoder } {
    const encodeHistory = createHistoryEncoder(this.#options.config.deviceId, FLEET, this.#signer.signObject);
    return { source: this.#log.source(FLEET), encodeHistory };
  }

  /** Like MqttPublisher.resendSetAside. */
  async resendSetAside(): Promise<number | undefined> {
    return this.#publisher?.resendSetAside();
  }

  /** Lists the events that the broker did not take, or not whole, oldest first. */
  listSetAside(): SetAsideEntry[] {
    return this.#log.setAside.list();
  }

  /** Empties that list. The events stay in the log. @returns the number of entries */
  forgetSetAside(): number {
    const entries = this.listSetAside();
    for (const { sequence } of entries) this.#log.setAside.remove(sequence);
    return entries.length;
  }

  stats(): EventsStats {
    const webhook = this.#webhook && { ...this.#webhook.stats(), pending: this.#log.pending(WEBHOOK) };
    const commands = this.#commander?.stats();
    const broker = this.#broker?.stats();
    return {
      ...this.#log.stats(),
      ...this.#lane.stats(),
      ...(this.#publisher?.stats() ?? IDLE),
      pending: this.#log.pending(MQTT),
      setAside: this.#log.setAside.list().length,
      ...(webhook && { webhook }),
      ...(this.#options.fleet && { fleetPending: this.#log.pending(FLEET) }),
      ...(commands && { commands }),
      ...(broker && { broker }),
    };
  }

  health(): Health {
    const publisher = this.#publisher?.health() ?? {
      status: 'failed' as const,
      detail: 'the publisher is not started',
    };
    const { pending, published, expired, dropped, stored, webhook, fleetPending } = this.stats();
    const broker = this.#broker?.health();
    const webhookHealth = this.#webhook?.health();
    const uplinkHealth = this.uplinkHealth?.();
    const facts = {
      ...publisher.facts,
      ...broker?.facts,
      pending,
      published,
      expired,
      dropped,
      stored,
      signingKey: this.publicKey.keyId,
      ...(webhookHealth?.facts && { webhook: webhookHealth.facts.webhook }),
      ...(webhook && { webhookPending: webhook.pending, webhookRefused: webhook.refused }),
      ...uplinkHealth?.facts,
      ...(fleetPending !== undefined && { fleetEventsPending: fleetPending }),
    };
    const storeFailure = this.#log.storeFailure();
    if (storeFailure) return { status: 'failed', detail: `events cannot be stored: ${storeFailure}`, facts };
    if (broker && broker.status !== 'ok') return { ...broker, facts };
    const beside = [webhookHealth, uplinkHealth].find((one) => one && one.status !== 'ok');
    if (publisher.status === 'ok' && beside) return { ...beside, facts };
    return { ...publisher, facts };
  }

  /** URL of the broker in use; undefined while the embedded broker is not started. */
  get brokerUrl(): string | undefined {
    return this.#options.config.mqtt.url ?? this.#broker?.url;
  }

  /** Public key with which a receiver verifies that an event comes from this device. */
  get publicKey(): SigningKeyInfo {
    return this.#signer.info;
  }

  /** Runs before the emissions resolve: an event must be in the lane before the history reads it from the log. */
  #onStored(events: readonly RecognitionEvent[]): void {
    for (const event of events) this.#lane.add(event);
    this.#publisher?.wake();
    this.#webhook?.wake();
  }

  /** Signs the newest event, once for each event. */
  #signHead(): HistoryHead {
    const { head } = this.#log;
    if (this.#head?.head !== head) {
      this.#head = this.#signer.signObject({ version: 1 as const, deviceId: this.#options.config.deviceId, head });
    }
    return this.#head;
  }

  #announcements(): ReturnType<typeof makeDiscoveryMessages> {
    const { config, cameras, softwareVersion } = this.#options;
    if (!config.mqtt.homeAssistant) return [];
    const { discoveryPrefix: prefix } = config.mqtt.homeAssistant;
    const { deviceId, fleet } = config;
    return makeDiscoveryMessages({ prefix, deviceId, cameras, softwareVersion, isFleetDoor: fleet?.role === 'door' });
  }

  async #startBroker(): Promise<BrokerTarget> {
    const { config, password, brokerPasswords, log, monotonic } = this.#options;
    const { mqtt, deviceId } = config;
    if (mqtt.url !== undefined) {
      const { url, username } = mqtt;
      return { url, username, password, ca: await readCa(mqtt.caFile), protocolVersions: [5, 4] };
    }
    const { host, port, tls } = mqtt.embedded;
    const birthTopic = mqtt.homeAssistant?.birthTopic;
    const openTopics: OpenTopic[] = [];
    if (this.#commander) openTopics.push({ topic: makeCommandTopic(deviceId), takesPresence: false });
    if (birthTopic !== undefined) openTopics.push({ topic: birthTopic, takesPresence: true });
    const broker = new EmbeddedBroker({
      host,
      port,
      tls,
      users: brokerPasswords,
      ownerId: makeMqttClientId(deviceId),
      openTopics,
      hasExpired: (payload) => hasExpired(payload, this.#options.clock()),
      log,
      monotonic,
    });
    this.#broker = broker;
    await broker.start();
    return { url: broker.url, open: () => broker.connect(), protocolVersions: [4] };
  }
}

async function readCa(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    throw new AppError('CONFIG_INVALID', 'mqtt.caFile cannot be read', { cause: error });
  }
  try {
    // TLS ignores a certificate that it cannot parse, and then refuses every broker.
    new X509Certificate(pem);
  } catch (error) {
    throw new AppError('CONFIG_INVALID', 'mqtt.caFile does not hold a PEM certificate', { cause: error });
  }
  return pem;
}
