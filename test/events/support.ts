// Shared parts of the events tests: drafts, a real store, brokers and subscribers as processes, and a relay that can be shut.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { configSchema, type Config } from '../../src/config/schema.js';
import { silentLog, type Log } from '../../src/domain/log.js';
import type { Part } from '../../src/domain/part.js';
import type { EventDraft, RecognitionEvent } from '../../src/events/event.js';
import type { GroundsDraft } from '../../src/events/grounds.js';
import { Events, type EventsOptions } from '../../src/events/events.js';
import type { Gap } from '../../src/events/history.js';
import type { PublisherTiming } from '../../src/events/mqtt-publisher.js';
import { EventSigner } from '../../src/events/signing.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { freePort } from '../support/free-port.js';
import { listMissingPrograms, MosquittoProcess, MosquittoSub, TcpRelay } from '../support/mosquitto.js';
import { tempDir } from '../support/temp-dir.js';

const signal = new AbortController().signal;

/** Starts a part and stops it when the test is over. */
export async function started<T extends Part>(part: T): Promise<T> {
  onTestFinished(() => part.stop());
  await part.start(signal);
  return part;
}

export const MASTER_KEY = randomBytes(32);

/** Private key of the device of these tests. */
export const SIGNING_KEY = generateKeyPairSync('ed25519').privateKey;
const signer = new EventSigner(SIGNING_KEY);

export async function openStore(directory = join(tempDir(), 'data'), log: Log = silentLog): Promise<SealedStore> {
  return started(new SealedStore({ directory, masterKey: MASTER_KEY, log }));
}

/** @param ttlMs time until the event expires; 0 or less for an expired event */
export function aDraft(ttlMs = 60_000, change: Partial<EventDraft> = {}): EventDraft {
  const now = Date.now();
  return {
    type: 'match',
    cameraId: 'front',
    trackId: 1,
    capturedAt: new Date(now - 100).toISOString(),
    decidedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + ttlMs).toISOString(),
    reason: 'agreed',
    groupId: 'door',
    faceId: '5b4c4b3e-8d2f-4f2e-9a52-0b1b8a1b6d11',
    imageId: '0c4e5a1c-5f0c-4a4b-8f4f-6a5f5c1f1a22',
    externalImageId: 'guest-1',
    similarity: 97.5,
    threshold: 90,
    masked: false,
    bbox: { x0: 0.25, y0: 0.25, x1: 0.5, y1: 0.75 },
    quality: 0.8,
    modelVersion: 'test-1',
    ...change,
  };
}

/** Makes the grounds of a match. @param shots number of shots */
export function aGroundsDraft(shots = 5, change: Partial<GroundsDraft> = {}): GroundsDraft {
  return {
    trackBeganAt: new Date(Date.now() - 700).toISOString(),
    decidedAfterMs: 600,
    agree: 3,
    outOf: 5,
    margin: 2,
    mask: true,
    liveness: { mode: 'required', threshold: 1.25 },
    threshold: { value: 90, basis: { source: 'configured' }, scale: 'test-1' },
    shots: Array.from({ length: shots }, (_, i) => ({
      atMs: i * 100,
      quality: 0.812,
      result: 'agrees' as const,
      agreed: true as const,
      first: { externalImageId: 'guest-1', similarity: 97.5 },
      second: { externalImageId: 'guest-2', similarity: 31.25 },
      liveness: 3.14,
      masked: false,
      recognisability: 0.912,
      correction: 0.012,
    })),
    ...change,
  };
}

/** Makes a signed event. */
export function anEvent(change: Partial<RecognitionEvent> = {}): RecognitionEvent {
  return signer.sign({
    version: 2,
    eventId: '9c0f4f0e-7a3c-4a0e-8d4e-3f1f5f5b2c33',
    sequence: 1,
    deviceId: 'gate',
    ...aDraft(),
    ...change,
  });
}

export type EventsConfig = EventsOptions['config'];

/** Configuration of device `gate` with an embedded broker. */
export function eventsConfig(
  mqtt: Partial<Config['mqtt']> = {},
  {
    events,
    ...change
  }: Partial<Omit<EventsConfig, 'events'>> & { events?: Partial<Config['events']> | undefined } = {},
): EventsConfig {
  const config = configSchema.parse({ deviceId: 'gate', mqtt: { embedded: { port: 0 } } });
  return { ...config, ...change, events: { ...config.events, ...events }, mqtt: { ...config.mqtt, ...mqtt } };
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

const EAGER: Partial<PublisherTiming> = { backoffFirstMs: 20, backoffMaxMs: 100 };

/** Short limits, for brokers that do not answer. */
export const IMPATIENT: Partial<PublisherTiming> = { ...EAGER, connectTimeoutMs: 400, ackTimeoutMs: 400 };

/** Starts the events of device `gate`. */
export async function startEvents(
  mqtt: Partial<Config['mqtt']> = {},
  { limits, ...options }: Partial<EventsOptions> & { limits?: Partial<Config['events']> } = {},
): Promise<Events> {
  const store = options.store ?? (await openStore());
  const config = options.config ?? eventsConfig(mqtt, { events: limits });
  const base = { clock: Date.now, log: silentLog, timing: EAGER, signingKey: SIGNING_KEY, cameras: ['front'] };
  return started(new Events({ ...base, ...options, store, config }));
}

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  fields: object;
  message: string;
}

