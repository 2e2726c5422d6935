// Attacks on the embedded broker: all of its places, the client ids of others, and subscribers that do not read.
import { openSocket, runClients, wait, waitForClose, type Attack, type AttackContext } from './attack.js';

/** Takes places as long as they are given. */
export const brokerPlaces: Attack = (context) => hold(context, 150, (client) => `siege-${client}`, []);

/** Connects under the client ids of the door controller and of Lintel, again and again. */
export const brokerTakeover: Attack = async (context) => {
  const ids = ['siege-witness', 'lintel', 'lintel-lintel'];
  await runClients(context, 6, async (client) => {
    const socket = openSocket(context, context.target.brokerPort);
    const closed = waitForClose(socket);
    socket.on('data', (data: Buffer) => context.tally.count(data[0] === 0x20 ? `CONNACK ${data[3]}` : 'packet'));
    socket.write(makeConnect(ids[client % ids.length]!));
    await Promise.race([closed, wait(100, context.signal)]);
    socket.destroy();
    await closed;
  });
};

/** Subscribes to everything, on many connections, and never reads. */
export const brokerStalled: Attack = (context) =>
  hold(context, 80, (client) => `stalled-${client}`, ['#', '$SYS/#', 'lintel/#']);

/** Sends packets that cost the broker: thousands of filters, long topics, wills, retained messages. */
export const brokerPackets: Attack = async (context) => {
  const filters = Array.from({ length: 2_000 }, (_, i) => `lintel/${i}/#`);
  await runClients(context, 10, async (client) => {
    const socket = openSocket(context, context.target.brokerPort);
    const closed = waitForClose(socket);
    socket.resume();
    socket.write(makeConnect(`packets-${client}`));
    for (let i = 0; i < 20 && !context.signal.aborted && !socket.destroyed; i++) {
      socket.write(makeSubscribe(filters));
      socket.write(makePublish('lintel/lintel/door/match', '{"type":"match"}'));
      await Promise.race([closed, wait(20, context.signal)]);
    }
    socket.destroy();
    await closed;
  });
};

async function hold(
  context: AttackContext,
  count: number,
  nameClient: (client: number) => string,
  filters: readonly string[],
): Promise<void> {
  await runClients(context, count, async (client) => {
    const socket = openSocket(context, context.target.brokerPort);
    const closed = waitForClose(socket);
    socket.write(makeConnect(nameClient(client)));
    if (filters.length > 0) {
      socket.write(makeSubscribe(filters));
      socket.pause();
    } else {
      socket.resume();
    }
    await Promise.race([closed, wait(60_000, context.signal)]);
    await wait(200, context.signal);
    socket.destroy();
    await closed;
  });
}

/** Makes a CONNECT of MQTT 3.1.1 (OASIS standard, section 3.1), with a clean session and a keep-alive of 60 s. */
export function makeConnect(clientId: string): Buffer {
  const head = Buffer.from([0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3c]);
  return makePacket(0x10, Buffer.concat([head, makeText(clientId)]));
}

function makeSubscribe(filters: readonly string[]): Buffer {
  const asked = filters.map((filter) => Buffer.concat([makeText(filter), Buffer.from([0])]));
  return makePacket(0x82, Buffer.concat([Buffer.from([0, 1]), ...asked]));
}

/** Makes a PUBLISH with QoS 0 that asks to be retained. */
function makePublish(topic: string, payload: string): Buffer {
  return makePacket(0x31, Buffer.concat([makeText(topic), Buffer.from(payload)]));
}

function makeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function makePacket(type: number, body: Buffer): Buffer {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}
