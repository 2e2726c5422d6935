// The events of all doors as the authority reads them from the log of the fleet: opened, verified, each once, with what is missing.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import { MessageVerifier } from '../events/verify.js';
import { pause } from '../platform/waiting.js';
import type { FleetLog, StreamMessage } from './fleet-log.js';
import { nameEventStream } from './subjects.js';

/** A door whose events can be read. */
export interface FleetEventDoor {
  /** Id in hexadecimal. */
  id: string;
  name: string;
  /** Ed25519 public keys with which it has signed its events, as `x` of a JSON Web Key. */
  eventKeys: readonly string[];
}

/** A message of a door: an event or a declared gap, or something that is none. */
export interface FleetEvent {
  door: string;
  name: string;
  /** The message as MQTT has it on the history topic, with the stream `fleet`; absent with a problem. */
  message?: object;
  /** Remarks on the message, such as `3 to 5 are missing`, `late`, `gap declared: 7 to 9, removed`. */
  notes: readonly string[];
  /** Why the message is not to be believed. */
  problem?: string;
}

export interface FleetEventsOptions {
  fleet: Pick<FleetLog, 'read'>;
  /** Lists the doors as they are now. */
  listDoors: () => readonly FleetEventDoor[];
  /** Opens a sealed message of a door. @throws AppError FLEET_FORGED */
  open: (door: string, sealed: Buffer) => Uint8Array;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
  timing?: Partial<FleetEventsTiming> | undefined;
}

export interface FleetEventsTiming {
  /** Pause between two looks at the streams while they are followed. */
  pollMs: number;
  /** Interval at which each stream is checked for having been put back. */
  checkMs: number;
}

export interface FleetEventsQuery {
  /** Id of the one door whose events are read; absent: all doors. */
  door?: string | undefined;
  /** Whether to wait for further events. */
  follow?: boolean | undefined;
  signal: AbortSignal;
}

const DEFAULT_TIMING: FleetEventsTiming = { pollMs: 1_000, checkMs: 60_000 };
/** Number of events of each door whose ids are kept; an older one that comes again is known by its number. */
const REMEMBERED = 1_000;
/** A pass ends after this number of messages: a busy door does not keep the others waiting, and the log keeps no reader open for long. */
const MESSAGES_PER_PASS = 1_000;
/** Part of the pause between two looks for each door, so that many doors do not load the server. */
const POLL_PER_DOOR_MS = 10;
const FIRST_OF_JSON = '{'.charCodeAt(0);

/** The place in the stream of one door. */
interface Place {
  door: FleetEventDoor;
  verifier: MessageVerifier;
  /** Position and digest of the last message; position 0 before the first one. */
  position: number;
  digest: string;
}

export class FleetEvents {
  readonly #options: FleetEventsOptions;
  readonly #timing: FleetEventsTiming;

