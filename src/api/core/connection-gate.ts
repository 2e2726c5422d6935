// Admission of connections: limits in all and for each address, and idle connections that give way to new ones.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { findNetwork, identifyPeer, isLoopback } from '../../platform/network.js';

/** TLS handshakes at the same time. Each takes the main thread about a millisecond, in one piece. */
const MAX_HANDSHAKES = 32;
/** Time after which a connection without a request may be closed in favour of a new one. */
const IDLE_MS = 1_000;

export interface ConnectionGateOptions {
  /** Limit of all connections. */
  maxConnections: number;
  /** Limit for each address; a network of IPv6 (/64) counts as one. The loopback address has none, because a reverse proxy may be there. */
  maxPerAddress: number;
  /** Monotonic clock, in milliseconds from any origin. */
  monotonicMs: () => number;
}

/** Why a connection was refused. */
export type ConnectionRefusal = 'connections' | 'address' | 'handshakes';

export interface ConnectionStats {
  /** Connections that are open. */
  open: number;
  /** Connections without a request that were closed in favour of new ones. */
  gaveWay: number;
  refused: Readonly<Record<ConnectionRefusal, number>>;
}

interface Connection {
  socket: Socket;
  network: string;
  /** Requests that are not answered yet. */
  requests: number;
  /** Time of the last change: the connection was opened, or a request was answered. */
  sinceMs: number;
  /** False during a TLS handshake. */
  isServed: boolean;
}

export class ConnectionGate {
  readonly #options: ConnectionGateOptions;
  /** Connections by the address and port of the client: the server sees two sockets of a TLS connection. */
  readonly #connections = new Map<string, Connection>();
  readonly #served = new WeakMap<Duplex, Connection>();
  readonly #counts = new Map<string, number>();
  readonly #refused: Record<ConnectionRefusal, number> = { connections: 0, address: 0, handshakes: 0 };
  #gaveWay = 0;

  constructor(options: ConnectionGateOptions) {
    this.#options = options;
  }

  /** Counts a new connection until it is closed. @returns why it is refused; undefined when it is admitted */
  admit(socket: Socket): ConnectionRefusal | undefined {
    const network = findNetwork(socket.remoteAddress ?? '');
    const refusal = this.#makeRoom(network);
    if (refusal) {
      this.#refused[refusal]++;
      return refusal;
    }
    const id = identifyPeer(socket);
    const connection = { socket, network, requests: 0, sinceMs: this.#options.monotonicMs(), isServed: false };
    this.#connections.set(id, connection);
    this.#counts.set(network, this.#count(network) + 1);
    socket.once('close', () => this.#remove(id, connection));
    return undefined;
  }

  /**
   * Notes that requests of a connection will come through another stream from now on.
   * @param socket socket of the connection, after the TLS handshake if there is one
   */
  serve(socket: Socket, stream: Duplex): void {
    const connection = this.#connections.get(identifyPeer(socket));
    if (!connection) return;
    connection.isServed = true;
    this.#served.set(stream, connection);
  }

  /** Notes that a request has come. @param stream as given to `serve` */
  beginRequest(stream: Duplex): void {
    const connection = this.#served.get(stream);
    if (connection) connection.requests++;
  }

  /** Notes that a request was answered. */
  endRequest(stream: Duplex): void {
    const connection = this.#served.get(stream);
    if (!connection) return;
    connection.requests--;
    connection.sinceMs = this.#options.monotonicMs();
  }

  stats(): ConnectionStats {
    return { open: this.#connections.size, gaveWay: this.#gaveWay, refused: { ...this.#refused } };
  }

  #makeRoom(network: string): ConnectionRefusal | undefined {
    const { maxConnections, maxPerAddress } = this.#options;
    const handshakes = [...this.#connections.values()].filter(({ isServed }) => !isServed);
    if (handshakes.length >= MAX_HANDSHAKES && !this.#closeIdle(handshakes)) return 'handshakes';
    if (this.#count(network) >= maxPerAddress && !isLoopback(network)) {
      const own = [...this.#connections.values()].filter((connection) => connection.network === network);
      if (!this.#closeIdle(own)) return 'address';
    }
    if (this.#connections.size < maxConnections) return undefined;
    const all = [...this.#connections.values()];
    if (this.#closeIdle(all)) return undefined;
    // An address with far more connections than the new one cannot keep it out by using each of them often.
    const heaviest = all.filter((connection) => this.#count(connection.network) > this.#count(network) + 1);
    return this.#closeIdle(heaviest, 0) ? undefined : 'connections';
  }

  /** Closes the connection that has been without a request for the longest time. @returns whether there was one */
  #closeIdle(connections: readonly Connection[], idleMs = IDLE_MS): boolean {
    const before = this.#options.monotonicMs() - idleMs;
    let oldest: Connection | undefined;
    for (const connection of connections) {
      if (connection.requests > 0 || connection.sinceMs > before) continue;
      if (!oldest || connection.sinceMs < oldest.sinceMs) oldest = connection;
    }
    if (!oldest) return false;
    this.#gaveWay++;
    this.#remove(identifyPeer(oldest.socket), oldest);
    oldest.socket.destroy();
    return true;
  }

  #count(network: string): number {
    return this.#counts.get(network) ?? 0;
  }

  #remove(id: string, connection: Connection): void {
    if (this.#connections.get(id) !== connection) return;
    this.#connections.delete(id);
    const left = this.#count(connection.network) - 1;
    if (left > 0) this.#counts.set(connection.network, left);
    else this.#counts.delete(connection.network);
  }
}
