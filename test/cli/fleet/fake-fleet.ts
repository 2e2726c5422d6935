// A fleet that keeps its doors in memory, behind a real admin socket, for the tests of `lintel fleet`.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { CliContext, Input } from '../../../src/cli/context.js';
import { FLEET_COMMANDS } from '../../../src/cli/fleet/fleet.js';
import { silentLog } from '../../../src/domain/log.js';
import { AppError } from '../../../src/errors.js';
import { createFleetRoutes } from '../../../src/fleet/fleet-requests.js';
import type { FleetAdmin, FleetDoorStatus, FleetProof, FleetStatus } from '../../../src/fleet/fleet.types.js';
import { AdminSocket } from '../../../src/platform/admin-socket.js';
import { tempDir } from '../../support/temp-dir.js';
import { lintel, type Run } from '../terminal.js';

/** Time of the clock of the command line under test. */
export const NOW_MS = Date.UTC(2030, 0, 31, 12);

export const AUTHORITY_PRINT = '1a2b 3c4d 5e6f 7081 92a3 b4c5 d6e7 f809';
export const DOOR_PRINT = 'aaaa bbbb cccc dddd eeee ffff 0000 1111';
export const TOKEN = 'lintel-fleet-0123456789abcdef';

/** @returns a time some seconds before that of the clock, ISO 8601 */
export const ago = (seconds: number): string => new Date(NOW_MS - seconds * 1_000).toISOString();

/** A door that waits for an approval. @param digit first digit of its id */
export const waitingDoor = (name: string, digit: string): FleetDoorStatus => ({
  id: digit.repeat(32),
  name,
  fingerprint: DOOR_PRINT,
  state: 'waiting',
  models: [],
  problems: [],
  groups: [],
});

/** A door that is well. @param digit first digit of its id */
export const newDoor = (name: string, digit: string, change: Partial<FleetDoorStatus> = {}): FleetDoorStatus => ({
  ...waitingDoor(name, digit),
  state: 'approved',
  lastSeenAt: ago(12),
  lagVersions: 0,
  models: ['standard-1'],
  health: 'ok',
  groups: [{ groupId: 'staff', version: 118, state: 'current' }],
  ...change,
});

export const STAFF: FleetStatus['groups'][number] = {
  groupId: 'staff',
  modelVersion: 'standard-1',
  version: 118,
  epoch: 3,
  records: 2_000,
  root: '0123456789abcdef'.repeat(4),
  issuedAt: ago(5),
  state: 'current',
};

export const AUTHORITY: FleetStatus = {
  role: 'authority',
  fleet: '3f2a91c05b7d4e6f8091a2b3c4d5e6f7',
  name: 'hq',
  fingerprint: AUTHORITY_PRINT,
  log: { kind: 'nats', isConnected: true },
  groups: [STAFF],
  doors: [],
};

export const DOOR: FleetStatus = {
  role: 'door',
  name: 'yard',
  log: { kind: 'nats', isConnected: true },
  groups: [],
  doors: [],
  joining: { state: 'none' },
};

/** Holds one status, which its methods change and tests change in between. */
export class FakeFleet implements FleetAdmin {
  now: FleetStatus;
  /** Number of calls of `status`. */
  reads = 0;
  /** Answers to `proof`, one after the other; the last one stays. */
  proofs: FleetProof[] = [];
  events: string[] = [];
  /** Calls, with what they were given. */
  readonly calls: unknown[] = [];
  /** Resolves when a follower of events has gone. */
  readonly stopped: Promise<void>;
  #onStop: () => void = () => undefined;

