// What the tests of the events room share: drafts, a real store, brokers and subscribers as processes, and a relay that can be cut.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { configSchema, type Config } from '../../src/config/schema.js';
import { silentLog, type Log } from '../../src/domain/log.js';
import type { Part } from '../../src/domain/part.js';
import type { EventDraft, RecognitionEvent } from '../../src/events/event.js';
import { Events, type EventsOptions } from '../../src/events/events.js';
import type { Gap } from '../../src/events/history.js';
import type { PublisherTiming } from '../../src/events/mqtt-publisher.js';
import { EventSigner } from '../../src/events/signing.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { freePort } from '../support/free-port.js';
import { tempDir } from '../support/temp-dir.js';

const signal = new AbortController().signal;

/** Starts a part and stops it when the test is over. */
export async function started<T extends Part>(part: T): Promise<T> {
  onTestFinished(() => part.stop());
  await part.start(signal);
  return part;
}

export const MASTER_KEY = randomBytes(32);

/** Of the device of these tests. */
export const SIGNING_KEY = generateKeyPairSync('ed25519').privateKey;
const signer = new EventSigner(SIGNING_KEY);

export async function openStore(directory = join(tempDir(), 'data'), log: Log = silentLog): Promise<SealedStore> {
  return started(new SealedStore({ directory, masterKey: MASTER_KEY, log }));
}

/** @param ttlMs from now; not positive: expired already */
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

/** Signed. */
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

/** Of device `gate`, with a broker of its own. */
export function eventsConfig(
  mqtt: Partial<Config['mqtt']> = {},
  { events, ...change }: Partial<Omit<EventsConfig, 'events'>> & { events?: Partial<Config['events']> } = {},
): EventsConfig {
  const config = configSchema.parse({ deviceId: 'gate', mqtt: { embedded: { port: 0 } } });
  return { ...config, ...change, events: { ...config.events, ...events }, mqtt: { ...config.mqtt, ...mqtt } };
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

const EAGER: Partial<PublisherTiming> = { backoffFirstMs: 20, backoffMaxMs: 100 };

/** For brokers that do not answer. */
export const IMPATIENT: Partial<PublisherTiming> = { ...EAGER, connectTimeoutMs: 400, ackTimeoutMs: 400 };

/** A started events room for device `gate`. */
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

const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` };

/** Programs that a test needs; prints which are not here. */
export function lacks(what: string, ...programs: string[]): boolean {
  const absent = programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`], { env }).status !== 0);
  if (absent.length > 0) console.warn(`skipped: ${what}: not installed: ${absent.join(', ')}`);
  return absent.length > 0;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function ended(child: ChildProcess, how: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill(how);
  await exit;
}

