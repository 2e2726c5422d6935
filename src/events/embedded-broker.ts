// The embedded broker: an MQTT 3.1.1 broker inside the service. Lintel publishes on it, and other clients subscribe.
import { once } from 'node:events';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import { findNetwork, identifyPeer, isLoopback } from '../platform/network.js';
import { TlsIdentity, type TlsFiles } from '../platform/tls-identity.js';
import { BrokerAccess, type OpenTopic } from './broker-access.js';
import { BrokerHub, type HubCounts } from './broker-hub.js';
import { RateLimitedLog } from './broker-log.js';
import { BrokerPlaces, MAX_CLIENTS, MAX_WAITING } from './broker-places.js';
import { BrokerUsers } from './broker-users.js';
import { ClientLink } from './client-link.js';
import { ClientSessions } from './client-sessions.js';
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
  /** Topics on which every client may publish. Commands carry a MAC of their own. */
  openTopics?: readonly OpenTopic[];
  /** Returns whether a message that waited for an absent client must not be sent any more; by default none expires. */
  hasExpired?: ((payload: Buffer) => boolean) | undefined;
  log: Log;
  /** Milliseconds that never go back, as performance.now. */
  monotonic?: Clock | undefined;
}

export interface BrokerStats extends HubCounts {
  /** Clients that are connected, without Lintel itself. */
  clients: number;
  /** Sessions that wait for absent clients. */
  sessionsWaiting: number;
  /** Messages that did not reach an absent client: its queue was full, or they had expired. */
  sessionMessagesDropped: number;
}

/** Time from the connection to the CONNECT and the password, the TLS handshake included. */
const CONNECT_TIMEOUT_MS = 5_000;
/** All messages that wait for clients, in bytes. Beyond it the client for which most bytes wait is cut off. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/** The system looks after this time whether the other end of a silent connection still exists. */
const TCP_KEEPALIVE_MS = 30_000;

/**
 * Only Lintel may publish, because a match that another client publishes would open the door; other clients may publish on the open topics.
 * Everything else that they publish is acknowledged and dropped. Lintel's own connection stays inside the process: it takes no place and
 * needs no port.
 */
export class EmbeddedBroker implements Part {
  readonly name = 'embedded-broker';
  readonly #options: EmbeddedBrokerOptions;
  readonly #places: BrokerPlaces;
  readonly #sessions: ClientSessions;
  readonly #hub: BrokerHub;
  readonly #monotonic: Clock;
  /** Connections in their TLS handshake, by address and port of the client. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #networks = new WeakMap<Socket, string>();
  #server: Server | undefined;
  #tls: { server: TlsServer; identity: TlsIdentity } | undefined;

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    const { monotonic = () => performance.now(), users: passwords, ownerId, host, openTopics, log } = options;
    const users = new BrokerUsers(passwords ?? new Map<string, string>());
    this.#monotonic = monotonic;
    const places = new BrokerPlaces({ users: users.count, monotonic });
    this.#places = places;
    this.#sessions = new ClientSessions({ users: users.count, monotonic });
    const access = new BrokerAccess({
      places,
      users,
      ownerId,
      isLocal: isLoopback(host),
      openTopics: openTopics ?? [],
    });
    const { hasExpired = () => false } = options;
    const [brokerLog, ignoredLog] = [new RateLimitedLog(log, monotonic), new RateLimitedLog(log, monotonic)];
    this.#hub = new BrokerHub({ access, sessions: this.#sessions, log: brokerLog, ignoredLog, hasExpired }, (link) =>
      places.release(link),
    );
  }

  /** Starts to listen. @throws AppError BROKER_FAILED, for example when the port is in use; CONFIG_INVALID: the TLS files cannot be used */
  async start(): Promise<void> {
    const { host, port, log } = this.#options;
    await this.#startTls();
    this.#hub.start();
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
    const server = this.#server;
    this.#server = undefined;
    const closed = server?.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    this.#hub.stop();
    // Connections that never sent a CONNECT are not clients of the hub: it does not end them.
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
    if (!this.#server) throw new TypeError('the embedded broker is not started');
    const [client, server] = duplexPair();
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
    this.#hub.serve(new ClientLink({ stream: server }), undefined);
    return client;
  }

  health(): Health {
    const { clients, refused, cutOff, ignored, sessionsWaiting, sessionMessagesDropped } = this.stats();
    const identity = this.#tls?.identity.health();
    const facts = {
      embedded: true,
      clients,
      clientsRefused: refused,
      clientsCutOff: cutOff,
      clientMessagesIgnored: ignored,
      sessionsWaiting,
      sessionMessagesDropped,
      ...identity?.facts,
    };
    return { status: 'ok', ...identity, facts };
  }

  stats(): BrokerStats {
    return {
      ...this.#hub.counts,
      clients: this.#places.clients,
      sessionsWaiting: this.#sessions.absentCount,
      sessionMessagesDropped: this.#sessions.dropped,
    };
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

  /** Takes a connection, unless its network opens too many. */
  #accept(socket: Socket): void {
    const network = findNetwork(socket.remoteAddress ?? '');
    if (!this.#server || !this.#places.countConnection(network)) {
      socket.destroy();
      this.#hub.refuse('too many connections from this address', network);
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
    const link = new ClientLink({ stream: socket, connection, guard, onBacklog: () => this.#limitBacklog() });
    this.#places.replace(connection, link);
    const timer = setTimeout(() => {
      if (this.#places.isWaiting(link)) link.destroy(new Error('no CONNECT in time'));
    }, CONNECT_TIMEOUT_MS);
    connection.once('close', () => clearTimeout(timer));
    this.#hub.serve(link, this.#networks.get(connection) ?? '');
  }

  /** Cuts off the client for which most bytes wait, while too many wait for all of them. */
  #limitBacklog(): void {
    const links = this.#places.guests.filter((guest) => guest instanceof ClientLink && !guest.isClosed) as ClientLink[];
    let total = links.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0);
    if (total <= MAX_BACKLOG_BYTES) return;
    links.sort((one, other) => other.waitingBytes - one.waitingBytes);
    for (const link of links) {
      if (total <= MAX_BACKLOG_BYTES) return;
      total -= link.waitingBytes;
      link.destroy(new Error('too many bytes wait for all clients'));
    }
  }
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
