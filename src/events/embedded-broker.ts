// The embedded broker: an MQTT broker inside the service, through aedes. Lintel publishes on it, and other clients subscribe.
import { timingSafeEqual } from 'node:crypto';
import { once, type EventEmitter } from 'node:events';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { Duplex, pipeline } from 'node:stream';
import { Aedes, type AedesOptions, type Client } from 'aedes';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, describeError } from '../errors.js';
import { PacketGuard } from './packet-guard.js';

export interface EmbeddedBrokerOptions {
  host: string;
  /** 0 means any free port. */
  port: number;
  /** The only client that may publish. No other client may use its client id. */
  owner: { clientId: string; username: string; password: string };
  /** Topics on which every client may publish messages that are not retained. Commands carry a MAC of their own. */
  openTopics?: readonly string[];
  log: Log;
}

/** Limit for other clients, which send little more than their subscriptions. */
const MAX_PACKET_BYTES = 64 * 1024;
/** Limit for Lintel itself, which also sends pictures. */
const MAX_OWNER_PACKET_BYTES = 16 * 1024 * 1024;
const MAX_CONNECTIONS = 100;
/** A subscriber that does not read delays the publisher for this time once its buffers are full. It is then disconnected. */
const DRAIN_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Speaks MQTT 3.1.1. There is no authentication: every client that reaches the port may subscribe. Only Lintel may publish, because a match
 * that another client publishes would open the door; other clients may publish commands if Lintel accepts them. A session never outlives
 * its connection, whatever the client asks for: no message is queued for absent clients, and no old message reaches them later.
 */
export class EmbeddedBroker implements Part {
  readonly name = 'embedded-broker';
  readonly #options: EmbeddedBrokerOptions;
  readonly #owners = new WeakSet<Client>();
  readonly #guards = new WeakMap<object, PacketGuard>();
  readonly #sockets = new Set<Socket>();
  #broker: Aedes | undefined;
  #server: Server | undefined;
  #failure: string | undefined;

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
  }

  /** Starts to listen. @throws AppError BROKER_FAILED, for example when the port is in use */
  async start(): Promise<void> {
    const { host, port, log } = this.#options;
    const broker = await Aedes.createBroker(this.#brokerOptions());
    this.#broker = broker;
    disableAcknowledgementStore(broker);
    // The types of aedes lack this event. Without a listener it would end the process.
    (broker as EventEmitter).on('error', (error) => {
      this.#failure = describeError(error);
      log.error({ reason: this.#failure }, 'the embedded MQTT broker failed');
    });
    const onClientError = (client: Client, error: Error): void =>
      log.debug({ client: client.id, reason: error.message }, 'an MQTT client was disconnected');
    broker.on('clientError', onClientError);
    broker.on('connectionError', onClientError);
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CONNECTIONS;
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
    log.info({ host, port: this.#address.port }, 'the embedded MQTT broker listens');
  }

  async stop(): Promise<void> {
    const broker = this.#broker;
    const server = this.#server;
    this.#broker = undefined;
    this.#server = undefined;
    const closed = server?.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    if (broker) await new Promise<void>((resolve) => broker.close(resolve));
    // Sockets that never sent a CONNECT are not clients of the broker: it does not close them.
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** URL to which Lintel itself connects. @throws TypeError when the broker is not started */
  get url(): string {
    const { address, port } = this.#address;
    if (address === '0.0.0.0') return `mqtt://127.0.0.1:${port}`;
    if (address === '::') return `mqtt://[::1]:${port}`;
    return `mqtt://${isIPv6(address) ? `[${address}]` : address}:${port}`;
  }

  health(): Health {
    const facts = { embedded: true, clients: this.#broker?.connectedClients ?? 0 };
    if (this.#failure) return { status: 'failed', detail: `the embedded MQTT broker: ${this.#failure}`, facts };
    return { status: 'ok', facts };
  }

  get #address(): AddressInfo {
    const address = this.#server?.address();
    if (!address || typeof address === 'string') throw new TypeError('the embedded broker is not started');
    return address;
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    const guard = new PacketGuard(MAX_PACKET_BYTES);
    pipeline(socket, guard, (error) => {
      if (error) this.#options.log.debug({ reason: error.message }, 'an MQTT connection was closed');
    });
    const connection = Duplex.from({ readable: guard, writable: socket });
    this.#guards.set(connection, guard);
    this.#broker?.handle(connection);
  }

  #brokerOptions(): AedesOptions {
    return {
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: DRAIN_TIMEOUT_MS,
      preConnect: (_client, packet, callback) => {
        packet.clean = true;
        callback(null, true);
      },
      authenticate: (client, username, password, callback) => {
        const { owner } = this.#options;
        const isOwner = username === owner.username && sameSecret(password, owner.password);
        if (isOwner) {
          this.#owners.add(client);
          this.#guards.get(client.conn)?.allow(MAX_OWNER_PACKET_BYTES);
        }
        callback(null, isOwner || client.id !== owner.clientId);
      },
      authorizePublish: (client, { topic, retain }, callback) => {
        const isOpen = !retain && this.#options.openTopics?.includes(topic) === true;
        callback(isOpen || (client && this.#owners.has(client)) ? null : new Error('only Lintel may publish here'));
      },
    };
  }
}

/**
 * Stops aedes 1.2 from keeping an entry for every client id that ever acknowledged a message. Without sessions these entries are never
 * used, and a health check that connects with a new id every minute would fill the memory over the years.
 */
function disableAcknowledgementStore(broker: Aedes): void {
  const { persistence } = broker as unknown as { persistence: { outgoingClearMessageId: () => Promise<undefined> } };
  persistence.outgoingClearMessageId = async () => undefined;
}

function sameSecret(given: Buffer | undefined, secret: string): boolean {
  const expected = Buffer.from(secret);
  return given?.length === expected.length && timingSafeEqual(given, expected);
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
