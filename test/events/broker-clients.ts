// Clients of the embedded broker for tests: raw sockets with their packets, and Lintel's own connection.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import type { EmbeddedBroker } from '../../src/events/embedded-broker.js';

/** Opens a TCP connection that ends with the test. */
export async function dial(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect(port, host);
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Resolves with everything that came, when the other side has ended the connection. */
export async function untilClosed(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await untilGone(socket);
  return Buffer.concat(chunks);
}

/** Resolves when a socket is closed, also by a reset. */
async function untilGone(socket: Socket): Promise<undefined> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** A text, or bytes in its place, with the length before it. */
export function encodeText(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** Makes a packet: its first byte, its length, its body. */
export function makePacket(first: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

export interface ConnectFields {
  clean?: boolean;
  keepAliveS?: number;
  user?: { name: string; password: string };
  will?: { topic: string; payload: string; qos?: 0 | 1 | 2; retain?: boolean };
}

/** MQTT 3.1.1 CONNECT. */
export function connectPacket(
  clientId: string,
  { clean = true, keepAliveS = 60, user, will }: ConnectFields = {},
): Buffer {
  const willFlags = will ? 4 + (will.qos ?? 0) * 8 + (will.retain ? 32 : 0) : 0;
  const flags = (clean ? 2 : 0) + willFlags + (user ? 0xc0 : 0);
  return makePacket(
    0x10,
    encodeText('MQTT'),
    Buffer.from([4, flags, keepAliveS >> 8, keepAliveS & 0xff]),
    encodeText(clientId),
    ...(will ? [encodeText(will.topic), encodeText(will.payload)] : []),
    ...(user ? [encodeText(user.name), encodeText(user.password)] : []),
  );
}

export function subscribePacket(filters: readonly string[], qos: 0 | 1 = 0): Buffer {
  return makePacket(
    0x82,
    Buffer.from([0, 1]),
    ...filters.map((filter) => Buffer.concat([encodeText(filter), Buffer.from([qos])])),
  );
}

/** PUBLISH with QoS 0. */
export function publishPacket(topic: string, payload: string, retain = false): Buffer {
  return makePacket(retain ? 0x31 : 0x30, encodeText(topic), Buffer.from(payload));
}

/** Connects a socket, and returns it with the return code of the CONNACK; undefined when the broker ended the connection instead. */
export async function join(
  port: number,
  clientId: string,
  fields: ConnectFields = {},
): Promise<{ socket: Socket; code: number | undefined }> {
  const socket = await dial(port);
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  answered.catch(() => undefined);
  socket.write(connectPacket(clientId, fields));
  const answer = await Promise.race([answered, untilGone(socket)]);
  return { socket, code: answer?.[0][3] };
}

/** Lintel's own connection to its broker, which ends with the test. */
export async function connectOwn(broker: EmbeddedBroker, clientId = 'lintel-gate'): Promise<MqttClient> {
  const options = { clientId, protocolVersion: 4, reconnectPeriod: 0 } as const;
  const client = new MqttClient(() => broker.connect(), options);
  client.on('error', () => undefined);
  onTestFinished(() => void client.end(true));
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  return client;
}
