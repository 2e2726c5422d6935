// Events under a broker that is killed again and again, from a process that is killed as well: what a subscriber of both streams sees.
import { fork, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { randomNumbers } from '../../test/store/values.js';
import { EventsWitness, type WitnessTally } from './events-witness.js';
import { Broker, Gate, Listener, until } from './mosquitto.js';

export interface EmitRequest {
  id: number;
  ttlMs: number;
}

/** Answer of the process; the id 0 says that it is ready. */
export interface EmitAnswer {
  id: number;
  sequence?: number;
  eventId?: string;
  error?: string;
}

export interface EventsOptions {
  folder: string;
  events: number;
  /** kill -9 of the broker. */
  brokerKills: number;
  /** kill -9 of the process that owns the events. */
  processKills: number;
  seed: number;
  onRound?: (round: number, problems: number) => void;
}

export interface EventsTally extends WitnessTally {
  brokerKills: number;
  processKills: number;
  /** Emissions that a kill left without an answer: they are there or not. */
  unanswered: number;
  problems: string[];
}

/** Some expire while a broker is away, some do not. */
const TTLS_MS = [250, 600, 5_000];
/** Emissions without an answer at a time. */
const AT_ONCE = 6;
const PAUSE_MS = 8;

/**
 * Each round emits a part while the broker is there, kills it, emits a part while it is away, and starts it again; a kill of the process comes
 * at a random place of a round. The device is let in when the subscriber is back: what a broker takes while nobody listens is not lost by Lintel.
 */
export async function runEvents(options: EventsOptions): Promise<EventsTally> {
  const { folder, events, brokerKills, processKills, seed, onRound } = options;
  const random = randomNumbers(seed);
  const witness = new EventsWitness();
  const broker = await Broker.start(folder);
  const listener = new Listener(broker.port, 'lintel/#', (arrival) => witness.see(arrival));
  const gate = new Gate(broker.port, (expiresAt, atMs) => witness.seeSent(expiresAt, atMs));
  await gate.start();
  const producer = new Producer(join(folder, 'db'), gate.url, witness);
  let killed = 0;
  const perRound = Math.ceil(events / brokerKills);
  const killRounds = new Set(
    Array.from({ length: processKills }, (_, i) => Math.floor((i * brokerKills) / processKills)),
  );
  try {
    await until('the subscription', () => listener.subscriptions === 1);
    await producer.start();
    gate.open();
    for (let round = 0; round < brokerKills; round++) {
      const total = Math.min(perRound, events - round * perRound);
      const whileUp = Math.floor(total * (0.3 + 0.5 * random()));
      const killAt = killRounds.has(round) ? Math.floor(total * random()) : -1;
      const emit = async (from: number, to: number): Promise<void> => {
        for (let n = from; n < to; n++) {
          if (n === killAt) {
            await producer.kill();
            killed++;
            await producer.start();
          }
          await producer.emit(TTLS_MS[Math.floor(random() * TTLS_MS.length)]!);
        }
      };
      await emit(0, whileUp);
      await broker.kill();
      gate.shut();
      await emit(whileUp, total);
      await broker.start();
      await until('the subscription', () => listener.subscriptions === round + 2);
      gate.open();
      const before = witness.recorded;
      await until('the history to go on', () => witness.recorded > before || producer.unanswered > 0);
      onRound?.(round + 1, witness.problems().length);
    }
    await producer.idle();
    await until('the end of the history', () => witness.recorded >= producer.lastSequence);
    await producer.kill();
    const { unanswered } = producer;
    return { brokerKills, processKills: killed, unanswered, ...witness.tally(), problems: witness.problems() };
  } finally {
    await producer.kill();
    await gate.stop();
    await listener.end();
    await broker.kill();
  }
}

/** The process of the events, and what it said it had stored. */
class Producer {
  readonly #args: string[];
  readonly #witness: EventsWitness;
  readonly #open = new Set<number>();
  #child: ChildProcess | undefined;
  #lastId = 0;
  lastSequence = 0;
  unanswered = 0;

  constructor(directory: string, url: string, witness: EventsWitness) {
    const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    this.#args = [directory, url, key];
    this.#witness = witness;
  }

  async start(): Promise<void> {
    const path = fileURLToPath(new URL('events-child.ts', import.meta.url));
    const child = fork(path, this.#args, {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.on('message', (answer: EmitAnswer) => {
        if (answer.id === 0) resolve();
        else this.#hear(answer);
      });
      child.once('exit', () => reject(new Error('the process ended before it was ready')));
    });
  }

  async emit(ttlMs: number): Promise<void> {
    await until('the answer to an emission', () => this.#open.size < AT_ONCE);
    const id = ++this.#lastId;
    this.#open.add(id);
    this.#child?.send({ id, ttlMs } satisfies EmitRequest, () => undefined);
    await sleep(PAUSE_MS);
  }

  async idle(): Promise<void> {
    await until('the answers to all emissions', () => this.#open.size === 0);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await gone;
    this.unanswered += this.#open.size;
    this.#open.clear();
  }

  #hear({ id, sequence, eventId, error }: EmitAnswer): void {
    this.#open.delete(id);
    if (sequence === undefined || eventId === undefined) {
      this.#witness.complain(`an emission was refused: ${error}`);
      return;
    }
    this.lastSequence = Math.max(this.lastSequence, sequence);
    this.#witness.expect(sequence, eventId);
  }
}
