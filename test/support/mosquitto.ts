// A mosquitto broker and a subscriber as processes, and a TCP relay in front of a broker; for tests, and for tools without a test runner.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` };

/** Lists the programs that are not installed. */
export function listMissingPrograms(...names: string[]): string[] {
  return names.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`], { env }).status !== 0);
}

async function endProcess(child: ChildProcess | undefined, how: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  // A frozen process must be continued before it can end.
  child.kill('SIGCONT');
  child.kill(how);
  await exit;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A mosquitto on 127.0.0.1 that can be killed, frozen, and started again on the same port. `restart` starts it. */
export class MosquittoProcess {
  readonly port: number;
  readonly #file: string;
  #child: ChildProcess | undefined;

  /**
   * Writes the configuration.
   * @param folder place of the configuration file
   * @param lines of mosquitto.conf beside the listener
   */
  constructor(port: number, folder: string, lines: readonly string[]) {
    this.port = port;
    this.#file = join(folder, 'mosquitto.conf');
    // Without `user root` mosquitto changes to another user, which may not read files in temporary folders.
    writeFileSync(this.#file, [`listener ${port} 127.0.0.1`, 'user root', ...lines, ''].join('\n'));
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Kills the broker if it runs, starts it, and waits until it accepts connections. */
  async restart(): Promise<void> {
    await this.kill();
    const child = spawn('mosquitto', ['-c', this.#file], { stdio: 'ignore', env });
    this.#child = child;
    while (!(await accepts(this.port))) {
      if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`);
      await sleep(10);
    }
  }

  async kill(how: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await endProcess(this.#child, how);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Publishes as another client does. @returns the exit code of mosquitto_pub: 0 when the broker accepted the message */
  async publish(topic: string, payload: string | Buffer): Promise<unknown> {
    const options = ['-h', '127.0.0.1', '-p', String(this.port), '-V', '311', '-q', '1', '-t', topic, '-s'];
    const child = spawn('mosquitto_pub', options, { stdio: ['pipe', 'ignore', 'ignore'], env });
    child.stdin.end(payload);
    const [code] = (await once(child, 'exit')) as [unknown];
    return code;
  }
}

/** A mosquitto_sub. It connects again by itself when its broker comes back. */
export class MosquittoSub {
  readonly #child: ChildProcess;
  #subscriptions = 0;

  /**
   * Starts the process.
   * @param args further options, such as -q, -u and -F; the output format should tell messages from the lines of -d
   * @param onLine gets every line of its output
   */
  constructor(port: number, topic: string, args: readonly string[], onLine: (line: string) => void) {
    // -V 311: the embedded broker speaks MQTT 3.1.1. -d prints each SUBACK. stdbuf, because the output would stay in a buffer.
    const options = ['-h', '127.0.0.1', '-p', String(port), '-V', '311', '-t', topic, '-d', ...args];
    const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...options], { stdio: ['ignore', 'pipe', 'ignore'], env });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('received SUBACK')) this.#subscriptions++;
      onLine(line);
    });
  }

  /** Number of subscriptions that a broker has acknowledged: one more after each restart of the broker. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Exit code; null while it runs. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  async end(): Promise<void> {
    await endProcess(this.#child, 'SIGKILL');
  }
}

/** A TCP relay in front of a broker. It can be shut, which also ends the open connections, and opened. */
export class TcpRelay {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #onData: ((chunk: Buffer) => void) | undefined;
  #isOpen: boolean;

  /**
   * @param target port of the broker
   * @param options.isOpen whether it accepts connections from the beginning
   * @param options.onData gets the bytes on their way to the broker
   */
  constructor(target: number, options: { isOpen: boolean; onData?: (chunk: Buffer) => void }) {
    this.#target = target;
    this.#isOpen = options.isOpen;
    this.#onData = options.onData;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends the open connections, and accepts no new ones. */
  shut(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  open(): void {
    this.#isOpen = true;
  }

  #accept(socket: Socket): void {
    if (!this.#isOpen) {
      socket.destroy();
      return;
    }
    const onward = connect(this.#target, '127.0.0.1');
    if (this.#onData) socket.on('data', this.#onData);
    this.#pipe(socket, onward);
    this.#pipe(onward, socket);
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }
}
