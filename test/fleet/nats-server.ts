// A real nats-server with JetStream for tests, on a free port of the loopback address.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Paths at which distributions install it. */
const PATHS = ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server'];
const START_MS = 20_000;

export const natsServerPath = process.env['LINTEL_TEST_NATS_SERVER'] ?? PATHS.find((path) => existsSync(path));
if (natsServerPath === undefined) console.warn('skipped: nats-server is not installed (apt-get install nats-server)');

/** A file for the folder of the server. */
export interface ServerFile {
  name: string;
  mode: number;
  content: string;
}

export class NatsServer {
  /** Contains the files, the store, and `log.txt`. */
  readonly folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #port = -1;

  private constructor(folder: string, args: readonly string[]) {
    this.folder = folder;
    this.#args = args;
  }

  /** Starts a server without accounts. */
  static async start(): Promise<NatsServer> {
    const folder = makeFolder();
    return NatsServer.#start(folder, ['-js', '-sd', join(folder, 'store')]);
  }

  /** Starts a server with a configuration. @param makeFiles the file `nats-server.conf` and what it needs, for the folder */
  static async startWith(makeFiles: (folder: string) => readonly ServerFile[]): Promise<NatsServer> {
    const folder = makeFolder();
    for (const { name, mode, content } of makeFiles(folder)) writeFileSync(join(folder, name), content, { mode });
    return NatsServer.#start(folder, ['-c', join(folder, 'nats-server.conf')]);
  }

  static async #start(folder: string, args: readonly string[]): Promise<NatsServer> {
    const server = new NatsServer(folder, args);
    await server.restart();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  get log(): string {
    return readFileSync(join(this.folder, 'log.txt'), 'utf8');
  }

  /** Starts the server on the same port and store as before. */
  async restart(): Promise<void> {
    const args = ['-a', '127.0.0.1', '-p', String(this.#port), '--ports_file_dir', this.folder];
    const child = spawn(natsServerPath!, [...this.#args, ...args, '-l', join(this.folder, 'log.txt')], {
      stdio: 'ignore',
    });
    this.#child = child;
    const endMs = Date.now() + START_MS;
    for (;;) {
      const name = readdirSync(this.folder).find((file) => file === `nats-server_${child.pid}.ports`);
      const text = name === undefined ? '' : readFileSync(join(this.folder, name), 'utf8');
      const port = /"nats":\s*\[\s*"[^"]+:(\d+)"/.exec(text)?.[1];
      if (port !== undefined) {
        this.#port = Number(port);
        return;
      }
      if (Date.now() > endMs || child.exitCode !== null)
        throw new Error(`nats-server does not start: ${existsSync(join(this.folder, 'log.txt')) ? this.log : ''}`);
      await delay(20);
    }
  }

  /** Ends the server at once, as a power cut would. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Deletes what the server has stored, with its accounts; it must have been killed. */
  wipe(): void {
    rmSync(join(this.folder, 'store'), { recursive: true, force: true });
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'lintel-nats-'));
}
