// What an attack is, and what all attacks use: connections, requests, clients side by side, and a tally of the answers.
import { connect, type Socket } from 'node:net';
import { request, type Agent } from 'node:http';

export interface Target {
  port: number;
  /** Path of the REST API with a valid appKey. */
  basePath: string;
  brokerPort: number;
}

export interface AttackContext {
  target: Target;
  tally: Tally;
  /** Aborts when the attack shall end. */
  signal: AbortSignal;
}

/** Attacks until the signal aborts. A refused or broken connection is part of its work and no error. */
export type Attack = (context: AttackContext) => Promise<void>;

/** Counts what became of the attempts, by a short name such as `-50300` or `ECONNRESET`. */
export class Tally {
  readonly counts: Record<string, number> = {};

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

/** Opens a connection and counts how it ends. Nothing that arrives is read unless the caller reads it. */
export function openSocket({ tally }: AttackContext, port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('connect', () => tally.count('connected'));
  socket.on('error', (error: NodeJS.ErrnoException) => tally.count(error.code ?? error.message));
  socket.on('close', () => tally.count('closed'));
  return socket;
}

/** Makes the head of a POST, up to and without the body. */
export function makeHead({ target }: AttackContext, path: string, lines: readonly string[]): string {
  return [`POST ${target.basePath}${path} HTTP/1.1`, `host: 127.0.0.1:${target.port}`, ...lines, '', ''].join('\r\n');
}

/** Posts a body and counts the result code of the answer. Resolves when the answer is complete or the connection broken. */
export function post(context: AttackContext, path: string, body: Uint8Array | string, agent?: Agent): Promise<void> {
  const { target, tally, signal } = context;
  tally.count('sent');
  return new Promise((resolve) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: target.port,
        method: 'POST',
        path: target.basePath + path,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        agent,
        signal,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text.length < 2_000 ? (text += chunk) : undefined));
        response.on('close', () => {
          const code = /"resultCode":\s*(-?\d+)/.exec(text)?.[1];
          tally.count(code ?? `HTTP ${response.statusCode}`);
          resolve();
        });
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (!signal.aborted) tally.count(error.code ?? error.message);
      resolve();
    });
    sent.end(body);
  });
}

/** Makes the body of an operation with one picture. */
export function makePictureBody(picture: Uint8Array): string {
  return JSON.stringify({ image: { bytes: Buffer.from(picture).toString('base64') } });
}

/** A step that takes less was refused; the client then waits before it tries again. */
const QUICK_MS = 10;
const REFUSED_PAUSE_MS = 200;

/** Runs several clients side by side, each doing its step again and again until the signal aborts. */
export async function runClients(
  { signal }: AttackContext,
  count: number,
  step: (client: number) => Promise<void>,
): Promise<void> {
  const run = async (client: number): Promise<void> => {
    while (!signal.aborted) {
      const beganMs = performance.now();
      await step(client);
      // Clients that are refused at once must not use up the processors that the service runs on.
      if (performance.now() - beganMs < QUICK_MS) await wait(REFUSED_PAUSE_MS, signal);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, client) => run(client)));
}

/** Waits for a time or for the end of the attack. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Resolves when a connection has ended. */
export function waitForClose(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
