// One connection to a broker, through mqtt.js: every message that is published on it gets a PUBACK or a failure.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { connect, MqttClient, type IClientOptions } from 'mqtt';
import type { Clock } from '../domain/time.js';
import { createDeferred, waitAtMost } from '../platform/waiting.js';
import { BrokerFailure, toBrokerFailure } from './broker-failure.js';
import { NO_LIMITS, type AnnouncedLimits } from './broker-limits.js';
import type { Delivery } from './delivery.js';
import { encodeOfflineStatus } from './device-status.js';
import { measurePublish } from './packet-size.js';
import { describeCode } from './refusal.js';
import { SendGate } from './send-gate.js';
import { makeStatusTopic } from './topics.js';

/** 4 is MQTT 3.1.1. */
export type ProtocolVersion = 4 | 5;

export interface BrokerTarget {
  /** mqtt:// or mqtts://, without user and password. */
  url: string;
  username?: string | undefined;
  password?: string | undefined;
  /** PEM certificate of an authority, in place of the system's authorities. */
  ca?: string | undefined;
  /** Opens a stream to the broker, in place of a connection to `url`. */
  open?: (() => Duplex) | undefined;
  /** Versions in the order in which they are tried: when the broker refuses one, the next connection uses the next. */
  protocolVersions: readonly [ProtocolVersion, ...ProtocolVersion[]];
}

export interface ConnectionTiming {
  /** Limit from the attempt to the CONNACK. */
  connectTimeoutMs: number;
  /** Limit from a publish to its PUBACK. After it the connection is given up: a frozen broker must not block the door for ever. */
  ackTimeoutMs: number;
  /** The broker counts the device as lost after one and a half times this interval. */
  keepaliveS: number;
  /** Limit for leaving the broker with a DISCONNECT. */
  endTimeoutMs: number;
}

/** How the broker publishes the will. */
export interface WillOptions {
  qos: 0 | 1;
  retain: boolean;
}

/** A message that arrived on a subscribed topic. */
export interface Incoming {
  topic: string;
  payload: Buffer;
  retained: boolean;
}

export interface Connection {
  readonly open: boolean;
  readonly limits: AnnouncedLimits;
  /** Resolves with the reason when the connection has ended. Never rejects. */
  readonly closed: Promise<BrokerFailure>;
  /** Returns the bytes of the packet that carries the message. */
  measure(this: void, delivery: Delivery): number;
  /**
   * Publishes at QoS 1, or at QoS 0 where the broker takes nothing else: the answer to a PINGREQ then stands for the PUBACK, because the
   * broker has read the message before it.
   *
   * Rejects with a BrokerFailure when the broker does not acknowledge the message in time, at the latest when the message expires, and when
   * the connection ends. The connection has then ended. The size of the message is not checked.
   * @returns the refusal, or undefined when the broker accepted the message
   */
  offer(this: void, delivery: Delivery): Promise<BrokerFailure | undefined>;
  /** Returns when the broker last sent anything, on the clock `monotonic`. */
  heardAtMs(this: void): number;
  /** Resolves when the broker has answered a PINGREQ. Rejects as `offer` does. */
  probe(this: void): Promise<void>;
  /**
   * Subscribes to a topic at QoS 1. Rejects as `offer` does.
   * @returns the refusal, or undefined when the broker accepted the subscription
   */
  subscribe(topic: string, onMessage: (message: Incoming) => void): Promise<BrokerFailure | undefined>;
  /** Ends with an MQTT DISCONNECT when no message waits for its PUBACK; otherwise the broker publishes the will. */
  end(): Promise<void>;
  /** Ends without a DISCONNECT. Unsent messages are discarded. */
  abandon(failure: BrokerFailure): void;
}

export interface ConnectionOptions {
  target: BrokerTarget;
  version: ProtocolVersion;
  deviceId: string;
  clientId: string;
  /** Message that the broker publishes when the connection ends without a DISCONNECT; absent: none. */
  will?: WillOptions | undefined;
  timing: ConnectionTiming;
  clock: Clock;
  monotonic: Clock;
  /** Aborts the attempt to connect. It does not end an open connection. */
  signal: AbortSignal;
}

/** An answer has at least this much time, however soon the message expires: a slow link is not a dead one. */
const MIN_ACK_TIMEOUT_MS = 250;
/** Largest message that is accepted on a subscribed topic. */
const MAX_INCOMING_BYTES = 64 * 1024;
/** Reason codes from here on are errors. */
const FIRST_ERROR_CODE = 0x80;

