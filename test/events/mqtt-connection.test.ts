// One connection to a broker: the limits within which it must answer.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { openConnection, type Connection } from '../../src/events/mqtt-connection.js';

/** Connects to a server that accepts the connection, and then never answers again. */
async function connectToSilence(ackTimeoutMs: number): Promise<Connection> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    // CONNACK of MQTT 3.1.1.
    socket.once('data', () => socket.write(Buffer.from('20020000', 'hex')));
    onTestFinished(() => void socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return openConnection({
    target: { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, protocolVersions: [4] },
    version: 4,
    deviceId: 'gate',
    clientId: 'lintel-gate',
    timing: { connectTimeoutMs: 5_000, ackTimeoutMs, keepaliveS: 60, endTimeoutMs: 100 },
    clock: () => 1_000,
    monotonic: () => performance.now(),
    signal: new AbortController().signal,
  });
}

it.each([
  ['the acknowledgement limit', undefined, 20, 'no PUBACK within 20 ms'],
  ['the life of the message', 1_300, 60_000, 'no PUBACK within 300 ms'],
  ['a quarter of a second, though the message expires before', 1_001, 60_000, 'no PUBACK within 250 ms'],
  ['a limit in whole milliseconds', 1_300.4, 60_000, 'no PUBACK within 300 ms'],
])(
  'a missing PUBACK ends the connection after %s, and the reason names it',
  async (_, expiresAtMs, limitMs, reason) => {
    const connection = await connectToSilence(limitMs);
    const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
    await expect(connection.offer({ topic: 't', payload: '', retain: false, ...expiry })).rejects.toThrow(reason);
    expect((await connection.closed).message).toBe(reason);
    expect(connection.open).toBe(false);
  },
);

it('a missing PINGRESP and a missing SUBACK end the connection, and the reason names the limit', async () => {
  await expect((await connectToSilence(20)).probe()).rejects.toThrow('no PINGRESP within 20 ms');
  const connection = await connectToSilence(20);
  await expect(connection.subscribe('t', () => undefined)).rejects.toThrow('no SUBACK within 20 ms');
});

it('everything without an answer fails when the connection ends, and later requests fail at once', async () => {
  const connection = await connectToSilence(60_000);
  const message = { topic: 't', payload: '', retain: false };
  const requests = [connection.offer(message), connection.offer(message), connection.probe()];
  const settled = Promise.allSettled(requests);
  await connection.end();
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await expect(connection.offer(message)).rejects.toThrow('stopped');
});
