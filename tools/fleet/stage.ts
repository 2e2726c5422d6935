// A whole fleet on this machine: a real nats-server, an authority and doors, each in a process of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../test/support/free-port.js';
import { MemberProcess } from './member-process.js';

const PATHS = ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server'];
const START_MS = 20_000;
const JOIN_MS = 30_000;
/** Folders in the generated configuration, which is made for a machine of its own. */
const CONFIG_FOLDER = '/etc/lintel-nats';
const STORE_FOLDER = '/var/lib/lintel-nats';

export const MODEL = 'm1';
const BY = { renewSeconds: 2 };

export class FleetStage {
  readonly folder: string;
  readonly port: number;
  authority: MemberProcess;
  #server: ChildProcess | undefined;
  readonly #authoritySection: Record<string, unknown>;

  private constructor(folder: string, port: number, authority: MemberProcess, section: Record<string, unknown>) {
    this.folder = folder;
    this.port = port;
    this.authority = authority;
    this.#authoritySection = section;
  }

  /** Starts an authority and its server. @param folder is made, and stays */
  static async start(folder: string, section: Record<string, unknown> = {}): Promise<FleetStage> {
    const port = await freePort();
    const whole = { role: 'authority', servers: [`tls://127.0.0.1:${port}`], ...BY, ...section };
    const authority = await startMember(folder, 'office', whole);
    const stage = new FleetStage(folder, port, authority, whole);
    await stage.#writeServerFiles();
    await stage.startServer();
    return stage;
  }

  get serverStore(): string {
    return join(this.folder, 'server', 'store');
  }

  get serverPid(): number | undefined {
    return this.#server?.pid;
  }

  async startAuthority(): Promise<MemberProcess> {
    this.authority = await startMember(this.folder, 'office', this.#authoritySection);
    return this.authority;
  }

  /** Starts a door, which joins unless it has. @param port of the server as this door reaches it */
  async startDoor(
    name: string,
    { port = this.port, ...section }: Record<string, unknown> = {},
  ): Promise<MemberProcess> {
    const servers = [`tls://127.0.0.1:${String(port)}`];
    return startMember(this.folder, name, { role: 'door', servers, ...BY, ...section });
  }

  /** Lets a door join, and approves it. */
  async join(door: MemberProcess): Promise<void> {
    const token = await this.authority.ask('invite');
    await door.ask('join', { token });
    await this.#wait(`${door.name} waits`, async () => {
      const { doors } = await this.authority.ask('status');
      return doors.some(({ name, state }) => name === door.name && state === 'waiting');
    });
    await this.authority.ask('approve', { door: door.name });
    await this.#wait(`${door.name} is approved`, async () => (await door.ask('status')).joining?.state === 'approved');
  }

  async startServer(): Promise<void> {
    const log = join(this.folder, 'server', 'log.txt');
    rmSync(log, { force: true });
    const program = PATHS.find((path) => existsSync(path));
    if (program === undefined) throw new Error('there is no nats-server on this machine');
    this.#server = spawn(program, ['-c', join(this.folder, 'server', 'nats-server.conf'), '-l', log], {
      stdio: 'ignore',
    });
    const isReady = (): boolean => existsSync(log) && readFileSync(log, 'utf8').includes('Server is ready');
    await this.#wait('the server is ready', async () => isReady(), START_MS);
  }

  /** Kills the server, as a power cut would. */
  async killServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }

  /** Ends the server and the authority; the caller ends the doors. */
  async end(): Promise<void> {
    await this.authority.stop();
    await this.killServer();
  }

  async #writeServerFiles(): Promise<void> {
    const folder = join(this.folder, 'server');
    mkdirSync(this.serverStore, { recursive: true, mode: 0o700 });
    const { files } = await this.authority.ask('serverFiles', { hosts: ['127.0.0.1'] });
    for (const { name, mode, content } of files) {
      const own = content
        .replaceAll(CONFIG_FOLDER, folder)
        .replaceAll(STORE_FOLDER, this.serverStore)
        .replace(/^listen: .*$/m, `listen: "127.0.0.1:${this.port}"`);
      writeFileSync(join(folder, name), own, { mode });
    }
  }

  async #wait(what: string, check: () => Promise<boolean>, limitMs = JOIN_MS): Promise<void> {
    const endMs = performance.now() + limitMs;
    while (!(await check())) {
      if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      await delay(20);
    }
  }
}

function startMember(folder: string, name: string, fleet: Record<string, unknown>): Promise<MemberProcess> {
  return MemberProcess.start({ folder: join(folder, name), name, fleet, modelVersions: [MODEL] });
}