export function recordingLog(): Log & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message });
    };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export async function eventually(check: () => boolean | Promise<boolean>, timeout = 15_000): Promise<void> {
  await expect.poll(check, { timeout, interval: 10 }).toBe(true);
}

/** Returns whether any of these programs is not installed, and prints which. */
export function lacks(what: string, ...programs: string[]): boolean {
  const missing = listMissingPrograms(...programs);
  if (missing.length > 0) console.warn(`skipped: ${what}: not installed: ${missing.join(', ')}`);
  return missing.length > 0;
}

/** A mosquitto that ends with the test. */
export class Mosquitto extends MosquittoProcess {
  /** @param lines of mosquitto.conf beside the listener */
  static async start(lines: string[] = ['allow_anonymous true']): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort(), tempDir(), lines);
    onTestFinished(() => broker.kill());
    await broker.restart();
    return broker;
  }
}

export interface Message {
  topic: string;
  payload: string;
  qos: number;
  retained: boolean;
}

/** A message of the history: an event with its envelope, or a gap. */
export interface HistoryMessage {
  version: 1;
  sequence?: number;
  late?: boolean;
  again?: boolean;
  event?: RecognitionEvent;
  gap?: Gap;
}

/** A subscriber in a process of its own, which ends with the test. It connects again by itself when its broker comes back. */
export class Subscriber {
  readonly messages: Message[] = [];
  readonly #process: MosquittoSub;

  private constructor(port: number, topic: string, args: readonly string[]) {
    const options = ['-F', 'MESSAGE %q %r %t %p', ...args];
    this.#process = new MosquittoSub(port, topic, options, (line) => this.#read(line));
  }

  /** Resolves when the first subscription is acknowledged. @param args of mosquitto_sub, such as -u and -P */
  static async start(port: number, topic: string, args: string[] = []): Promise<Subscriber> {
    const subscriber = new Subscriber(port, topic, args);
    onTestFinished(() => subscriber.end());
    await eventually(() => {
      const { exitCode } = subscriber.#process;
      if (exitCode !== null) throw new Error(`mosquitto_sub ended with ${exitCode}`);
      return subscriber.subscriptions === 1;
    });
    return subscriber;
  }

  /** Number of subscriptions that a broker has acknowledged: one more after each restart of the broker. */
  get subscriptions(): number {
    return this.#process.subscriptions;
  }

  /** Events that came on the live topics, in the order of arrival. */
  get events(): RecognitionEvent[] {
    return this.messages
      .filter(({ topic }) => /\/(match|unknown|spoof|uncertain)$/.test(topic))
      .map(({ payload }) => JSON.parse(payload) as RecognitionEvent);
  }

  /** Messages that came on the history topic, in the order of arrival. */
  get history(): HistoryMessage[] {
    return this.messages
      .filter(({ topic }) => topic.endsWith('/history'))
      .map(({ payload }) => JSON.parse(payload) as HistoryMessage);
  }

  /** Sequence numbers of the history, each at its first arrival. */
  get recorded(): number[] {
    return [...new Set(this.history.flatMap(({ sequence }) => (sequence === undefined ? [] : [sequence])))];
  }

  /** Sequence numbers of the live events, each at its first arrival. */
  get firstArrivals(): number[] {
    return [...new Set(this.events.map(({ sequence }) => sequence))];
  }

  /** Parsed payloads of the status topic. */
  get statuses(): { status: string; reason?: string; retained: boolean }[] {
    return this.messages
      .filter(({ topic }) => topic.endsWith('/status'))
      .map(({ payload, retained }) => ({ ...(JSON.parse(payload) as { status: string; reason?: string }), retained }));
  }

  async end(): Promise<void> {
    await this.#process.end();
  }

  #read(line: string): void {
    const [, qos, retained, topic = '', payload = ''] = /^MESSAGE (\d) (\d) (\S+) (.*)$/.exec(line) ?? [];
    if (qos !== undefined) this.messages.push({ qos: Number(qos), retained: retained === '1', topic, payload });
  }
}

/** A TCP relay between the publisher and its broker, open at first, which ends with the test. */
export class Relay extends TcpRelay {
  static async start(target: number): Promise<Relay> {
    const relay = new Relay(target, { isOpen: true });
    await relay.start();
    onTestFinished(() => relay.stop());
    return relay;
  }
}