  constructor(options: FleetEventsOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  /**
   * Reads the events of the doors, the oldest first: in the order of arrival at the log where its streams share their positions, as on NATS;
   * in a folder each door is in its own order. An event that comes again is left out.
   * @throws AppError FLEET_UNREACHABLE
   */
  async *read({ door, follow = false, signal }: FleetEventsQuery): AsyncGenerator<FleetEvent> {
    const { listDoors, monotonic } = this.#options;
    const { pollMs, checkMs } = this.#timing;
    const places = new Map<string, Place>();
    let checkedMs = monotonic();
    let hasRead = false;
    while (!signal.aborted) {
      for (const one of listDoors()) if (door === undefined || one.id === door) this.#place(places, one);
      if (monotonic() - checkedMs >= checkMs) {
        checkedMs = monotonic();
        await Promise.all([...places.values()].map((place) => this.#checkPlace(place).catch(() => undefined)));
      }
      const begun = [...places.values()].map(({ position }) => position);
      try {
        const isAll = yield* this.#readOnce([...places.values()], signal);
        hasRead = true;
        if (!isAll) continue;
      } catch (error) {
        const isProgress = [...places.values()].some(({ position }, index) => position !== begun[index]);
        // A log that forgot a reader who paused, or that is away for a while, is asked again from the same places.
        if (!(isUnreachable(error) && (isProgress || (follow && hasRead)))) throw error;
        await pause(pollMs, signal);
        continue;
      }
      if (!follow) return;
      await pause(Math.max(pollMs, places.size * POLL_PER_DOOR_MS), signal);
    }
  }

  /** Reads what is there now. @returns false when it ended before the last message */
  async *#readOnce(places: readonly Place[], signal: AbortSignal): AsyncGenerator<FleetEvent, boolean> {
    const { fleet } = this.#options;
    const streams = places.map((place) => ({ place, messages: start(fleet, place) }));
    try {
      const next = await Promise.all(streams.map(({ messages }) => messages.next()));
      for (let count = 0; !signal.aborted; count++) {
        const first = findFirst(next);
        if (!first) return true;
        if (count >= MESSAGES_PER_PASS) return false;
        const { place, messages } = streams[first.index]!;
        const event = this.#judge(place, first.message);
        if (event) yield event;
        next[first.index] = await messages.next();
      }
      return false;
    } finally {
      await Promise.all(streams.map(async ({ messages }) => messages.return?.()));
    }
  }

  #place(places: Map<string, Place>, door: FleetEventDoor): void {
    const known = places.get(door.id);
    const hasSameKeys = known && known.door.eventKeys.join() === door.eventKeys.join();
    const verifier = hasSameKeys
      ? known.verifier
      : // No note that an event has expired: nobody opens a door for these.
        new MessageVerifier(door.eventKeys.map(importEventKey), 0, REMEMBERED);
    places.set(door.id, { position: 0, digest: '', ...known, door, verifier });
  }

  /** Begins anew where the log does not have the last message any more: it was emptied, put back, or has removed what is old. */
  async #checkPlace(place: Place): Promise<void> {
    if (place.position === 0) return;
    const messages = start(this.#options.fleet, { ...place, position: place.position - 1 });
    const first = await messages.next();
    await messages.return?.();
    const last = first.done ? undefined : first.value;
    if (last?.position === place.position && computeDigest(last.message) === place.digest) return;
    place.position = 0;
  }

  /** @returns undefined for a message that came before */
  #judge(place: Place, { position, message }: StreamMessage): FleetEvent | undefined {
    const { id: door, name } = place.door;
    place.position = position;
    place.digest = computeDigest(message);
    let text: string;
    try {
      text = (message[0] === FIRST_OF_JSON ? message : Buffer.from(this.#options.open(door, message))).toString();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { door, name, notes: [], problem: 'it is not sealed for this authority, or not by this door' };
    }
    const parsed = parseMessage(text);
    if (!parsed) return { door, name, notes: [], problem: 'it is no message of the history for the fleet' };
    const { verdict, notes, isRepeat } = place.verifier.check(text);
    if (verdict !== 'valid') return { door, name, notes: [], problem: notes.join('; ') };
    return isRepeat ? undefined : { door, name, message: parsed, notes };
  }
}

/** Writes an event as a line of JSON, with the line end. */
export function encodeFleetEvent({ door, name, notes, problem, message }: FleetEvent): Buffer {
  const remarks = { ...(notes.length > 0 ? { notes } : {}), ...(problem === undefined ? {} : { problem }) };
  return Buffer.from(`${JSON.stringify({ door, name, ...remarks, ...(message ? { message } : {}) })}\n`);
}

/** @param x of a JSON Web Key (RFC 8037): 32 bytes as base64url @throws TypeError */
export function importEventKey(x: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

function isUnreachable(error: unknown): boolean {
  return error instanceof AppError && error.code === 'FLEET_UNREACHABLE';
}

function start(fleet: Pick<FleetLog, 'read'>, { door, position }: Place): AsyncIterator<StreamMessage> {
  return fleet.read(nameEventStream(door.id), position)[Symbol.asyncIterator]();
}

/** Finds the message with the lowest position; undefined when there is none. */
function findFirst(
  next: readonly IteratorResult<StreamMessage>[],
): { index: number; message: StreamMessage } | undefined {
  let first: { index: number; message: StreamMessage } | undefined;
  for (const [index, one] of next.entries()) {
    if (one.done || (first && one.value.position >= first.message.position)) continue;
    first = { index, message: one.value };
  }
  return first;
}

function parseMessage(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const isOfFleet = typeof parsed === 'object' && parsed !== null && 'stream' in parsed && parsed.stream === 'fleet';
    return isOfFleet ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function computeDigest(message: Uint8Array): string {
  return createHash('sha256').update(message).digest('base64');
}
