// The embedded broker: an MQTT broker inside the service, through aedes. Lintel publishes on it, and other clients subscribe.
import { once, type EventEmitter } from 'node:events';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { Aedes, type AedesOptions, type AuthenticateError, type Client } from 'aedes';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import { findNetwork, identifyPeer, isLoopback } from '../platform/network.js';
import { TlsIdentity, type TlsFiles } from '../platform/tls-identity.js';
import { BrokerAccess, type Admission } from './broker-access.js';
import { BrokerPlaces, MAX_CLIENTS, MAX_WAITING } from './broker-places.js';
import { BrokerUsers } from './broker-users.js';
import { ClientStream } from './client-stream.js';
import { PacketGuard } from './packet-guard.js';

export interface EmbeddedBrokerOptions {
  host: string;
  /** 0 means any free port. */
  port: number;
  /** Client id of Lintel itself, which no other client may use. */
  ownerId: string;
  /** Passwords by the name of the user; without any, every client that reaches the port may subscribe. */
  users?: ReadonlyMap<string, string> | undefined;
  tls?: TlsFiles | undefined;
  /** Topics on which every client may publish messages that are not retained. Commands carry a MAC of their own. */
  openTopics?: readonly string[];
  log: Log;
  /** Milliseconds that never go back, as performance.now. */
  monotonic?: Clock | undefined;
}

/** Time from the connection to the CONNECT and the password, the TLS handshake included. */
const CONNECT_TIMEOUT_MS = 5_000;
/** All messages that wait for clients, in bytes. Beyond it the client for which most bytes wait is cut off. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/** The system looks after this time whether the other end of a silent connection still exists. */
const TCP_KEEPALIVE_MS = 30_000;
/** A reason to refuse clients is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Speaks MQTT 3.1.1. Only Lintel may publish, because a match that another client publishes would open the door; other clients may publish
 * commands if Lintel accepts them. Lintel's own connection stays inside the process: it takes no place and needs no port. A session never
 * outlives its connection, whatever the client asks for: no message is queued for absent clients, and no old message reaches them later.
 */
