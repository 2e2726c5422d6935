// The only door to mqtt.js: one connection to a broker, with a PUBACK or a failure for everything that is published on it.
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import type { Clock } from '../domain/time.js';
import { BrokerFailure, brokerFailureOf } from './broker-failure.js';
import type { Delivery } from './delivery.js';
import { offlineStatus } from './device-status.js';
import { atMost } from './time-limit.js';
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

export interface Connection {
  readonly open: boolean;
  /** QoS 1 publishes that the broker takes without a PUBACK in between. */
  readonly receiveMaximum: number;
  /** Resolves with the reason when the connection has ended, whoever ended it. */
  readonly closed: Promise<BrokerFailure>;
  /** Resolves with the PUBACK. Rejects with a BrokerFailure, and the connection has ended, when there is none in time or it says no. */
  publish(this: void, delivery: Delivery): Promise<void>;
  /** With an MQTT DISCONNECT where nothing awaits its PUBACK; otherwise the broker publishes the will. */
  end(): Promise<void>;
  /** Without one. */
  abandon(failure: BrokerFailure): void;
}

export interface ConnectionOptions {
  target: BrokerTarget;
  version: ProtocolVersion;
  deviceId: string;
  timing: ConnectionTiming;
  clock: Clock;
  /** Ends the attempt, not a connection that stands. */
  signal: AbortSignal;
}

/**
 * mqtt.js keeps publishes in memory over a reconnection and forgets their callbacks, so a client serves one connection and never
 * reconnects: when it ends, everything unanswered on it fails here, at once and for good.
 * @throws BrokerFailure
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { timing, clock, version, signal } = options;
  const client = createClient(options);
  const unanswered = new Set<(failure: BrokerFailure) => void>();
  let failure: BrokerFailure | undefined;
  let resolveClosed: (failure: BrokerFailure) => void;
  const closed = new Promise<BrokerFailure>((resolve) => (resolveClosed = resolve));
  const fail = (reason: BrokerFailure): void => {
    if (failure) return;
    failure = reason;
    client.end(true);
    for (const reject of unanswered) reject(reason);
    unanswered.clear();
    resolveClosed(reason);
  };
  client.on('error', (error) => fail(brokerFailureOf(error)));
  client.on('close', () => fail(new BrokerFailure('the connection was closed')));
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

  const publish = (delivery: Delivery): Promise<void> =>
    new Promise((resolve, reject) => {
      if (failure) {
        reject(failure);
        return;
      }
      // After a look at the socket: a PUBACK may lie there unread when the event loop was late.
      const timer = setTimeout(() => setImmediate(noAck), timing.ackTimeoutMs);
      const noAck = (): void => {
        if (unanswered.has(refuse)) fail(new BrokerFailure(`no PUBACK within ${timing.ackTimeoutMs} ms`));
      };
      const refuse = (reason: BrokerFailure): void => {
        clearTimeout(timer);
        reject(reason);
      };
      unanswered.add(refuse);
      const { topic, payload, retain, expiresAtMs } = delivery;
      // Whole seconds, rounded down, and 0 would be no expiry at all to some.
      const messageExpiryInterval = expiresAtMs && Math.max(1, Math.floor((expiresAtMs - clock()) / 1000));
      const properties = version === 5 && messageExpiryInterval ? { messageExpiryInterval } : undefined;
      client.publish(topic, payload, { qos: 1, retain, properties }, (error) => {
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

  const end = async (): Promise<void> => {
    if (failure) return;
    if (unanswered.size === 0) {
      client.end(false);
      await atMost(timing.endTimeoutMs, closed);
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
    end,
    abandon: fail,
  };
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
