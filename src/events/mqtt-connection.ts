// The only door to mqtt.js: one connection to a broker, with a PUBACK or a failure for everything that is published on it.
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import type { Clock } from '../domain/time.js';
import { BrokerFailure, brokerFailureOf } from './broker-failure.js';
import type { Delivery } from './delivery.js';
import { offlineStatus } from './device-status.js';
import { waitAtMost } from '../platform/waiting.js';
import { clientIdOf, statusTopic } from './topics.js';

export type ProtocolVersion = 4 | 5;

export interface BrokerTarget {
  /** mqtt:// or mqtts://, without user and password. */
  url: string;
  username?: string;
  password?: string;
  /** PEM; in place of the system's authorities. */
  ca?: string;
  /** 4 is MQTT 3.1.1. The next one is tried when the broker refuses one. */
  protocolVersions: readonly ProtocolVersion[];
}

export interface ConnectionTiming {
  /** From the attempt to the CONNACK. */
  connectTimeoutMs: number;
  /** From a publish to its PUBACK; after that the connection is given up: a frozen broker must not stall the door for ever. */
  ackTimeoutMs: number;
  /** A broker takes the device for lost after one and a half times this. */
  keepaliveS: number;
  /** What a farewell may take. */
  endTimeoutMs: number;
}

/** What came on a topic that was subscribed to. */
export interface Incoming {
  topic: string;
  payload: Buffer;
  retained: boolean;
}

export interface Connection {
  readonly open: boolean;
  /** QoS 1 publishes that the broker takes without a PUBACK in between. */
  readonly receiveMaximum: number;
  /** Resolves with the reason when the connection has ended, whoever ended it. */
  readonly closed: Promise<BrokerFailure>;
  /**
   * Resolves with the PUBACK. Rejects with a BrokerFailure, and the connection has ended, when there is none in time, by the message's
   * expiry at the latest, or it says no.
   */
  publish(this: void, delivery: Delivery): Promise<void>;
  /** When the broker last sent anything, by `monotonic`. */
  heardAtMs(this: void): number;
  /** Resolves when the broker has answered a PINGREQ. Rejects as publish does. */
  probe(this: void): Promise<void>;
  /** QoS 1. @throws BrokerFailure, and the connection has ended, when the broker says no */
  subscribe(topic: string, onMessage: (message: Incoming) => void): Promise<void>;
  /** With an MQTT DISCONNECT where nothing awaits its PUBACK; otherwise the broker publishes the will. */
  end(): Promise<void>;
  /** Without one, and what is not on the wire yet never will be. */
  abandon(failure: BrokerFailure): void;
}

export interface ConnectionOptions {
  target: BrokerTarget;
  version: ProtocolVersion;
  deviceId: string;
  timing: ConnectionTiming;
  clock: Clock;
  monotonic: Clock;
  /** Ends the attempt, not a connection that stands. */
  signal: AbortSignal;
}

/** An answer is waited for so long, however little is left of a message's life: a slow link is not a dead one. */
const MIN_ACK_TIMEOUT_MS = 250;
/** Of what is subscribed to. */
const MAX_INCOMING_BYTES = 64 * 1024;