  constructor(status: FleetStatus) {
    this.now = status;
    this.stopped = new Promise((resolve) => (this.#onStop = resolve));
  }

  status(): FleetStatus {
    this.reads++;
    return this.now;
  }

  async invite(by: object): ReturnType<FleetAdmin['invite']> {
    this.#note('authority', 'invite', by);
    return { token: TOKEN, fingerprint: AUTHORITY_PRINT, expiresAt: new Date(NOW_MS + 900_000).toISOString() };
  }

  async approve(id: string, options: { groups?: readonly string[] | undefined }): Promise<FleetDoorStatus> {
    this.#note('authority', 'approve', id, options);
    return this.#change(id, { state: 'approved', ...(options.groups ? { allowed: options.groups } : {}) });
  }

  async refuse(id: string, by: object): Promise<FleetDoorStatus> {
    this.#note('authority', 'refuse', id, by);
    return this.#change(id, { state: 'refused' });
  }

  async remove(id: string, by: object): Promise<FleetDoorStatus> {
    this.#note('authority', 'remove', id, by);
    return this.#change(id, { state: 'removed' });
  }

  async proof(options: object): Promise<FleetProof> {
    this.#note('authority', 'proof', options);
    const [next, ...others] = this.proofs;
    if (!next) throw new AppError('GROUP_NOT_FOUND', 'the fleet shares no such group');
    if (others.length > 0) this.proofs = others;
    return next;
  }

  async makeServerFiles(options: { hosts: readonly string[] }): ReturnType<FleetAdmin['makeServerFiles']> {
    this.#note('authority', 'makeServerFiles', options);
    return {
      files: [
        { name: 'nats-server.conf', mode: 0o644, content: `# ${options.hosts.join(' ')}\n` },
        { name: 'tls/server.key', mode: 0o600, content: 'secret\n' },
      ],
    };
  }

  async *readEvents({ door, follow, signal }: Parameters<FleetAdmin['readEvents']>[0]): AsyncGenerator<Uint8Array> {
    this.#note('authority', 'readEvents', { door, follow });
    for (const line of this.events) yield Buffer.from(`${line}\n`);
    if (!follow) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    this.#onStop();
  }

  async join(token: string, by: object): ReturnType<FleetAdmin['join']> {
    this.#note('door', 'join', token, by);
    if (token !== TOKEN) throw new AppError('TOKEN_INVALID', 'the token was used already: ask for another one');
    const known = { authority: 'hq', authorityFingerprint: AUTHORITY_PRINT };
    this.now = { ...this.now, fingerprint: DOOR_PRINT, joining: { state: 'waiting', ...known } };
    return { door: 'd'.repeat(32), fingerprint: DOOR_PRINT, ...known };
  }

  async leave(by: object): Promise<void> {
    this.#note('door', 'leave', by);
    this.now = { ...this.now, groups: [], joining: { state: 'none' } };
  }

  /** Sets what became of the request of the door itself. */
  decide(state: 'approved' | 'refused' | 'none', detail?: string): void {
    const { joining } = this.now;
    const groups = state === 'approved' ? [STAFF] : [];
    this.now = { ...this.now, groups, joining: { ...joining, state, ...(detail === undefined ? {} : { detail }) } };
  }

  #note(role: FleetStatus['role'], ...call: readonly unknown[]): void {
    if (this.now.role !== role) throw new AppError('FLEET_ROLE', `this command is for the ${role}`);
    this.calls.push(call);
  }

  #change(id: string, change: Partial<FleetDoorStatus>): FleetDoorStatus {
    const doors = this.now.doors.map((door) => (door.id === id ? { ...door, ...change } : door));
    this.now = { ...this.now, doors };
    return doors.find((door) => door.id === id)!;
  }
}

export interface FleetDevice {
  cwd: string;
  fleet: FakeFleet;
  /** Runs `lintel fleet` with these arguments. */
  run: (...args: string[]) => Promise<Run>;
  /** Like `run`, with standard input or other outputs. */
  runWith: (context: Partial<CliContext>, ...args: string[]) => Promise<Run>;
}

/** Makes a device in a fleet, and runs the admin socket of its service. */
export async function createFleetDevice(status: FleetStatus, config: object = {}): Promise<FleetDevice> {
  const servers = status.role === 'authority' ? { servers: ['nats://broker.example:4222'] } : {};
  const cwd = await createFolder({ deviceId: status.name, fleet: { role: status.role, ...servers, ...config } });
  const fleet = new FakeFleet(status);
  await serve(cwd, fleet);
  const runWith: FleetDevice['runWith'] = (context, ...args) => runFleet(cwd, args, context);
  return { cwd, fleet, runWith, run: (...args) => runWith({}, ...args) };
}

/** Makes a working directory with a configuration and the folder of the data. */
export async function createFolder(config: object): Promise<string> {
  const cwd = tempDir();
  await mkdir(join(cwd, 'var/data'), { recursive: true, mode: 0o700 });
  await writeFile(join(cwd, 'lintel.yaml'), JSON.stringify(config));
  return cwd;
}

/** Runs the admin socket of a service whose fleet this is. */
export async function serve(cwd: string, fleet: FleetAdmin | undefined): Promise<void> {
  const path = join(cwd, 'var/data/admin.sock');
  const admin = new AdminSocket({ path, routes: createFleetRoutes(fleet), log: silentLog });
  await admin.start();
  onTestFinished(() => admin.stop());
}

export function runFleet(cwd: string, args: readonly string[], context: Partial<CliContext> = {}): Promise<Run> {
  return lintel(['fleet', ...args, '--config', 'lintel.yaml'], { fleet: FLEET_COMMANDS }, { cwd, ...context });
}

/** Standard input that is a terminal, on which this is typed. */
export function typeText(text: string): Input {
  return Object.assign(Readable.from([text]), { isTTY: true });
}
