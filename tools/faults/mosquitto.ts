// A real broker and a subscriber of it, processes of their own, and a relay in between that keeps the device away until both are there.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/free-port.js';

const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` };

/** Programs of the broker that are not installed. */
export function absentPrograms(): string[] {
  const programs = ['mosquitto', 'mosquitto_sub', 'stdbuf'];
  return programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`], { env }).status !== 0);
}

/** Looks every 5 ms. @throws Error after a minute */
export async function until(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`);
    await sleep(5);
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

export class Broker {
  readonly port: number;
  readonly #file: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, file: string) {
    this.port = port;
    this.#file = file;
  }

  /** @param folder of its configuration */
  static async start(folder: string): Promise<Broker> {
    const port = await freePort();
    const file = join(folder, 'mosquitto.conf');
    // Without a limit a message is in the socket of a connected subscriber before its publisher has the PUBACK: so what a kill -9 takes
    // from the broker has no PUBACK, and must come again.
    const lines = ['allow_anonymous true', 'max_inflight_messages 0', 'max_queued_messages 0', 'persistence false'];
    writeFileSync(file, [`listener ${port} 127.0.0.1`, 'user root', ...lines, ''].join('\n'));
    const broker = new Broker(port, file);
    await broker.start();
    return broker;
  }

  async start(): Promise<void> {
    const child = spawn('mosquitto', ['-c', this.#file], { stdio: 'ignore', env });
    this.#child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`);
      const socket = connect(this.port, '127.0.0.1');
      const isOpen = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (isOpen) return;
      await sleep(10);
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await end(this.#child);
  }
}

export interface Arrival {
  topic: string;
  payload: string;
  /** Time of arrival, by the subscriber's clock. */
  atMs: number;
}

/** QoS 0: it has nothing to answer, so that nothing makes the system throw away what lies in its socket when the broker dies. */
export class Listener {
  readonly #child: ChildProcess;
  #subscriptions = 0;

  /** @param onArrival in the order of arrival */
  constructor(port: number, topic: string, onArrival: (arrival: Arrival) => void) {
    const options = ['-V', '311', '-q', '0', '-t', topic, '-d', '-F', 'MESSAGE %U %t %p'];
    const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-h', '127.0.0.1', '-p', String(port), ...options], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env,
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('received SUBACK')) this.#subscriptions++;
      const found = /^MESSAGE (\S+) (\S+) (.*)$/.exec(line);
      if (found) onArrival({ topic: found[2]!, payload: found[3]!, atMs: Number(found[1]) * 1_000 });
    });
  }

  /** Acknowledged by a broker so far: one more after each restart of it. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  async end(): Promise<void> {
    await end(this.#child);
  }
}

export class Gate {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #onSent: (expiresAt: string, atMs: number) => void;
  #isOpen = false;

  /** @param onSent for each match that the device sends, as far as it comes in one piece */
  constructor(target: number, onSent: (expiresAt: string, atMs: number) => void) {
    this.#target = target;
    this.#onSent = onSent;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  open(): void {
    this.#isOpen = true;
  }

  /** Ends what is connected. */
  shut(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    if (!this.#isOpen) {
      socket.destroy();
      return;
    }
    const onward = connect(this.#target, '127.0.0.1');
    socket.on('data', (chunk) => {
      const atMs = Date.now();
      // The topic of a match stands in its own packet only, the history's have another.
      for (const [, expiresAt] of chunk.toString('latin1').matchAll(/\/match.{0,600}?"expiresAt":"([^"]+)"/gs)) {
        this.#onSent(expiresAt!, atMs);
      }
    });
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ]) {
      this.#sockets.add(one!);
      one!.on('error', () => other!.destroy());
      one!.on('close', () => {
        this.#sockets.delete(one!);
        other!.destroy();
      });
      one!.pipe(other!);
    }
  }
}
