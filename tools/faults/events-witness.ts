// The witness: compares the messages that a subscriber received with the events that the process reported as stored.
import { hashEvent } from '../../src/events/event-chain.js';
import type { RecognitionEvent } from '../../src/events/event.js';
import type { Arrival } from './events-broker.js';

export interface WitnessTally {
  /** Number of sequence numbers in the history. */
  recorded: number;
  /** Number of them that were marked late. */
  late: number;
  /** History messages that came again. */
  repeated: number;
  /** Messages on the topics of matches. */
  live: number;
  /** Number of them that came again. */
  liveRepeated: number;
  /** Shortest time until the expiry of a match when it left the device. */
  leastLeftSentMs: number;
  /** Shortest time until the expiry of a match when it reached the subscriber. */
  leastLeftMs: number;
  /** Matches that left the device after their expiry. More than ON_THE_WAY_MS after it is a problem. */
  sentAfterExpiry: number;
  /** Matches that reached the subscriber after their expiry. More than ON_THE_WAY_MS after it is a problem. */
  liveAfterExpiry: number;
}

interface HistoryMessage {
  sequence?: number;
  late?: boolean;
  event?: RecognitionEvent;
}

/**
 * A match may need this long from Lintel to the subscriber, through three processes of a machine under load. Lintel publishes nothing that
 * expires within 100 ms: a match that arrives later than this after its expiry was published too late.
 */
const ON_THE_WAY_MS = 250;

export class EventsWitness {
  readonly #promised = new Map<number, string>();
  readonly #history = new Map<number, { eventId: string; late: boolean }>();
  readonly #live = new Map<number, number>();
  /** Hash of each event of the history. */
  readonly #hashes = new Map<number, string>();
  readonly #problems: string[] = [];
  #last = 0;
  #repeated = 0;
  #liveMessages = 0;
  #leastLeftMs = Infinity;
  #liveAfterExpiry = 0;
  #leastLeftSentMs = Infinity;
  #sentAfterExpiry = 0;

  get recorded(): number {
    return this.#last;
  }

  /** Adds an event that the process reported as stored. */
  expect(sequence: number, eventId: string): void {
    const other = this.#promised.get(sequence);
    if (other !== undefined) this.complain(`sequence ${sequence} was used for two events`);
    this.#promised.set(sequence, eventId);
  }

  complain(problem: string): void {
    this.#problems.push(problem);
  }

  /** Adds a message that reached the subscriber. */
  see({ topic, payload, atMs }: Arrival): void {
    if (topic.endsWith('/history')) this.#record(JSON.parse(payload) as HistoryMessage);
    if (topic.endsWith('/match')) this.#seeLive(JSON.parse(payload) as RecognitionEvent, atMs);
  }

  /** Adds a match that left the device. */
  seeSent(expiresAt: string, atMs: number): void {
    const leftMs = Date.parse(expiresAt) - atMs;
    this.#leastLeftSentMs = Math.min(this.#leastLeftSentMs, leftMs);
    if (leftMs <= 0) this.#sentAfterExpiry++;
    if (leftMs <= -ON_THE_WAY_MS) this.complain(`a match was sent ${Math.round(-leftMs)} ms after its expiry`);
  }

  tally(): WitnessTally {
    return {
      recorded: this.#history.size,
      late: [...this.#history.values()].filter(({ late }) => late).length,
      repeated: this.#repeated,
      live: this.#liveMessages,
      liveRepeated: this.#liveMessages - this.#live.size,
      leastLeftSentMs: Math.round(this.#leastLeftSentMs),
      sentAfterExpiry: this.#sentAfterExpiry,
      leastLeftMs: Math.round(this.#leastLeftMs),
      liveAfterExpiry: this.#liveAfterExpiry,
    };
  }

  /** Lists all problems so far. */
  problems(): string[] {
    const problems = [...this.#problems];
    for (const [sequence, eventId] of this.#promised) {
      const found = this.#history.get(sequence);
      if (sequence <= this.#last && found?.eventId !== eventId)
        problems.push(`event ${sequence} is not in the history`);
    }
    for (const [sequence, { late }] of this.#history) {
      if (!late && !this.#live.has(sequence))
        problems.push(`event ${sequence} is not marked late, but was not live either`);
    }
    return problems;
  }

  #record({ sequence, late, event }: HistoryMessage): void {
    if (sequence === undefined || late === undefined || !event) {
      this.complain('the history declared a gap');
      return;
    }
    const before = this.#history.get(sequence);
    if (before) {
      this.#repeated++;
      if (before.eventId !== event.eventId) this.complain(`sequence ${sequence} stands for two events`);
      return;
    }
    const expected = this.#hashes.get(sequence - 1);
    if (expected !== undefined && event.previous !== undefined && event.previous !== expected) {
      this.complain(`event ${sequence} does not follow event ${sequence - 1}`);
    }
    this.#hashes.set(sequence, hashEvent(event));
    if (sequence !== this.#last + 1) this.complain(`${sequence} came after ${this.#last} in the history`);
    this.#last = Math.max(this.#last, sequence);
    this.#history.set(sequence, { eventId: event.eventId, late });
  }

  #seeLive({ sequence, expiresAt }: RecognitionEvent, atMs: number): void {
    const leftMs = Date.parse(expiresAt) - atMs;
    this.#liveMessages++;
    this.#leastLeftMs = Math.min(this.#leastLeftMs, leftMs);
    this.#live.set(sequence, (this.#live.get(sequence) ?? 0) + 1);
    if (leftMs <= 0) this.#liveAfterExpiry++;
    if (leftMs <= -ON_THE_WAY_MS) this.complain(`match ${sequence} came ${Math.round(-leftMs)} ms after its expiry`);
  }
}