/**
 * Connects to the broker. mqtt.js keeps messages in memory over a reconnection and forgets their callbacks. Therefore a client serves one
 * connection and never reconnects: when it ends, everything without an answer fails here, at once and finally.
 * @throws BrokerFailure
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { timing, clock, monotonic, version, signal } = options;
  const client = createClient(options);
  const unanswered = new Set<(failure: BrokerFailure) => void>();
  const inFlight = new Set<Delivery>();
  const pings = trackPings(client);
  let heardAtMs = -Infinity;
  let failure: BrokerFailure | undefined;
  const closed = createDeferred<BrokerFailure>();
  const fail = (reason: BrokerFailure): void => {
    if (failure) return;
    failure = reason;
    if (!reason.isSilence) reason.unanswered = [...inFlight];
    resetSocket(client);
    client.end(true);
    for (const reject of unanswered) reject(reason);
    unanswered.clear();
    closed.resolve(reason);
  };
  client.on('error', (error) => fail(toBrokerFailure(error)));
  client.on('close', () => fail(new BrokerFailure('the connection was closed', { kind: 'cut' })));
  client.on('packetreceive', () => (heardAtMs = monotonic()));
  client.on('disconnect', ({ reasonCode: code }) => {
    const message = describeCode(code ?? 0, 'the broker ended the connection');
    fail(toBrokerFailure(Object.assign(new Error(message), { code })));
  });

  const abort = (): void => fail(new BrokerFailure('stopped'));
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) abort();
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      void closed.promise.then(reject);
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }

  /**
   * Waits for the broker's answer to one request.
   * @param send sends the request and calls back with the answer, or with an error
   * @param delivery the message, if the request sends one
   * @returns an error with a reason code that the broker sent, or undefined for a good answer
   * @throws BrokerFailure for every other error, and when there is no answer in time; the connection has then ended
   */
  const request = (
    answerName: string,
    timeoutMs: number,
    send: (answer: (error?: Error | null) => void) => void,
    delivery?: Delivery,
  ): Promise<BrokerFailure | undefined> =>
    new Promise((resolve, reject) => {
      if (failure) {
        reject(failure);
        return;
      }
      // When the event loop was late, the answer may lie unread in the socket: the loop reads it before setImmediate runs.
      const timer = setTimeout(() => setImmediate(giveUp), timeoutMs);
      const giveUp = (): void => {
        if (!unanswered.has(refuse)) return;
        const silence = new BrokerFailure(`no ${answerName} within ${Math.round(timeoutMs)} ms`, { kind: 'silence' });
        // The messages behind it may still get their answers.
        silence.unanswered = delivery ? [delivery] : [];
        fail(silence);
      };
      const refuse = (reason: BrokerFailure): void => {
        clearTimeout(timer);
        reject(reason);
      };
      unanswered.add(refuse);
      send((error) => {
        // mqtt.js also calls back when the connection ends: `fail` answers then.
        if (failure || !unanswered.has(refuse)) return;
        const refusal = error ? toBrokerFailure(error) : undefined;
        if (refusal && !(refusal.reasonCode !== undefined && refusal.reasonCode >= FIRST_ERROR_CODE)) {
          fail(refusal);
          return;
        }
        clearTimeout(timer);
        unanswered.delete(refuse);
        resolve(refusal);
      });
    });

  const limits = readLimits(client);
  const qos = limits.maximumQos;
  const gate = new SendGate(limits.receiveMaximum);
  const measure = (delivery: Delivery): number =>
    measurePublish(delivery, { version, qos, hasExpiry: delivery.expiresAtMs !== undefined });

  const send = (delivery: Delivery): ReturnType<typeof request> => {
    const { topic, payload, retain, expiresAtMs } = delivery;
    const leftMs = expiresAtMs === undefined ? Infinity : expiresAtMs - clock();
    // Whole seconds, rounded down. Some brokers take 0 for "no expiry".
    const messageExpiryInterval = Number.isFinite(leftMs) ? Math.max(1, Math.floor(leftMs / 1000)) : undefined;
    const properties = version === 5 && messageExpiryInterval ? { properties: { messageExpiryInterval } } : {};
    const timeoutMs = Math.min(timing.ackTimeoutMs, Math.max(MIN_ACK_TIMEOUT_MS, leftMs));
    const options = { qos, retain: retain && limits.retainAvailable, ...properties };
    const start = (answer: (error?: Error | null) => void): void => {
      client.publish(topic, payload, options, (error) => {
        if (qos === 1 || error) answer(error);
      });
      if (qos === 0) pings.send(answer);
    };
    return request(qos === 1 ? 'PUBACK' : 'PINGRESP', timeoutMs, start, delivery);
  };

  const offer = async (delivery: Delivery): Promise<BrokerFailure | undefined> => {
    const leave = await gate.enter(delivery.lane ?? 'side');
    inFlight.add(delivery);
    try {
      return await send(delivery);
    } finally {
      inFlight.delete(delivery);
      leave();
    }
  };

  let probing: Promise<void> | undefined;
  const probe = (): Promise<void> => {
    probing ??= request('PINGRESP', timing.ackTimeoutMs, (answer) => pings.send(answer))
      .then(() => undefined)
      .finally(() => (probing = undefined));
    return probing;
  };

  const subscribe = (topic: string, onMessage: (message: Incoming) => void): Promise<BrokerFailure | undefined> => {
    client.on('message', (at, payload, { retain }) => {
      if (at === topic && !failure) onMessage({ topic: at, payload, retained: retain });
    });
    return request('SUBACK', timing.ackTimeoutMs, (answer) => client.subscribe(topic, { qos: 1 }, (e) => answer(e)));
  };

  const end = async (): Promise<void> => {
    if (failure) return;
    if (unanswered.size === 0) {
      client.end(false);
      await waitAtMost(timing.endTimeoutMs, closed.promise);
    }
    fail(new BrokerFailure('stopped'));
    client.stream.destroy();
  };

  return {
    get open() {
      return !failure;
    },
    limits,
    closed: closed.promise,
    measure,
    offer,
    heardAtMs: () => heardAtMs,
    probe,
    subscribe,
    end,
    abandon: fail,
  };
}

