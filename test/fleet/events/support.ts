// Doors for the tests of the events up: each with a real store and a real event log, and the uplink between it and a log of the fleet.
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { silentLog, type Log } from '../../../src/domain/log.js';
import { EventLog } from '../../../src/events/event-log.js';
import type { RecognitionEvent } from '../../../src/events/event.js';
import { createHistoryEncoder, type HistoryRecord } from '../../../src/events/history.js';
import { EventSigner } from '../../../src/events/signing.js';
import { EventUplink, type EventUplinkOptions } from '../../../src/fleet/event-uplink.js';
import { FleetEvents, type FleetEvent, type FleetEventDoor } from '../../../src/fleet/fleet-events.js';
import type { FleetLog } from '../../../src/fleet/fleet-log.js';
import { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import { openSealed, sealFor } from '../../../src/fleet/sealed-box.js';
import { SealedUplinkState } from '../../../src/fleet/uplink-state.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import { aDraft, eventually } from '../../events/support.js';
import { tempDir } from '../../support/temp-dir.js';
import { NatsServer } from '../nats-server.js';

const signal = new AbortController().signal;
const LIMITS = { maxEvents: 100_000, maxBytes: 500_000_000, maxAgeHours: 24 };

export const AUTHORITY = generateKeyPairSync('x25519');

const EAGER = { backoffFirstMs: 5, backoffMaxMs: 20, stopTimeoutMs: 2_000, recordsPerSecond: 1e6, bytesPerSecond: 1e9 };

export interface DoorOptions extends Partial<EventUplinkOptions> {
  limits?: Partial<typeof LIMITS>;
}

/** A door whose process can be started, ended in order, and cut off. */
export class Door {
  readonly id = randomBytes(16).toString('hex');
  readonly name: string;
  readonly key: KeyObject;
  readonly #directory = join(tempDir(), 'data');
  readonly #masterKey = randomBytes(32);
  readonly #signer: EventSigner;
  #store: SealedStore | undefined;
  #log: EventLog | undefined;
  #uplink: EventUplink | undefined;

  constructor(name: string) {
    this.name = name;
    const { privateKey } = generateKeyPairSync('ed25519');
    this.key = privateKey;
    this.#signer = new EventSigner(privateKey);
    onTestFinished(() => this.stop());
  }

  /** Starts the event log without an uplink. */
  async startLog({
    limits,
    log = silentLog,
  }: { limits?: Partial<typeof LIMITS> | undefined; log?: Log } = {}): Promise<void> {
    this.#store = new SealedStore({ directory: this.#directory, masterKey: this.#masterKey, log });
    await this.#store.start(signal);
    this.#log = new EventLog({
      store: this.#store,
      deviceId: this.name,
      limits: { ...LIMITS, ...limits },
      consumers: ['fleet'],
      signer: this.#signer,
      clock: Date.now,
      log,
    });
    await this.#log.start();
  }

  async start(fleet: Pick<FleetLog, 'append'>, { limits, ...options }: DoorOptions = {}): Promise<EventUplink> {
    if (!this.#log) await this.startLog({ limits });
    this.#uplink = new EventUplink({
      fleet,
      door: this.id,
      source: this.#log!.source('fleet'),
      feed: this.#log!,
      encodeHistory: createHistoryEncoder(this.name, 'fleet', this.#signer.signObject),
      seal: (message) => sealFor(AUTHORITY.publicKey, `events/${this.id}`, message),
      state: new SealedUplinkState(this.#store!),
      resendMaxAgeMs: 3_600_000,
      clock: Date.now,
      monotonic: () => performance.now(),
      random: () => 0,
      log: silentLog,
      timing: EAGER,
      ...options,
    });
    await this.#uplink.start();
    return this.#uplink;
  }

  async stop(): Promise<void> {
    await this.#uplink?.stop();
    await this.#log?.stop();
    await this.#store?.stop();
    this.#uplink = this.#log = this.#store = undefined;
  }

  get describe(): FleetEventDoor {
    return { id: this.id, name: this.name, eventKeys: [this.#signer.info.publicKeyJwk.x] };
  }

  get pending(): number {
    return this.#log!.pending('fleet');
  }

  emit(change: Parameters<typeof aDraft>[1] = {}): Promise<RecognitionEvent> {
    return this.#log!.emit(aDraft(60_000, change));
  }

  async emitMany(count: number, change: Parameters<typeof aDraft>[1] = {}): Promise<void> {
    for (let done = 0; done < count; done += 500) {
      await Promise.all(Array.from({ length: Math.min(500, count - done) }, () => this.emit(change)));
    }
  }

  /** Resolves when the log of the fleet has everything. */
  async settled(timeoutMs = 30_000): Promise<void> {
    await eventually(() => this.pending === 0, timeoutMs);
  }

  encode(record: HistoryRecord, stream: 'fleet' | 'mqtt' = 'fleet'): string {
    return createHistoryEncoder(this.name, stream, this.#signer.signObject)(record, false);
  }
}

export function newReader(fleet: Pick<FleetLog, 'read'>, doors: readonly Door[]): FleetEvents {
  return new FleetEvents({
    fleet,
    listDoors: () => doors.map((door) => door.describe),
    open: (door, sealed) => openSealed(AUTHORITY.privateKey, `events/${door}`, sealed),
    monotonic: () => performance.now(),
    timing: { pollMs: 10, checkMs: 30 },
  });
}

/** Reads everything that is there. */
export async function readAll(fleet: Pick<FleetLog, 'read'>, doors: readonly Door[]): Promise<FleetEvent[]> {
  const events: FleetEvent[] = [];
  for await (const event of newReader(fleet, doors).read({ signal })) events.push(event);
  return events;
}

export function readNumber({ message }: FleetEvent): number | undefined {
  return (message as { sequence?: number } | undefined)?.sequence;
}

/** A real nats-server with the log of a fleet of its own for each test. */
export class EventServer {
  readonly server: NatsServer;
  #fleet = '';
  #authority: NatsLog | undefined;

  private constructor(server: NatsServer) {
    this.server = server;
  }

  static async start(): Promise<EventServer> {
    return new EventServer(await NatsServer.start());
  }

  /** The log as the authority of the present test has it. */
  get authority(): NatsLog {
    if (!this.#authority) throw new TypeError('no fleet was begun');
    return this.#authority;
  }

  /** Begins another fleet, for one test. */
  async beginFleet(): Promise<void> {
    this.#fleet = randomBytes(16).toString('hex');
    this.#authority = await this.open();
    await this.#authority.createStreams();
  }

  /** Opens the log of the present fleet once more, until the end of the test. */
  async open(): Promise<NatsLog> {
    const { url } = this.server;
    const retry = { firstMs: 20, maxMs: 100 };
    const log = await NatsLog.connect({ access: { servers: [url] }, retry, fleet: this.#fleet });
    onTestFinished(() => log.close());
    return log;
  }
}