/** A mosquitto on 127.0.0.1 that can be killed, frozen and started again on the same port. */
export class Mosquitto {
  readonly port: number;
  readonly #file: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, file: string) {
    this.port = port;
    this.#file = file;
  }

  /** @param lines of mosquitto.conf beside the listener */
  static async start(lines: string[] = ['allow_anonymous true']): Promise<Mosquitto> {
    const port = await freePort();
    const file = join(tempDir(), 'mosquitto.conf');
    // Unpredictable names and users: mosquitto gives up root unless told who to be.
    writeFileSync(file, [`listener ${port} 127.0.0.1`, 'user root', ...lines, ''].join('\n'));
    const broker = new Mosquitto(port, file);
    onTestFinished(() => broker.kill());
    await broker.restart();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Publishes as another client does. @returns the exit code of mosquitto_pub: 0 when the broker accepted the message */
  async publish(topic: string, payload: string | Buffer): Promise<unknown> {
    const options = ['-h', '127.0.0.1', '-p', String(this.port), '-V', '311', '-q', '1', '-t', topic, '-s'];
    const child = spawn('mosquitto_pub', options, { stdio: ['pipe', 'ignore', 'ignore'], env });
    child.stdin.end(payload);
    const [code] = (await once(child, 'exit')) as [unknown];
    return code;
  }

  async restart(): Promise<void> {
    await this.kill();
    const child = spawn('mosquitto', ['-c', this.#file], { stdio: 'ignore', env });
    this.#child = child;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`);
      return accepts(this.port);
    });
  }

  async kill(how: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child) await ended(this.#child, how);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }
}

export interface Message {
  topic: string;
  payload: string;
  qos: number;
  retained: boolean;
}

/** An envelope of the history: of an event, or of a gap. */
export interface HistoryMessage {
  version: 1;
  sequence?: number;
  late?: boolean;
  event?: RecognitionEvent;
  gap?: Gap;
}

/** A mosquitto_sub of its own process; it comes back by itself when its broker does. */
export class Subscriber {
  readonly messages: Message[] = [];
  #subscriptions = 0;
  #child: ChildProcess | undefined;

  /** Resolves when the first subscription is acknowledged. @param args of mosquitto_sub, such as -u and -P */
  static async start(port: number, topic: string, args: string[] = []): Promise<Subscriber> {
    const subscriber = new Subscriber();
    // -V 311: the embedded broker speaks that. -d prints the SUBACK, which would stay in a buffer but for stdbuf.
    const options = ['-V', '311', '-t', topic, '-d', '-F', 'MESSAGE %q %r %t %p', ...args];
    const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-h', '127.0.0.1', '-p', String(port), ...options], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env,
    });
    subscriber.#child = child;
    onTestFinished(() => ended(child, 'SIGKILL'));
    createInterface({ input: child.stdout }).on('line', (line) => subscriber.#read(line));
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`mosquitto_sub ended with ${child.exitCode}`);
      return subscriber.subscriptions === 1;
    });
    return subscriber;
  }

  /** Subscriptions that a broker acknowledged so far: one more after each restart of it. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** What came on the live topics of events, in the order of arrival. */
  get events(): RecognitionEvent[] {
    return this.messages
      .filter(({ topic }) => /\/(match|unknown|spoof|uncertain)$/.test(topic))
      .map(({ payload }) => JSON.parse(payload) as RecognitionEvent);
  }

  /** What came on the topic of the history, in the order of arrival. */
  get history(): HistoryMessage[] {
    return this.messages
      .filter(({ topic }) => topic.endsWith('/history'))
      .map(({ payload }) => JSON.parse(payload) as HistoryMessage);
  }

  /** The sequence numbers of the history, each at its first arrival. */
  get recorded(): number[] {
    return [...new Set(this.history.flatMap(({ sequence }) => (sequence === undefined ? [] : [sequence])))];
  }

  /** The sequence numbers that came, each at its first arrival. */
  get firstArrivals(): number[] {
    return [...new Set(this.events.map(({ sequence }) => sequence))];
  }

  /** The parsed payloads of the status topic. */
  get statuses(): { status: string; reason?: string; retained: boolean }[] {
    return this.messages
      .filter(({ topic }) => topic.endsWith('/status'))
      .map(({ payload, retained }) => ({ ...(JSON.parse(payload) as { status: string; reason?: string }), retained }));
  }

  async end(): Promise<void> {
    if (this.#child) await ended(this.#child, 'SIGKILL');
  }

  #read(line: string): void {
    if (line.includes('received SUBACK')) this.#subscriptions++;
    const found = /^MESSAGE (\d) (\d) (\S+) (.*)$/.exec(line);
    if (!found) return;
    const [, qos, retained, topic, payload] = found;
    this.messages.push({ qos: Number(qos), retained: retained === '1', topic, payload });
  }
}

/** A TCP relay between the publisher and its broker: it can be cut, shut and opened. */
export class Relay {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #open = true;

  private constructor(target: number) {
    this.#target = target;
  }

  static async start(target: number): Promise<Relay> {
    const relay = new Relay(target);
    const server = createServer((socket) => relay.#accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    relay.#port = (server.address() as AddressInfo).port;
    onTestFinished(() => {
      relay.shut();
      server.close();
    });
    return relay;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** Ends what is connected and takes no new connection. */
  shut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  open(): void {
    this.#open = true;
  }

  #accept(socket: Socket): void {
    if (!this.#open) {
      socket.destroy();
      return;
    }
    const onward = connect(this.#target, '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ]) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}
