// Judges recorded messages line by line: who signed them, and what is missing or came twice.
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { recognitionEventSchema } from './event.js';
import { isSignedBy, signingKeyInfo } from './signing.js';

export interface LineVerdict {
  /** A gap counts as valid: it is unsigned, and only says what is missing. `other` is no message of an event. */
  verdict: 'valid' | 'invalid' | 'other';
  /** Why it is invalid, or what there is to know of it: expired, late, duplicate, gap. */
  notes: string[];
  /** Of the event. */
  title?: string;
}

/** Names of which one is in every other message of Lintel … */
const OTHER_MESSAGES = ['status', 'ok'];
/** … and none of these is: whoever adds a name to an event does not hide it. */
const OF_EVENTS = ['type', 'eventId', 'sequence', 'signature'];

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

/** Of one device; a duplicate of an older one is not told as such. */
const MAX_REMEMBERED = 100_000;

/** One for one stream: it remembers the sequence numbers. */
export class MessageVerifier {
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #nowMs: number;
  /** By device: the eventId of each number of the history and of each live event, and the newest number of the history. */
  readonly #seen = new Map<string, Map<string, string>>();
  readonly #last = new Map<string, number>();

  /** @param nowMs events that expire before it are noted as expired */
  constructor(publicKey: KeyObject, nowMs: number) {
    this.#publicKey = publicKey;
    this.#keyId = signingKeyInfo(publicKey).keyId;
    this.#nowMs = nowMs;
  }

  /** @param line JSON of an event or a message of the history; what stands before the first brace, a topic perhaps, is passed over */
  check(line: string): LineVerdict {
    const text = line.slice(Math.max(0, line.indexOf('{')));
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return { verdict: 'invalid', notes: ['not JSON'] };
    }
    if (typeof json !== 'object' || json === null) return { verdict: 'invalid', notes: ['not an object'] };
    if (namesTwice(text)) return { verdict: 'invalid', notes: ['a member is named twice'] };
    if ('gap' in json) return this.#checkGap(json);
    if ('event' in json) {
      const envelope = envelopeSchema.safeParse(json).data;
      if (!envelope) return { verdict: 'invalid', notes: ['not a message of the history'] };
      return this.#checkEvent(json.event, envelope);
    }
    const isOther = OTHER_MESSAGES.some((name) => name in json) && !OF_EVENTS.some((name) => name in json);
    return isOther ? { verdict: 'other', notes: [] } : this.#checkEvent(json);
  }

  #checkGap(json: unknown): LineVerdict {
    const parsed = gapSchema.safeParse(json).data;
    if (!parsed) return { verdict: 'invalid', notes: ['not a gap'] };
    const { from, to, reason } = parsed.gap;
    // A gap does not name its device: it is that of the stream, where there is one.
    if (this.#last.size === 1) for (const device of this.#last.keys()) this.#last.set(device, to);
    return { verdict: 'valid', notes: [`gap declared: ${from} to ${to}, ${reason}`] };
  }

  #checkEvent(json: unknown, envelope?: z.infer<typeof envelopeSchema>): LineVerdict {
    const parsed = recognitionEventSchema.safeParse(json);
    if (!parsed.success) return { verdict: 'invalid', notes: ['not an event of version 2'] };
    const { type, sequence, deviceId, cameraId, eventId, expiresAt } = parsed.data;
    const title = `${deviceId} ${sequence} ${cameraId} ${type}`;
    if (!isSignedBy(this.#publicKey, json)) {
      const reason = parsed.data.signature === undefined ? 'not signed' : 'the signature does not hold';
      return { verdict: 'invalid', notes: [reason], title };
    }
    if (parsed.data.keyId !== this.#keyId) return { verdict: 'invalid', notes: ['it names another key'], title };
    if (envelope && envelope.sequence !== sequence) {
      return { verdict: 'invalid', notes: ['the envelope names another sequence'], title };
    }
    const notes: string[] = [];
    if (Date.parse(expiresAt) <= this.#nowMs) notes.push('expired');
    if (envelope?.late) notes.push('late');
    const seen = this.#seen.get(deviceId) ?? new Map<string, string>();
    this.#seen.set(deviceId, seen);
    const place = `${envelope ? 'history' : 'live'} ${sequence}`;
    const before = seen.get(place);
    if (before !== undefined && before !== eventId) {
      return { verdict: 'invalid', notes: ['another event had this sequence'], title };
    }
    if (before !== undefined) notes.push('duplicate');
    seen.set(place, eventId);
    // For a stream that has no end.
    if (seen.size > MAX_REMEMBERED) seen.delete(seen.keys().next().value ?? '');
    if (envelope && before === undefined) notes.push(...this.#follow(deviceId, sequence));
    return { verdict: 'valid', notes, title };
  }

  #follow(deviceId: string, sequence: number): string[] {
    const last = this.#last.get(deviceId);
    this.#last.set(deviceId, Math.max(last ?? 0, sequence));
    if (last === undefined || sequence === last + 1) return [];
    return sequence <= last ? ['out of order'] : [`gap: ${last + 1} to ${sequence - 1} did not come`];
  }
}

/**
 * Whether an object in it names a member twice: of the two, others may take the one that this program did not look at.
 * @param json valid
 */
function namesTwice(json: string): boolean {
  /** Of the objects that are open; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  for (const [token, quoted, colon] of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g)) {
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