/**
 * mqtt.js keeps publishes in memory over a reconnection and forgets their callbacks, so a client serves one connection and never
 * reconnects: when it ends, everything unanswered on it fails here, at once and for good.
 * @throws BrokerFailure
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { timing, clock, monotonic, version, signal } = options;
  const client = createClient(options);
  const unanswered = new Set<(failure: BrokerFailure) => void>();
  let heardAtMs = -Infinity;
  let failure: BrokerFailure | undefined;
  let resolveClosed: (failure: BrokerFailure) => void;
  const closed = new Promise<BrokerFailure>((resolve) => (resolveClosed = resolve));
  const fail = (reason: BrokerFailure): void => {
    if (failure) return;
    failure = reason;
    reset(client);
    client.end(true);
    for (const reject of unanswered) reject(reason);
    unanswered.clear();
    resolveClosed(reason);
  };
  client.on('error', (error) => fail(brokerFailureOf(error)));
  client.on('close', () => fail(new BrokerFailure('the connection was closed')));
  client.on('packetreceive', () => (heardAtMs = monotonic()));
  client.on('disconnect', ({ reasonCode: code }) => {
    const message = `the broker ended the connection (reason code ${code ?? 0})`;
    fail(brokerFailureOf(Object.assign(new Error(message), { code })));
  });

  const abort = (): void => fail(new BrokerFailure('stopped'));
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) abort();
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      void closed.then(reject);
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }

  /** @param ask calls back with the broker's answer, or an error */
  const answered = (
    name: string,
    timeoutMs: number,
    ask: (answer: (error?: Error | null) => void) => void,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      if (failure) {
        reject(failure);
        return;
      }
      // After a look at the socket: an answer may lie there unread when the event loop was late.
      const timer = setTimeout(() => setImmediate(noAnswer), timeoutMs);
      const noAnswer = (): void => {
        if (unanswered.has(refuse)) fail(new BrokerFailure(`no ${name} within ${timing.ackTimeoutMs} ms`));
      };
      const refuse = (reason: BrokerFailure): void => {
        clearTimeout(timer);
        reject(reason);
      };
      unanswered.add(refuse);
      ask((error) => {
        // mqtt.js also calls back when the connection ends: that is answered by `fail`.
        if (failure || !unanswered.has(refuse)) return;
        if (error) {
          fail(brokerFailureOf(error));
          return;
        }
        clearTimeout(timer);
        unanswered.delete(refuse);
        resolve();
      });
    });

  const publish = ({ topic, payload, retain, expiresAtMs }: Delivery): Promise<void> => {
    const leftMs = expiresAtMs === undefined ? Infinity : expiresAtMs - clock();
    // Whole seconds, rounded down, and 0 would be no expiry at all to some.
    const messageExpiryInterval = Number.isFinite(leftMs) ? Math.max(1, Math.floor(leftMs / 1000)) : undefined;
    const properties = version === 5 && messageExpiryInterval ? { messageExpiryInterval } : undefined;
    const timeoutMs = Math.min(timing.ackTimeoutMs, Math.max(MIN_ACK_TIMEOUT_MS, leftMs));
    return answered('PUBACK', timeoutMs, (answer) =>
      client.publish(topic, payload, { qos: 1, retain, properties }, (error) => answer(error)),
    );
  };

  let probing: Promise<void> | undefined;
  const probe = (): Promise<void> => {
    probing ??= answered('PINGRESP', timing.ackTimeoutMs, (answer) => {
      const onPacket = ({ cmd }: { cmd: string }): void => {
        if (cmd !== 'pingresp') return;
        client.off('packetreceive', onPacket);
        answer();
      };
      client.on('packetreceive', onPacket);
      client.sendPing();
    }).finally(() => (probing = undefined));
    return probing;
  };

  const subscribe = async (topic: string, onMessage: (message: Incoming) => void): Promise<void> => {
    client.on('message', (at, payload, { retain }) => {
      if (at === topic && !failure) onMessage({ topic: at, payload, retained: retain });
    });
    await answered('SUBACK', timing.ackTimeoutMs, (answer) => client.subscribe(topic, { qos: 1 }, (e) => answer(e)));
  };

  const end = async (): Promise<void> => {
    if (failure) return;
    if (unanswered.size === 0) {
      client.end(false);
      await waitAtMost(timing.endTimeoutMs, closed);
    }
    fail(new BrokerFailure('left'));
    client.stream.destroy();
  };

  return {
    get open() {
      return !failure;
    },
    receiveMaximum: client.serverProperties?.receiveMaximum ?? Infinity,
    closed,
    publish,
    heardAtMs: () => heardAtMs,
    probe,
    subscribe,
    end,
    abandon: fail,
  };
}

/**
 * The system throws away what it has not sent yet, instead of sending it when a frozen broker goes on. Under TLS Node cannot do so: what
 * is in the way then are the few messages of the window.
 */
function reset({ stream }: MqttClient): void {
  if (stream instanceof Socket && !(stream instanceof TLSSocket)) stream.resetAndDestroy();
}

/** A client for one connection: it does not reconnect, and queues nothing while it is not connected. @throws BrokerFailure */
function createClient({ target, version, deviceId, timing }: ConnectionOptions): MqttClient {
  const url = new URL(target.url);
  const options: IClientOptions = {
    protocol: url.protocol === 'mqtts:' ? 'mqtts' : 'mqtt',
    // An IPv6 address stands in brackets in a URL only.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port ? Number(url.port) : undefined,
    protocolVersion: version,
    clientId: clientIdOf(deviceId),
    clean: true,
    keepalive: timing.keepaliveS,
    connectTimeout: timing.connectTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    // Commands are small: a broker that speaks MQTT 5 keeps larger messages to itself.
    ...(version === 5 ? { properties: { maximumPacketSize: MAX_INCOMING_BYTES } } : {}),
    will: {
      topic: statusTopic(deviceId),
      payload: Buffer.from(offlineStatus(deviceId, 'connection-lost')),
      qos: 1,
      retain: true,
    },
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.ca === undefined ? {} : { ca: target.ca }),
  };
  try {
    return connect(options);
  } catch (error) {
    throw brokerFailureOf(error);
  }
}
