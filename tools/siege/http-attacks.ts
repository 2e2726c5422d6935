// Attacks on the API: bodies that cost memory or the main thread, connections that cost descriptors, and floods.
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import {
  makeHead,
  makePictureBody,
  openSocket,
  post,
  runClients,
  wait,
  waitForClose,
  type Attack,
  type AttackContext,
} from './attack.js';
import { renderSmallPicture } from './pictures.js';

const LARGE_BODY_BYTES = 4_000_000;

/** Sends bodies in chunks of one byte: each chunk costs six bytes on the wire. */
export const oneByteChunks: Attack = async (context) => {
  const chunks = Buffer.from('1\r\na\r\n'.repeat(10_000));
  await runClients(context, 8, async () => {
    const socket = openSocket(context, context.target.port);
    const closed = waitForClose(socket);
    socket.write(makeHead(context, '/detect', ['transfer-encoding: chunked']) + '2\r\n{"\r\n');
    for (let i = 0; i < 400 && !context.signal.aborted && !socket.destroyed; i++) {
      if (!socket.write(chunks)) await Promise.race([closed, waitForDrain(socket), wait(1_000, context.signal)]);
    }
    socket.destroy();
    await closed;
  });
};

/** Has 240 large bodies in flight, and never ends them. */
export const unfinishedBodies: Attack = async (context) => {
  const part = Buffer.alloc(LARGE_BODY_BYTES - 1_000, 'A');
  await runClients(context, 240, async () => {
    const socket = openSocket(context, context.target.port);
    const closed = waitForClose(socket);
    socket.resume();
    socket.write(makeHead(context, '/detect', [`content-length: ${LARGE_BODY_BYTES}`]) + '{"image":{"bytes":"');
    socket.write(part);
    await Promise.race([closed, wait(20_000, context.signal)]);
    socket.destroy();
    await closed;
  });
};

/** Posts large bodies of nested arrays, of many small tokens, of many keys, and of keys that are long. */
export const hostileJson: Attack = async (context) => {
  const bodies = [
    `{"image":${'['.repeat(LARGE_BODY_BYTES / 2)}${']'.repeat(LARGE_BODY_BYTES / 2)}}`,
    `{"image":[${'[],'.repeat(LARGE_BODY_BYTES / 3)}[]]}`,
    `{${Array.from({ length: LARGE_BODY_BYTES / 12 }, (_, i) => `"k${i}":0`).join()}}`,
    `{"image":{"bytes":"${'\\u0041'.repeat(LARGE_BODY_BYTES / 6)}"}}`,
    `{"${'k'.repeat(LARGE_BODY_BYTES)}":1}`,
    '['.repeat(LARGE_BODY_BYTES),
  ].map((text) => Buffer.from(text));
  let next = 0;
  await runClients(context, 3, () => post(context, '/detect', bodies[next++ % bodies.length]!));
};

/** Opens connections as long as they are accepted, and keeps them. Each asks once for a page, so that it counts as alive. */
export const connections: Attack = async (context) => {
  const request = `GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${context.target.port}\r\n\r\n`;
  await runClients(context, 2_000, async () => {
    const socket = openSocket(context, context.target.port);
    const closed = waitForClose(socket);
    socket.resume();
    socket.write(request);
    await Promise.race([closed, wait(30_000, context.signal)]);
    await wait(500, context.signal);
    socket.destroy();
    await closed;
  });
};

/** Drips the heads of requests, byte by byte. */
export const slowHeads: Attack = async (context) => {
  await runClients(context, 200, async () => {
    const socket = openSocket(context, context.target.port);
    const closed = waitForClose(socket);
    socket.resume();
    socket.write('GET / HTTP/1.1\r\n');
    while (!context.signal.aborted && !socket.destroyed) {
      socket.write('x-a: b\r\n');
      await Promise.race([closed, wait(500, context.signal)]);
    }
    socket.destroy();
    await closed;
  });
};

/** Sends valid requests as fast as 32 clients can. */
export const requestFlood: Attack = async (context) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const body = makePictureBody(renderSmallPicture());
  await runClients(context, 32, () => post(context, '/detect', body, agent));
  agent.destroy();
};

/** Asks for long answers on many connections, and never reads them. */
export const unreadAnswers: Attack = async (context) => {
  const request = `GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1:${context.target.port}\r\n\r\n`;
  await runClients(context, 50, async () => {
    const socket = openSocket(context, context.target.port);
    const closed = waitForClose(socket);
    socket.pause();
    for (let i = 0; i < 50 && !context.signal.aborted && !socket.destroyed; i++) {
      socket.write(request);
      await wait(20, context.signal);
    }
    await Promise.race([closed, wait(10_000, context.signal)]);
    socket.destroy();
    await closed;
  });
};

/** Posts large bodies with an appKey that is wrong. */
export const wrongKeys: Attack = async (context) => {
  const body = Buffer.alloc(LARGE_BODY_BYTES, 'A');
  const wrong: AttackContext = {
    ...context,
    target: { ...context.target, basePath: context.target.basePath.replace(/[^/]+$/, 'x'.repeat(43)) },
  };
  await runClients(context, 8, () => post(wrong, '/detect', body));
};

function waitForDrain(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', () => resolve()));
}
