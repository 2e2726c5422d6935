// An MQTT client of raw packets, for tests of the protocol: it sends what it is given, right or wrong, and shows what comes back.
import type { Socket } from 'node:net';
import { connectPacket, dial, encodeText, makePacket, type ConnectFields } from './broker-clients.js';

export interface ReceivedPacket {
  type: number;
  flags: number;
  body: Buffer;
}

export interface ReceivedMessage {
  topic: string;
  payload: string;
  qos: number;
  id: number;
  retain: boolean;
  dup: boolean;
}

export const PINGREQ = Buffer.from([0xc0, 0]);
export const DISCONNECT = Buffer.from([0xe0, 0]);

export class RawClient {
  readonly socket: Socket;
  readonly #packets: ReceivedPacket[] = [];
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#parse();
      this.#wake();
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<RawClient> {
    return new RawClient(await dial(port));
  }

  /** Connects, and takes the CONNACK. @throws Error for any other answer than `accepted` */
  static async join(port: number, clientId: string, fields: ConnectFields = {}): Promise<RawClient> {
    const client = await RawClient.open(port);
    client.send(connectPacket(clientId, fields));
    const connack = await client.next();
    if (connack?.body[1] !== 0) throw new Error(`CONNACK ${connack?.body.toString('hex')}`);
    client.isSessionPresent = connack.body[0] === 1;
    return client;
  }

  isSessionPresent = false;

  send(...pieces: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(pieces));
  }

  /** Returns the next packet; undefined when the connection ended before one came. */
  async next(): Promise<ReceivedPacket | undefined> {
    while (this.#packets.length === 0 && !this.#isClosed) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#packets.shift();
  }

  /** Sends a PINGREQ, and returns everything that comes before its answer. @throws Error when the connection ends instead */
  async drain(): Promise<ReceivedPacket[]> {
    this.send(PINGREQ);
    const packets: ReceivedPacket[] = [];
    for (;;) {
      const packet = await this.next();
      if (!packet) throw new Error('the connection ended before the PINGRESP');
      if (packet.type === 13) return packets;
      packets.push(packet);
    }
  }

  /** Like `drain`: the messages among the packets. */
  async drainMessages(): Promise<ReceivedMessage[]> {
    return (await this.drain()).filter(({ type }) => type === 3).map(readMessage);
  }

  /** Returns the next message. @throws Error when another packet comes, or the end */
  async nextMessage(): Promise<ReceivedMessage> {
    const packet = await this.next();
    if (packet?.type !== 3) throw new Error(`not a message: ${packet?.type}`);
    return readMessage(packet);
  }

  /** Sends bytes, and returns the packets that came until the broker ended the connection. */
  async untilClosed(...pieces: readonly Buffer[]): Promise<ReceivedPacket[]> {
    if (pieces.length > 0) this.send(...pieces);
    const packets: ReceivedPacket[] = [];
    for (let packet = await this.next(); packet; packet = await this.next()) packets.push(packet);
    return packets;
  }

  /** Subscribes, and returns the return codes of the SUBACK. */
  async subscribe(...requests: readonly [filter: string, qos: number][]): Promise<number[]> {
    this.send(subscribe(7, ...requests));
    const suback = await this.next();
    if (suback?.type !== 9 || suback.body.readUInt16BE() !== 7) throw new Error('not the SUBACK');
    return [...suback.body.subarray(2)];
  }

  #parse(): void {
    for (;;) {
      let length = 0;
      let at = 1;
      for (; ; at++) {
        const byte = this.#bytes[at];
        if (byte === undefined) return;
        length += (byte & 0x7f) * 128 ** (at - 1);
        if (byte < 128) break;
      }
      const [start, end] = [at + 1, at + 1 + length];
      if (this.#bytes.length < end) return;
      const first = this.#bytes[0] ?? 0;
      this.#packets.push({ type: first >> 4, flags: first & 15, body: this.#bytes.subarray(start, end) });
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}

function readMessage({ flags, body }: ReceivedPacket): ReceivedMessage {
  const qos = (flags >> 1) & 3;
  const end = 2 + body.readUInt16BE();
  return {
    topic: body.subarray(2, end).toString(),
    payload: body.subarray(end + (qos > 0 ? 2 : 0)).toString(),
    qos,
    id: qos > 0 ? body.readUInt16BE(end) : 0,
    retain: (flags & 1) === 1,
    dup: (flags & 8) === 8,
  };
}

function number(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

export function subscribe(id: number, ...requests: readonly [filter: string | Buffer, qos: number][]): Buffer {
  const parts = requests.map(([filter, qos]) => Buffer.concat([encodeText(filter), Buffer.from([qos])]));
  return makePacket(0x82, number(id), ...parts);
}

export function unsubscribe(id: number, ...filters: readonly (string | Buffer)[]): Buffer {
  return makePacket(0xa2, number(id), ...filters.map(encodeText));
}

export interface PublishOptions {
  qos?: number;
  id?: number;
  retain?: boolean;
  dup?: boolean;
}

export function publish(
  topic: string | Buffer,
  payload: string,
  { qos = 0, id = 1, retain = false, dup = false }: PublishOptions = {},
): Buffer {
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  return makePacket(first, encodeText(topic), ...(qos > 0 ? [number(id)] : []), Buffer.from(payload));
}

/** A packet of two bytes for an identifier: PUBACK 0x40, PUBREC 0x50, PUBREL 0x62, PUBCOMP 0x70. */
export function answer(first: number, id: number): Buffer {
  return makePacket(first, number(id));
}

export interface RawConnectFields {
  protocol?: string | Buffer;
  level?: number;
  flags?: number;
  keepAliveS?: number;
  clientId?: string | Buffer;
  /** Fields of the payload after the client id. */
  rest?: readonly (string | Buffer)[];
}

/** A CONNECT with any flags and fields. */
export function rawConnect({
  protocol = 'MQTT',
  level = 4,
  flags = 2,
  keepAliveS = 60,
  clientId = 'raw',
  rest = [],
}: RawConnectFields = {}): Buffer {
  const head = Buffer.from([level, flags, keepAliveS >> 8, keepAliveS & 255]);
  return makePacket(0x10, encodeText(protocol), head, encodeText(clientId), ...rest.map(encodeText));
}
