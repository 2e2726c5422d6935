// The protocol of the embedded broker with one client: MQTT 3.1.1, from the CONNECT to the end of the connection.
import { randomUUID } from 'node:crypto';
import type { Admission } from './broker-access.js';
import type { ClientLink } from './client-link.js';
import type { ClientSession } from './client-session.js';
import {
  checkEmpty,
  decodeConnect,
  decodeId,
  decodePublish,
  decodeSubscribe,
  decodeUnsubscribe,
  PACKET,
  type ConnectPacket,
  type PublishPacket,
  type SubscribePacket,
  type Will,
} from './mqtt-decoder.js';
import { encodeAnswer, encodeConnack, encodeSuback, PINGRESP, type SubscribeCode } from './mqtt-encoder.js';
import type { RawPacket } from './packet-reader.js';
import type { TopicFilter } from './topic-filters.js';

/** Decisions that the broker takes for its clients. */
export interface ClientHost {
  /** Decides about a CONNECT. */
  admit(client: BrokerClient, packet: ConnectPacket): Promise<Admission>;
  /** Called after the admission: ends another connection with the same id, and returns the session. */
  join(client: BrokerClient, who: { clientId: string; user: string | undefined }, isClean: boolean): Joined;
  /** Passes a message on, or ignores it. `isWhole`: false where only the start of a large message is known. */
  mayPublish(
    client: BrokerClient,
    message: Pick<PublishPacket, 'topic' | 'payload' | 'retain'>,
    isWhole: boolean,
  ): boolean;
  publish(client: BrokerClient, message: Omit<PublishPacket, 'id'>): void;
  maySubscribe(client: BrokerClient, session: ClientSession, filter: TopicFilter): boolean;
  sendRetained(session: ClientSession, filter: readonly string[], granted: 0 | 1 | 2): void;
  hasExpired(payload: Buffer): boolean;
  /** Called once. `will`: the message that the client left for this case. */
  onClosed(client: BrokerClient, will: Will | undefined, reason: Error | undefined): void;
}

export interface Joined {
  session: ClientSession;
  isPresent: boolean;
}

/** Messages with QoS 2 that a client may send before it releases them. */
const MAX_RECEIVED = 100;

export class BrokerClient {
  readonly link: ClientLink;
  readonly network: string;
  readonly #host: ClientHost;
  #state: 'new' | 'connecting' | 'connected' = 'new';
  #session: ClientSession | undefined;
  #will: Will | undefined;
  #keepAliveTimer: NodeJS.Timeout | undefined;

  constructor({ link, network, host }: { link: ClientLink; network: string; host: ClientHost }) {
    this.link = link;
    this.network = network;
    this.#host = host;
  }

  /** Starts to read from the client. */
  open(): void {
    this.link.open({
      onPacket: (packet) => this.#handle(packet),
      onClosed: (reason) => {
        clearTimeout(this.#keepAliveTimer);
        const will = this.#will;
        this.#will = undefined;
        this.#host.onClosed(this, will, reason);
      },
    });
  }

  get session(): ClientSession | undefined {
    return this.#session;
  }

  /** The client id, with the name of the user before it; undefined before the admission. */
  get id(): string | undefined {
    return this.#session?.id;
  }

  #handle({ type, flags, body, length }: RawPacket): void {
    this.#keepAliveTimer?.refresh();
    if (type === PACKET.connect) {
      this.#connect(body);
      return;
    }
    const session = this.#session;
    // The reader lets nothing but a CONNECT be the first packet, and the link is held until the admission.
    if (!session) throw new Error('a packet came before the CONNACK');
    switch (type) {
      case PACKET.publish:
        this.#receive(session, decodePublish(flags, body), length === body.length);
        return;
      case PACKET.puback:
        session.acknowledge(decodeId(body), 1);
        return;
      case PACKET.pubrec:
        session.release(decodeId(body));
        return;
      case PACKET.pubcomp:
        session.acknowledge(decodeId(body), 2);
        return;
      case PACKET.pubrel: {
        const id = decodeId(body);
        session.receivedIds.delete(id);
        this.link.send([encodeAnswer('pubcomp', id)]);
        return;
      }
      case PACKET.subscribe:
        this.#subscribe(session, decodeSubscribe(body));
        return;
      case PACKET.unsubscribe: {
        const { id, filters } = decodeUnsubscribe(body);
        for (const filter of filters) session.unsubscribe(filter);
        this.link.send([encodeAnswer('unsuback', id)]);
        return;
      }
      case PACKET.pingreq:
        checkEmpty(body);
        this.link.send([PINGRESP]);
        return;
      default:
        checkEmpty(body);
        // DISCONNECT: the client leaves, and its will is not published.
        this.#will = undefined;
        this.link.end();
    }
  }

