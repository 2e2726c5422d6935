// The events room as one part: the log, the embedded broker (where no other is configured), the publisher and the webhook.
import { randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/schema.js';
import type { AuditSink } from '../domain/audit.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { AppError } from '../errors.js';
import { Commander, type CommanderStats, type CommandTarget } from './commander.js';
import type { DeviceHealth } from './device-status.js';
import { EmbeddedBroker } from './embedded-broker.js';
import { EventLog, type EventLogStats, type EventStore } from './event-log.js';
import type { EventDraft, EventFilter, EventReader, EventSink, RecognitionEvent } from './event.js';
import { discoveryMessages } from './home-assistant.js';
import { LiveLane, type LiveStats } from './live-lane.js';
import type { BrokerTarget } from './mqtt-connection.js';
import { MqttPublisher, type PublisherStats, type PublisherTiming } from './mqtt-publisher.js';
import { EventSigner, type SigningKeyInfo } from './signing.js';
import { mqttClientId, commandTopic } from './topics.js';
import { Webhook, type WebhookStats, type WebhookTiming } from './webhook.js';

export interface EventsOptions {
  config: Pick<Config, 'mqtt' | 'webhook' | 'events' | 'deviceId'>;
  store: EventStore;
  clock: Clock;
  log: Log;
  /** Ed25519. */
  signingKey: KeyObject;
  /** Ids, for Home Assistant. */
  cameras: readonly string[];
  /** Of config.mqtt.username; read by the configuration, never a value of it. */
  password?: string;
  webhookSecret?: string;
  /** With `commands`: commands are listened to. */
  commandSecret?: string;
  commands?: CommandTarget;
  audit?: AuditSink;
  /** Told in the status. */
  deviceHealth?: () => DeviceHealth;
  /** Of Lintel. */
  softwareVersion?: string;
  /** As performance.now. */
  monotonic?: Clock;
  timers?: Timers;
  /** Of the clock; events are not removed for their age while it is not to be trusted. */
  trust?: TrustGuard;
  /** As Math.random; spreads the attempts to reconnect. */
  random?: () => number;
  timing?: Partial<PublisherTiming>;
  webhookTiming?: Partial<WebhookTiming>;
}

export interface EventsStats extends EventLogStats, PublisherStats, LiveStats {
  /** Events that the history has not had yet. */
  pending: number;
  webhook?: WebhookStats & { pending: number };
  commands?: CommanderStats;
}

const MQTT = 'mqtt';
const WEBHOOK = 'webhook';
/** What may still be fresh after a restart: more is not looked at. */
const MAX_RESTORED = 1_000;

/** The one exit of events. The store must be started before and stopped after it. */
export class Events implements Part, EventSink, EventReader {
  readonly name = 'events';
  readonly #options: EventsOptions;
  readonly #signer: EventSigner;
  readonly #log: EventLog;
  readonly #lane: LiveLane;
  readonly #webhook: Webhook | undefined;
  readonly #commander: Commander | undefined;
  #broker: EmbeddedBroker | undefined;
  #publisher: MqttPublisher | undefined;

  /** @throws TypeError for a signing key that is no private Ed25519 key */
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
      consumers: webhook ? [MQTT, WEBHOOK] : [MQTT],
      sign: (event) => signer.sign(event),
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
      this.#webhook = new Webhook({ url, timeoutMs, source, clock, random, log, secret, timing });
    }
    const { commandSecret: secret, commands: target, audit } = options;
    if (secret !== undefined && target) {
      this.#commander = new Commander({ deviceId, secret, target, audit, clock, log });
    }
  }

  /**
   * Does not wait for a broker that is away.
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
      announcements: this.#announcements(),
      commander: this.#commander,
    });
    await this.#publisher.start();
    await this.#webhook?.start();
  }

  async stop(): Promise<void> {
    // Both at once: each has its own limit.
    await Promise.all([this.#publisher?.stop(), this.#webhook?.stop()]);
    await this.#log.stop();
    await this.#broker?.stop();
  }

  /** As EventLog.emit: resolves once the event is stored. */
  emit(draft: EventDraft): Promise<RecognitionEvent> {
    return this.#log.emit(draft);
  }

  /** As EventLog.recent. @throws AppError STOPPED */
  recent(filter: EventFilter): Promise<{ events: RecognitionEvent[]; before?: number }> {
    return this.#log.recent(filter);
  }

  stats(): EventsStats {
    const idle: PublisherStats = { connected: false, reconnects: 0, published: 0, expired: 0, missing: 0 };
    const webhook = this.#webhook && { ...this.#webhook.stats(), pending: this.#log.pending(WEBHOOK) };
    const commands = this.#commander?.stats();
    return {
      ...this.#log.stats(),
      ...this.#lane.stats(),
      ...(this.#publisher?.stats() ?? idle),
      pending: this.#log.pending(MQTT),
      ...(webhook && { webhook }),
      ...(commands && { commands }),
    };
  }

  health(): Health {
    const publisher = this.#publisher?.health() ?? { status: 'failed' as const, detail: 'not started' };
    const { pending, published, expired, dropped, stored, webhook } = this.stats();
    const broker = this.#broker?.health();
    const hook = this.#webhook?.health();
    const facts = {
      ...publisher.facts,
      ...broker?.facts,
      pending,
      published,
      expired,
      dropped,
      stored,
      signingKey: this.publicKey.keyId,
      ...(hook?.facts && { webhook: hook.facts.webhook }),
      ...(webhook && { webhookPending: webhook.pending, webhookRefused: webhook.refused }),
    };
    const storeFailure = this.#log.storeFailure();
    if (storeFailure) return { status: 'failed', detail: `events cannot be stored: ${storeFailure}`, facts };
    if (broker && broker.status !== 'ok') return { ...broker, facts };
    if (publisher.status === 'ok' && hook) return { ...hook, facts };
    return { ...publisher, facts };
  }

  /** Of the broker in use; undefined while the embedded one is not started. */
  get brokerUrl(): string | undefined {
    return this.#options.config.mqtt.url ?? this.#broker?.url;
  }

  /** By which whoever gets an event can tell that it is this device's. */
  get publicKey(): SigningKeyInfo {
    return this.#signer.info;
  }

  /** Before the emissions resolve: the history must find in the lane what it finds in the log. */
  #onStored(events: readonly RecognitionEvent[]): void {
    for (const event of events) this.#lane.add(event);
    this.#publisher?.wake();
    this.#webhook?.wake();
  }

  #announcements(): ReturnType<typeof discoveryMessages> {
    const { config, cameras, softwareVersion } = this.#options;
    if (!config.mqtt.homeAssistant) return [];
    const { discoveryPrefix: prefix } = config.mqtt.homeAssistant;
    return discoveryMessages({ prefix, deviceId: config.deviceId, cameras, softwareVersion });
  }

  async #startBroker(): Promise<BrokerTarget> {
    const { config, password, log } = this.#options;
    const { mqtt, deviceId } = config;
    if (mqtt.url !== undefined) {
      const { url, username } = mqtt;
      return { url, username, password, ca: await readCa(mqtt.caFile), protocolVersions: [5, 4] };
    }
    const owner = {
      clientId: mqttClientId(deviceId),
      username: 'lintel',
      password: randomBytes(24).toString('base64url'),
    };
    const openTopics = this.#commander ? [commandTopic(deviceId)] : [];
    this.#broker = new EmbeddedBroker({ ...mqtt.embedded, owner, openTopics, log });
    await this.#broker.start();
    const { username } = owner;
    return { url: this.#broker.url, username, password: owner.password, protocolVersions: [4] };
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
    // TLS would pass over what it cannot read, and refuse every broker.
    new X509Certificate(pem);
  } catch (error) {
    throw new AppError('CONFIG_INVALID', 'mqtt.caFile holds no PEM certificate', { cause: error });
  }
  return pem;
}