export class EmbeddedBroker implements Part {
  readonly name = 'embedded-broker';
  readonly #options: EmbeddedBrokerOptions;
  readonly #places: BrokerPlaces;
  readonly #access: BrokerAccess;
  readonly #monotonic: Clock;
  /** Streams of Lintel itself. */
  readonly #own = new WeakSet<object>();
  /** Connections that aedes knows by their client id, and reports when they end. */
  readonly #registered = new WeakSet<object>();
  readonly #networks = new WeakMap<object, string>();
  /** Connections in their TLS handshake, by address and port of the client. */
  readonly #handshakes = new Map<string, Socket>();
  /** Time at which each reason was logged last. */
  readonly #logged = new Map<string, number>();
  readonly #counts = { refused: 0, cutOff: 0 };
  #broker: Aedes | undefined;
  #server: Server | undefined;
  #tls: { server: TlsServer; identity: TlsIdentity } | undefined;
  #failure: string | undefined;

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    const {
      users = new Map<string, string>(),
      monotonic = () => performance.now(),
      ownerId,
      host,
      openTopics,
    } = options;
    this.#monotonic = monotonic;
    this.#places = new BrokerPlaces({ users: users.size, monotonic });
    this.#access = new BrokerAccess({
      places: this.#places,
      users: new BrokerUsers(users),
      ownerId,
      isLocal: isLoopback(host),
      openTopics: openTopics ?? [],
    });
  }

  /** Starts to listen. @throws AppError BROKER_FAILED, for example when the port is in use; CONFIG_INVALID: the TLS files cannot be used */
  async start(): Promise<void> {
    const { host, port, log } = this.#options;
    await this.#startTls();
    const broker = await Aedes.createBroker(this.#brokerOptions());
    this.#broker = broker;
    disablePersistence(broker);
    this.#listenTo(broker);
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CLIENTS + MAX_WAITING;
    this.#server = server;
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (error) {
      await this.stop();
      throw new AppError('BROKER_FAILED', describeListenFailure(host, port, error), { cause: error });
    }
    server.on('error', (error) =>
      log.warn({ reason: error.message }, 'the embedded MQTT broker could not accept a connection'),
    );
    log.info({ host, port: this.#address.port, tls: this.#tls !== undefined }, 'the embedded MQTT broker listens');
  }

  async stop(): Promise<void> {
    const broker = this.#broker;
    const server = this.#server;
    this.#broker = undefined;
    this.#server = undefined;
    const closed = server?.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    if (broker) await new Promise<void>((resolve) => broker.close(resolve));
    // Connections that never sent a CONNECT are not clients of the broker: it does not close them.
    for (const guest of this.#places.guests) guest.destroy();
    this.#tls?.identity.stop();
    this.#tls = undefined;
    await closed;
  }

  /** URL for other clients on this machine. @throws TypeError when the broker is not started */
  get url(): string {
    const { address, port } = this.#address;
    const protocol = this.#options.tls ? 'mqtts' : 'mqtt';
    if (address === '0.0.0.0') return `${protocol}://127.0.0.1:${port}`;
    if (address === '::') return `${protocol}://[::1]:${port}`;
    return `${protocol}://${isIPv6(address) ? `[${address}]` : address}:${port}`;
  }

  /** Opens a connection for Lintel itself: a stream inside the process. @throws TypeError when the broker is not started */
  connect(): Duplex {
    if (!this.#broker) throw new TypeError('the embedded broker is not started');
    const [client, server] = duplexPair();
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
    this.#own.add(server);
    this.#broker.handle(server);
    return client;
  }

  health(): Health {
    const { refused, cutOff } = this.#counts;
    const identity = this.#tls?.identity.health();
    const facts = {
      embedded: true,
      clients: this.#places.clients,
      clientsRefused: refused,
      clientsCutOff: cutOff,
      ...identity?.facts,
    };
    if (this.#failure) return { status: 'failed', detail: `the embedded MQTT broker: ${this.#failure}`, facts };
    return { status: 'ok', ...identity, facts };
  }

  get #address(): AddressInfo {
    const address = this.#server?.address();
    if (!address || typeof address === 'string') throw new TypeError('the embedded broker is not started');
    return address;
  }

  async #startTls(): Promise<void> {
    const { tls, log } = this.#options;
    if (!tls) return;
    const identity = new TlsIdentity({ ...tls, key: 'mqtt.embedded.tls', log });
    const server = createTlsServer({ ...(await identity.load()), handshakeTimeout: CONNECT_TIMEOUT_MS });
    identity.serve(server);
    server.on('secureConnection', (socket) => {
      const connection = this.#handshakes.get(identifyPeer(socket));
      if (connection) this.#serve(socket, connection);
      else socket.destroy();
    });
    server.on('tlsClientError', (error, socket) => {
      log.debug({ reason: error.message }, 'a TLS handshake with an MQTT client failed');
      socket.destroy();
    });
    this.#tls = { server, identity };
  }

  #listenTo(broker: Aedes): void {
    const { log } = this.#options;
    // The types of aedes lack this event. Without a listener it would end the process.
    (broker as EventEmitter).on('error', (error) => {
      this.#failure = describeError(error);
      log.error({ reason: this.#failure }, 'the embedded MQTT broker failed');
    });
    const onClientError = (client: Client, error: Error): void => {
      if (client.conn instanceof ClientStream) this.#counts.cutOff++;
      log.debug({ client: client.id, reason: error.message }, 'an MQTT client was disconnected');
    };
    broker.on('clientError', onClientError);
    broker.on('connectionError', onClientError);
    // Not when the stream closes: until here aedes knows the client id, and would forget a new client with the same one.
    broker.on('clientDisconnect', (client) => this.#places.release(client.conn));
    broker.on('client', (client) => this.#registered.add(client.conn));
  }

  /** Takes a connection, unless its network opens too many. */
  #accept(socket: Socket): void {
    const network = findNetwork(socket.remoteAddress ?? '');
    if (!this.#broker || !this.#places.countRequest(network)) {
      socket.destroy();
      this.#refuse('too many connections from this address', network);
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    this.#networks.set(socket, network);
    this.#places.admit(socket, network);
    socket.once('close', () => this.#places.release(socket));
    if (!this.#tls) {
      this.#serve(socket, socket);
      return;
    }
    const peer = identifyPeer(socket);
    this.#handshakes.set(peer, socket);
    socket.once('close', () => this.#handshakes.delete(peer));
    this.#tls.server.emit('connection', socket);
  }

  /** @param socket without TLS the connection itself, with TLS its decrypted side */
  #serve(socket: Socket, connection: Socket): void {
    const guard = new PacketGuard(this.#monotonic);
    const stream = new ClientStream({ socket, connection, guard, onBacklog: () => this.#limitBacklog() });
    const network = this.#networks.get(connection) ?? '';
    this.#networks.set(stream, network);
    this.#places.replace(connection, stream);
    const timer = setTimeout(() => {
      if (this.#places.isWaiting(stream)) stream.destroy(new Error('no CONNECT in time'));
    }, CONNECT_TIMEOUT_MS);
    stream.once('close', () => {
      clearTimeout(timer);
      if (!this.#registered.has(stream)) this.#places.release(stream);
    });
    this.#broker?.handle(stream);
  }

  /** Cuts off the client for which most bytes wait, while too many wait for all of them. */
  #limitBacklog(): void {
    const streams = this.#places.guests.filter(
      (guest) => guest instanceof ClientStream && !guest.destroyed,
    ) as ClientStream[];
    streams.sort((one, other) => other.waitingBytes - one.waitingBytes);
    let total = streams.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0);
    for (const stream of streams) {
      if (total <= MAX_BACKLOG_BYTES) return;
      total -= stream.waitingBytes;
      stream.destroy(new Error('too many bytes wait for all clients'));
    }
  }

  /** Counts a refusal. Each reason is logged once in a while: a flood must not fill the log. */
  #refuse(reason: string, network: string): void {
    this.#counts.refused++;
    const nowMs = this.#monotonic();
    if (nowMs - (this.#logged.get(reason) ?? -Infinity) < LOG_INTERVAL_MS) return;
    this.#logged.set(reason, nowMs);
    this.#options.log.warn({ reason, address: network }, 'the embedded MQTT broker refuses a client');
  }

  #brokerOptions(): AedesOptions {
    const access = this.#access;
    const isOwn = (client: Client | null): boolean => client !== null && this.#own.has(client.conn);
    return {
      connectTimeout: CONNECT_TIMEOUT_MS,
      // A client stream never waits: this holds for Lintel's own connection only.
      drainTimeout: CONNECT_TIMEOUT_MS,
      maxInflightInbound: 16,
      maxTopicLevels: 16,
      preConnect: (client, packet, callback) => {
        packet.clean = true;
        if (!isOwn(client)) access.inspect(client, packet);
        callback(null, true);
      },
      authenticate: (client, username, password, callback) => {
        if (isOwn(client)) {
          callback(null, true);
          return;
        }
        const network = this.#networks.get(client.conn) ?? '';
        void access.admit(client, { network, username, password }).then((admission) => {
          if (admission === 'admitted') callback(null, true);
          else {
            this.#refuse(admission.reason, network);
            callback(createRefusal(admission), false);
          }
        });
      },
      authorizePublish: (client, packet, callback) => {
        callback(isOwn(client) || access.mayPublish(packet) ? null : new Error('only Lintel may publish here'));
      },
      authorizeSubscribe: (client, subscription, callback) => {
        const network = this.#networks.get(client.conn) ?? '';
        callback(null, isOwn(client) || access.maySubscribe(client, subscription.topic, network) ? subscription : null);
      },
      authorizeForward: (client, packet) => {
        // The topics below $SYS name the clients.
        if (packet.topic.startsWith('$')) return null;
        if (packet.qos > 0 && client.conn instanceof ClientStream) client.conn.guard.expectAcknowledgement();
        return packet;
      },
    };
  }
}

function createRefusal({ reason, code }: Exclude<Admission, 'admitted'>): AuthenticateError {
  return Object.assign(new Error(reason), { returnCode: code });
}

/**
 * Stops aedes 1.2 from keeping an entry for every client id that ever acknowledged a message. Without sessions these entries are never
 * used, and a health check that connects with a new id every minute would fill the memory over the years. Stored wills are not used either:
 * aedes would publish the will of Lintel after the machine has slept, although Lintel is connected.
 */
function disablePersistence(broker: Aedes): void {
  const { persistence } = broker as unknown as {
    persistence: Record<'outgoingClearMessageId' | 'putWill', () => Promise<undefined>>;
  };
  persistence.outgoingClearMessageId = async () => undefined;
  persistence.putWill = async () => undefined;
}

function describeListenFailure(host: string, port: number, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const place = `mqtt.embedded ${host}:${port}`;
  if (code === 'EADDRINUSE')
    return `${place} is in use by another program, perhaps another broker: set mqtt.url or another port`;
  if (code === 'EACCES') return `${place} cannot be opened by this user: use a port above 1023`;
  if (code === 'EADDRNOTAVAIL') return `${place}: this machine does not have that address`;
  return `${place} cannot be opened: ${describeError(error)}`;
}