/**
 * Resets the connection, so that the system discards the bytes that it has not sent yet, instead of sending them when a frozen broker
 * continues. Node cannot do this under TLS: there, only the few messages of the send window may still be delivered.
 */
function resetSocket({ stream }: MqttClient): void {
  if (stream instanceof Socket && !(stream instanceof TLSSocket)) stream.resetAndDestroy();
}

/** PINGREQs in their order. The broker answers them in the same order. */
function trackPings(client: MqttClient): { send(answer: () => void): void } {
  const waiting: ((() => void) | undefined)[] = [];
  let next: (() => void) | undefined;
  // mqtt.js sends some of its own, to keep the connection alive.
  client.on('packetsend', ({ cmd }) => {
    if (cmd === 'pingreq') waiting.push(next);
  });
  client.on('packetreceive', ({ cmd }) => {
    if (cmd === 'pingresp') waiting.shift()?.();
  });
  return {
    send: (answer) => {
      next = answer;
      client.sendPing();
      next = undefined;
    },
  };
}

function readLimits({ serverProperties }: MqttClient): AnnouncedLimits {
  if (!serverProperties) return NO_LIMITS;
  const { maximumPacketSize, receiveMaximum, retainAvailable, maximumQoS } = serverProperties;
  return {
    // Zero breaks the protocol, and would leave no message.
    maximumPacketBytes: maximumPacketSize ? maximumPacketSize : Infinity,
    maximumQos: maximumQoS === 0 ? 0 : 1,
    retainAvailable: retainAvailable !== false,
    receiveMaximum: receiveMaximum ? receiveMaximum : Infinity,
  };
}

function makeWill(deviceId: string, { qos, retain }: WillOptions): NonNullable<IClientOptions['will']> {
  const payload = Buffer.from(encodeOfflineStatus(deviceId, 'connection-lost'));
  return { topic: makeStatusTopic(deviceId), payload, qos, retain };
}

/** Makes a client for one connection: it does not reconnect, and queues nothing while it is not connected. @throws BrokerFailure */
function createClient({ target, version, deviceId, clientId, will, timing }: ConnectionOptions): MqttClient {
  const url = new URL(target.url);
  const options: IClientOptions = {
    protocol: url.protocol === 'mqtts:' ? 'mqtts' : 'mqtt',
    // URLs write an IPv6 address in brackets, sockets without.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    ...(url.port ? { port: Number(url.port) } : {}),
    protocolVersion: version,
    clientId,
    clean: true,
    keepalive: timing.keepaliveS,
    connectTimeout: timing.connectTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    // The cache holds a buffer for each number of 16 bits: 7 MB, to save one allocation in a message.
    writeCache: false,
    // Commands are small: an MQTT 5 broker does not send larger messages.
    ...(version === 5 ? { properties: { maximumPacketSize: MAX_INCOMING_BYTES } } : {}),
    ...(will === undefined ? {} : { will: makeWill(deviceId, will) }),
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.ca === undefined ? {} : { ca: target.ca }),
  };
  const { open } = target;
  try {
    return open ? new MqttClient(open, options) : connect(options);
  } catch (error) {
    throw toBrokerFailure(error);
  }
}