  #connect(body: Buffer): void {
    if (this.#state !== 'new') throw new Error('a second CONNECT');
    this.#state = 'connecting';
    const packet = decodeConnect(body);
    if (!packet) {
      this.#refuse(1);
    } else if (packet.clientId === '' && !packet.clean) {
      this.#refuse(2);
    } else {
      this.link.hold();
      void this.#admit({ ...packet, clientId: packet.clientId || `anonymous-${randomUUID()}` });
    }
  }

  async #admit(packet: ConnectPacket): Promise<void> {
    const admission = await this.#host.admit(this, packet);
    if (this.link.isClosed) return;
    if ('code' in admission) {
      this.#refuse(admission.code);
      return;
    }
    const { session, isPresent } = this.#host.join(this, admission, packet.clean);
    this.#session = session;
    this.#will = packet.will;
    this.#state = 'connected';
    this.#watchKeepAlive(packet.keepAliveS);
    const { link } = this;
    link.send([encodeConnack(0, isPresent)]);
    if (link.isClosed) return;
    const outlet = {
      send: (pieces: readonly Buffer[]) => link.send(pieces),
      expectAcknowledgements: (count: number) => link.guard?.expectAcknowledgements(count),
    };
    session.attach(outlet, (payload) => this.#host.hasExpired(payload));
    link.release();
  }

  #refuse(code: 1 | 2 | 3 | 4 | 5): void {
    this.link.send([encodeConnack(code)]);
    this.link.end();
  }

  /** Cuts the client off after one and a half times its keep alive without a packet. */
  #watchKeepAlive(keepAliveS: number): void {
    if (keepAliveS === 0) return;
    this.#keepAliveTimer = setTimeout(() => {
      if (this.link.isPaused) this.#keepAliveTimer?.refresh();
      else this.link.destroy(new Error('no packet within one and a half times the keep alive'));
    }, keepAliveS * 1_500);
  }

  /** Takes a message of the client. One that is not passed on is acknowledged all the same: MQTT 3.1.1 has no other answer (3.3.5). */
  #receive(session: ClientSession, packet: PublishPacket, isWhole: boolean): void {
    const { id, qos, ...message } = packet;
    const isRepeated = qos === 2 && session.receivedIds.has(id);
    if (!isRepeated && this.#host.mayPublish(this, message, isWhole)) {
      this.link.guard?.countAccepted();
      if (qos === 2) {
        if (session.receivedIds.size >= MAX_RECEIVED)
          throw new Error(`more than ${MAX_RECEIVED} messages are not released`);
        session.receivedIds.add(id);
      }
      this.#host.publish(this, { ...message, qos });
    }
    if (qos > 0) this.link.send([encodeAnswer(qos === 1 ? 'puback' : 'pubrec', id)]);
  }

  #subscribe(session: ClientSession, { id, requests }: SubscribePacket): void {
    const codes = requests.map(({ filter, qos }): SubscribeCode => {
      if (!this.#host.maySubscribe(this, session, filter)) return 0x80;
      session.subscribe(filter, qos);
      return qos;
    });
    this.link.send([encodeSuback(id, codes)]);
    codes.forEach((code, index) => {
      if (code !== 0x80) this.#host.sendRetained(session, requests[index]?.filter.levels ?? [], code);
    });
  }
}
