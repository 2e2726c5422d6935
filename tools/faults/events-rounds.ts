// Kills the broker and the process of the events again and again, while a subscriber receives the live events and the history.
import { fork, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { randomNumbers } from '../../test/store/values.js';
import { startBroker, startListener, startRelay, waitUntil } from './events-broker.js';
import { EventsWitness, type WitnessTally } from './events-witness.js';

export interface EmitRequest {
  id: number;
  ttlMs: number;
}

/** Answer of the process to an EmitRequest. The id 0 means that the process is ready. */
export interface EmitAnswer {
  id: number;
  sequence?: number;
  eventId?: string;
  error?: string;
}

export interface EventsOptions {
  folder: string;
  events: number;
  /** Number of times that the broker is killed with SIGKILL. */
  brokerKills: number;
  /** Number of times that the process of the events is killed with SIGKILL. */
  processKills: number;
  seed: number;
  onRound?: (round: number, problems: number) => void;
}

export interface EventsTally extends WitnessTally {
  brokerKills: number;
  processKills: number;
  /** Emissions that had no answer when the process was killed: their events may be stored or not. */
  unanswered: number;
  problems: string[];
}

/** Times to live of the events: some expire while the broker is down, some do not. */
const TTLS_MS = [250, 600, 5_000];
/** Number of emissions that may wait for their answer at the same time. */
const AT_ONCE = 6;
const PAUSE_MS = 8;

/**
 * Each round emits events while the broker runs, kills it, emits more events, and starts it again. In some rounds the process is killed at a
 * random moment. The relay lets the device connect only when the subscriber is back: a message that the broker accepts
 * while there is no subscriber would be lost, although Lintel did nothing wrong.
 */
export async function runEvents(options: EventsOptions): Promise<EventsTally> {
  const { folder, events, brokerKills, processKills, seed, onRound } = options;
  const random = randomNumbers(seed);
  const witness = new EventsWitness();
  const broker = await startBroker(folder);
  const listener = startListener(broker.port, (arrival) => witness.see(arrival));
  const relay = await startRelay(broker.port, (expiresAt, atMs) => witness.seeSent(expiresAt, atMs));
  const producer = new Producer(join(folder, 'db'), relay.url, witness);
  let killed = 0;
  const perRound = Math.ceil(events / brokerKills);
  const killRounds = new Set(
    Array.from({ length: processKills }, (_, i) => Math.floor((i * brokerKills) / processKills)),
  );
  try {
    await waitUntil('the subscription', () => listener.subscriptions === 1);
    await producer.start();
    relay.open();
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
          await producer.emit(TTLS_MS[Math.floor(random() * TTLS_MS.length)] ?? 0);
        }
      };
      await emit(0, whileUp);
      await broker.kill();
      relay.shut();
      await emit(whileUp, total);
      await broker.restart();
      await waitUntil('the subscription', () => listener.subscriptions === round + 2);
      relay.open();
      const before = witness.recorded;
      await waitUntil('the history to continue', () => witness.recorded > before || producer.unanswered > 0);
      onRound?.(round + 1, witness.problems().length);
    }
    await producer.idle();
    await waitUntil('the end of the history', () => witness.recorded >= producer.lastSequence);
    await producer.kill();
    const { unanswered } = producer;
    return { brokerKills, processKills: killed, unanswered, ...witness.tally(), problems: witness.problems() };
  } finally {
    await producer.kill();
    await relay.stop();
    await listener.end();
    await broker.kill();
  }
}

/** Runs the process of the events, and collects the events that it reports as stored. */
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
    await waitUntil('the answer to an emission', () => this.#open.size < AT_ONCE);
    const id = ++this.#lastId;
    this.#open.add(id);
    this.#child?.send({ id, ttlMs } satisfies EmitRequest, () => undefined);
    await sleep(PAUSE_MS);
  }

  async idle(): Promise<void> {
    await waitUntil('the answers to all emissions', () => this.#open.size === 0);
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
