// The events room as one part: embedded broker (where no other is configured), outbox and publisher.
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/schema.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import { EmbeddedBroker } from './embedded-broker.js';
import type { EventDraft, EventSink, RecognitionEvent } from './event.js';
import type { BrokerTarget } from './mqtt-connection.js';
import { MqttPublisher, type PublisherStats, type PublisherTiming } from './mqtt-publisher.js';
import { Outbox, type OutboxStats, type OutboxStore } from './outbox.js';
import { clientIdOf } from './topics.js';

export interface EventsOptions {
  config: Config['mqtt'];
  deviceId: string;
  store: OutboxStore;
  clock: Clock;
  log: Log;
  /** Of config.username; read by the configuration, never a value of it. */
  password?: string;
  /** As Math.random; spreads the attempts to reconnect. */
  random?: () => number;
  timing?: Partial<PublisherTiming>;
}

export interface EventsStats extends OutboxStats, PublisherStats {}

/** The one exit of events. The store must be started before and stopped after it. */
export class Events implements Part, EventSink {
  readonly name = 'events';
  readonly #options: EventsOptions;
  readonly #outbox: Outbox;
  #broker: EmbeddedBroker | undefined;
  #publisher: MqttPublisher | undefined;

  constructor(options: EventsOptions) {
    this.#options = options;
    const { store, deviceId, config, log } = options;
    this.#outbox = new Outbox({ store, deviceId, maxEvents: config.outboxMaxEvents, log });
  }

  /**
   * Does not wait for a broker that is away.
   * @throws AppError BROKER_FAILED: the embedded broker cannot listen; CONFIG_INVALID: caFile cannot be used; STORE_CORRUPT, STORE_UNAVAILABLE
   */
  async start(): Promise<void> {
    const { deviceId, clock, log, timing, random = Math.random } = this.#options;
    const target = await this.#startBroker();
    await this.#outbox.start();
    this.#publisher = new MqttPublisher({ target, deviceId, source: this.#outbox, clock, random, log, timing });
    await this.#publisher.start();
  }

  async stop(): Promise<void> {
    await this.#publisher?.stop();
    await this.#outbox.stop();
    await this.#broker?.stop();
  }

  /** As Outbox.emit: resolves once the event is stored. */
  async emit(draft: EventDraft): Promise<RecognitionEvent> {
    const event = await this.#outbox.emit(draft);
    this.#publisher?.wake();
    return event;
  }

  stats(): EventsStats {
    const idle: PublisherStats = { connected: false, reconnects: 0, published: 0, expired: 0, unreadable: 0 };
    return { ...this.#outbox.stats(), ...(this.#publisher?.stats() ?? idle) };
  }

  health(): Health {
    const publisher = this.#publisher?.health() ?? { status: 'failed' as const, detail: 'not started' };
    const { pending, published, expired, dropped } = this.stats();
    const broker = this.#broker?.health();
    const facts = { ...publisher.facts, ...broker?.facts, pending, published, expired, dropped };
    const storeFailure = this.#outbox.storeFailure();
    if (storeFailure) return { status: 'failed', detail: `events cannot be stored: ${storeFailure}`, facts };
    if (broker && broker.status !== 'ok') return { ...broker, facts };
    return { ...publisher, facts };
  }

  /** Of the broker in use; undefined while the embedded one is not started. */
  get brokerUrl(): string | undefined {
    return this.#options.config.url ?? this.#broker?.url;
  }

  async #startBroker(): Promise<BrokerTarget> {
    const { config, deviceId, password, log } = this.#options;
    if (config.url !== undefined) {
      const { url, username } = config;
      return { url, username, password, ca: await readCa(config.caFile), protocolVersions: [5, 4] };
    }
    const owner = {
      clientId: clientIdOf(deviceId),
      username: 'lintel',
      password: randomBytes(24).toString('base64url'),
    };
    this.#broker = new EmbeddedBroker({ ...config.embedded, owner, log });
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
