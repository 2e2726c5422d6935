// The verification of recorded messages, line by line: their signatures, and messages that are missing or came twice.
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { recognitionEventSchema } from './event.js';
import { isSignedBy, describeSigningKey } from './signing.js';

export interface LineVerdict {
  /** A gap counts as valid: it has no signature, and only declares missing numbers. `other`: the line is not about an event. */
  verdict: 'valid' | 'invalid' | 'other';
  /** Reasons why the line is invalid, or remarks on a valid one: expired, late, duplicate, gap. */
  notes: string[];
  /** Device, sequence number, camera and type of the event; absent when the line holds no event. */
  title?: string;
}

/** Members of the messages of Lintel that are not events: each such message has one of them. */
const OTHER_MEMBERS = ['status', 'ok'];
/** Members that only events have: an event stays an event when somebody adds one of OTHER_MEMBERS to it. */
const EVENT_MEMBERS = ['type', 'eventId', 'sequence', 'signature'];

const envelopeSchema = z.strictObject({
  version: z.literal(1),
  sequence: z.int(),
  late: z.boolean(),
  event: z.unknown(),
});
const gapSchema = z.strictObject({
  version: z.literal(1),
  gap: z
    .strictObject({ from: z.int().min(1), to: z.int(), reason: z.enum(['removed', 'unreadable']) })
    .refine(({ from, to }) => from <= to),
});

/** Number of messages that are remembered for each device. A duplicate of an older message is not noticed. */
const MAX_REMEMBERED = 100_000;

/** Verifies one stream of messages: it remembers the sequence numbers. */
export class MessageVerifier {
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #nowMs: number;
  /** For each device, the eventId of each sequence number, separately for the history and for live events. */
  readonly #seen = new Map<string, Map<string, string>>();
  /** For each device, the newest sequence number of the history. */
  readonly #last = new Map<string, number>();

  /** @param nowMs time at which events are marked as expired, epoch milliseconds */
  constructor(publicKey: KeyObject, nowMs: number) {
    this.#publicKey = publicKey;
    this.#keyId = describeSigningKey(publicKey).keyId;
    this.#nowMs = nowMs;
  }

  /** Verifies one line. @param line JSON of an event or of a history message; text before the first brace, such as a topic, is ignored */
  check(line: string): LineVerdict {
    const text = line.slice(Math.max(0, line.indexOf('{')));
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return { verdict: 'invalid', notes: ['not JSON'] };
    }
    if (typeof json !== 'object' || json === null) return { verdict: 'invalid', notes: ['not an object'] };
    if (hasDuplicateMember(text)) return { verdict: 'invalid', notes: ['a member appears twice'] };
    if ('gap' in json) return this.#checkGap(json);
    if ('event' in json) {
      const envelope = envelopeSchema.safeParse(json).data;
      if (!envelope) return { verdict: 'invalid', notes: ['not a history message'] };
      return this.#checkEvent(json.event, envelope);
    }
    const isOther = OTHER_MEMBERS.some((name) => name in json) && !EVENT_MEMBERS.some((name) => name in json);
    return isOther ? { verdict: 'other', notes: [] } : this.#checkEvent(json);
  }

  #checkGap(json: unknown): LineVerdict {
    const parsed = gapSchema.safeParse(json).data;
    if (!parsed) return { verdict: 'invalid', notes: ['not a gap'] };
    const { from, to, reason } = parsed.gap;
    // A gap does not name its device. It belongs to the only device of the stream, if there is only one.
    if (this.#last.size === 1) for (const device of this.#last.keys()) this.#last.set(device, to);
    return { verdict: 'valid', notes: [`gap declared: ${from} to ${to}, ${reason}`] };
  }

  #checkEvent(json: unknown, envelope?: z.infer<typeof envelopeSchema>): LineVerdict {
    const parsed = recognitionEventSchema.safeParse(json);
    if (!parsed.success) return { verdict: 'invalid', notes: ['not an event of version 2'] };
    const { type, sequence, deviceId, cameraId, eventId, expiresAt } = parsed.data;
    const title = `${deviceId} ${sequence} ${cameraId} ${type}`;
    if (!isSignedBy(this.#publicKey, json)) {
      const reason = parsed.data.signature === undefined ? 'not signed' : 'the signature is wrong';
      return { verdict: 'invalid', notes: [reason], title };
    }
    if (parsed.data.keyId !== this.#keyId)
      return { verdict: 'invalid', notes: ['it names another signing key'], title };
    if (envelope && envelope.sequence !== sequence) {
      return { verdict: 'invalid', notes: ['its envelope has another sequence number'], title };
    }
    const notes: string[] = [];
    if (Date.parse(expiresAt) <= this.#nowMs) notes.push('expired');
    if (envelope?.late) notes.push('late');
    const seen = this.#seen.get(deviceId) ?? new Map<string, string>();
    this.#seen.set(deviceId, seen);
    const place = `${envelope ? 'history' : 'live'} ${sequence}`;
    const before = seen.get(place);
    if (before !== undefined && before !== eventId) {
      return { verdict: 'invalid', notes: ['another event has the same sequence number'], title };
    }
    if (before !== undefined) notes.push('duplicate');
    seen.set(place, eventId);
    // A stream may be endless: the memory for it stays limited.
    if (seen.size > MAX_REMEMBERED) seen.delete(seen.keys().next().value ?? '');
    if (envelope && before === undefined) notes.push(...this.#follow(deviceId, sequence));
    return { verdict: 'valid', notes, title };
  }

  #follow(deviceId: string, sequence: number): string[] {
    const last = this.#last.get(deviceId);
    this.#last.set(deviceId, Math.max(last ?? 0, sequence));
    if (last === undefined || sequence === last + 1) return [];
    return sequence <= last ? ['out of order'] : [`gap: ${last + 1} to ${sequence - 1} are missing`];
  }
}

/**
 * Returns whether any object has two members of the same name: other programs may read the one of the two that was not verified here.
 * @param json valid JSON
 */
function hasDuplicateMember(json: string): boolean {
  /** Member names of the objects that are open at this place, outermost first; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  for (const [token, quoted = '""', colon] of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(quoted) as string;
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
  }
  return false;
}
