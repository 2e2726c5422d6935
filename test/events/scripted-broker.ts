// A broker of MQTT 3.1.1 and 5 that follows a script: what it announces, and how it answers to each message.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import mqttPacket, { type IConnackPacket, type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet';
import { onTestFinished } from 'vitest';
import type { RecognitionEvent } from '../../src/events/event.js';
import type { HistoryMessage } from './support.js';

export interface ScriptedMessage {
  topic: string;
  payload: string;
  qos: number;
  retain: boolean;
  /** Size of the packet. */
  bytes: number;
  clientId: string;
  properties: IPublishPacket['properties'];
}

/**
 * Answer to a message: `accept` it, `cut` the connection, be `silent`; or a reason code: of a PUBACK, or of a DISCONNECT that ends the
 * connection.
 */
export type Answer = 'accept' | 'cut' | 'silent' | { puback: number } | { disconnect: number };

export interface Script {
  /** Properties of the CONNACK of MQTT 5. */
  announce?: IConnackPacket['properties'];
  /** Reason code of the CONNACK; `cut` ends the connection, and `silent` sends nothing. 0 where it is absent. */
  connect?: (packet: IConnectPacket) => number | 'cut' | 'silent';
  /** Accepts every message where it is absent. */
  answer?: (message: ScriptedMessage) => Answer;
  /** Takes all connections for one client, as mosquitto with use_username_as_clientid: each one ends the one before. */
  isOneClient?: boolean;
  /** Accepts no version above this one. */
  version?: 4 | 5;
}

interface Client {
  socket: Socket;
  connect: IConnectPacket;
  inFlight: number;
}

/** Ends with the test. */
export class ScriptedBroker {
  /** Messages that were accepted, in the order of arrival. */
  readonly accepted: ScriptedMessage[] = [];
  /** All messages that came. */
  readonly received: ScriptedMessage[] = [];
  /** Attempts to connect. */
  readonly connects: IConnectPacket[] = [];
  /** Connections of Lintel that were accepted: not those on which it tries a message alone. */
  readonly mainConnects: IConnectPacket[] = [];
  /** Wills of the connections that ended without a DISCONNECT. */
  readonly wills: string[] = [];
  pings = 0;
  /** Largest number of messages of one connection that waited for their answer. */
  mostInFlight = 0;
  script: Script;
  readonly #server: Server;
  readonly #clients = new Map<Socket, Client>();
  readonly #sockets = new Set<Socket>();

  private constructor(script: Script) {
    this.script = script;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(script: Script = {}): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(script);
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    onTestFinished(() => broker.#stop());
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Client ids of the connections that stand. */
  get clientIds(): string[] {
    return [...this.#clients.values()].map(({ connect }) => connect.clientId);
  }

  /** Ends all connections, as a broker that restarts. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Sends a message to Lintel. */
  publish(topic: string, payload: string): void {
    for (const [socket, { connect }] of this.#clients) {
      if (connect.clientId !== 'lintel-gate') continue;
      this.#send(socket, { cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false });
    }
  }

  /** Another client takes over the session of Lintel. */
  takeOver(): void {
    for (const [socket, { connect }] of this.#clients) {
      if (connect.clientId !== 'lintel-gate') continue;
      if (connect.protocolVersion === 5) this.#send(socket, { cmd: 'disconnect', reasonCode: 142 });
      socket.end();
    }
  }

  get live(): RecognitionEvent[] {
    return this.accepted
      .filter(({ topic }) => /\/(match|unknown|spoof|uncertain)$/.test(topic))
      .map(({ payload }) => JSON.parse(payload) as RecognitionEvent);
  }

  get history(): HistoryMessage[] {
    return this.accepted
      .filter(({ topic }) => topic.endsWith('/history'))
      .map(({ payload }) => JSON.parse(payload) as HistoryMessage);
  }

  get statuses(): string[] {
    return this.accepted.filter(({ topic }) => topic.endsWith('/status')).map(({ payload }) => payload);
  }

  async #stop(): Promise<void> {
    this.cutAll();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    const parser = mqttPacket.parser();
    parser.on('packet', (packet) => this.#receive(socket, packet));
    parser.on('error', () => socket.destroy());
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const client = this.#clients.get(socket);
      this.#clients.delete(socket);
      if (client?.connect.will) this.wills.push(client.connect.will.payload.toString());
    });
  }

  #send(socket: Socket, packet: Packet): void {
    const { connect } = this.#clients.get(socket) ?? {};
    if (socket.writable) {
      socket.write(mqttPacket.generate(packet, { protocolVersion: connect?.protocolVersion ?? 4 }));
    }
  }

  #receive(socket: Socket, packet: Packet): void {
    if (socket.destroyed) return;
    if (packet.cmd === 'connect') this.#connect(socket, packet);
    const client = this.#clients.get(socket);
    if (!client) return;
    if (packet.cmd === 'publish') this.#publish(client, packet);
    if (packet.cmd === 'pingreq') {
      this.pings++;
      this.#send(socket, { cmd: 'pingresp' });
    }
    if (packet.cmd === 'subscribe') {
      this.#send(socket, {
        cmd: 'suback',
        messageId: packet.messageId ?? 0,
        granted: packet.subscriptions.map(() => 0),
      });
    }
    if (packet.cmd === 'disconnect') {
      delete client.connect.will;
      socket.end();
    }
  }

  #connect(socket: Socket, packet: IConnectPacket): void {
    const { connect, announce, version = 5 } = this.script;
    this.connects.push({ ...packet });
    const result = (packet.protocolVersion ?? 4) > version ? 1 : (connect?.(packet) ?? 0);
    if (result === 'cut') socket.destroy();
    if (typeof result === 'string') return;
    // The session of an earlier connection with this id is taken over.
    for (const [other, client] of this.#clients) {
      if (this.script.isOneClient || client.connect.clientId === packet.clientId) other.destroy();
    }
    this.#clients.set(socket, { socket, connect: packet, inFlight: 0 });
    this.#send(socket, {
      cmd: 'connack',
      sessionPresent: false,
      returnCode: result,
      reasonCode: result,
      ...(packet.protocolVersion === 5 && announce ? { properties: announce } : {}),
    });
    if (result === 0 && packet.clientId === 'lintel-gate') this.mainConnects.push(packet);
    if (result !== 0) {
      delete packet.will;
      socket.end();
    }
  }

  #publish(client: Client, packet: IPublishPacket): void {
    const { socket, connect } = client;
    const { topic, qos, retain, messageId = 0, properties } = packet;
    const bytes = mqttPacket.generate(packet, { protocolVersion: connect.protocolVersion ?? 4 }).length;
    const { clientId } = connect;
    const message = { topic, payload: packet.payload.toString(), qos, retain, bytes, clientId, properties };
    this.received.push(message);
    client.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, client.inFlight);
    const answer = this.script.answer?.(message) ?? 'accept';
    if (answer === 'silent') return;
    if (answer === 'cut') {
      socket.destroy();
      return;
    }
    if (typeof answer === 'object' && 'disconnect' in answer) {
      this.#send(socket, { cmd: 'disconnect', reasonCode: answer.disconnect });
      socket.end();
      return;
    }
    if (answer === 'accept') this.accepted.push(message);
    // Later, so that several messages may be in flight.
    setImmediate(() => {
      client.inFlight--;
      if (qos === 0) return;
      this.#send(socket, { cmd: 'puback', messageId, reasonCode: typeof answer === 'object' ? answer.puback : 0 });
    });
  }
}
