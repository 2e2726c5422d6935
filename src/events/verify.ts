// Judges recorded messages line by line: who signed them, and what is missing or came twice.
import type { KeyObject } from 'node:crypto';
import { recognitionEventSchema } from './event.js';
import { isSignedBy } from './signing.js';

export interface LineVerdict {
  /** A gap counts as valid: it is unsigned, and only says what is missing. `other` is no message of an event. */
  verdict: 'valid' | 'invalid' | 'other';
  /** Why it is invalid, or what there is to know of it: expired, late, duplicate, gap. */
  notes: string[];
  /** Of the event. */
  title?: string;
}

/** Names that are in no event of version 2 and in every other message of Lintel. */
const OTHER_MESSAGES = ['status', 'ok'];

/** One for one stream: it remembers the sequence numbers. */
export class MessageVerifier {
  readonly #publicKey: KeyObject;
  readonly #nowMs: number;
  /** By device: the eventId of each number of the history and of each live event, and the newest number of the history. */
  readonly #seen = new Map<string, Map<string, string>>();
  readonly #last = new Map<string, number>();

  /** @param nowMs events that expire before it are noted as expired */
  constructor(publicKey: KeyObject, nowMs: number) {
    this.#publicKey = publicKey;
    this.#nowMs = nowMs;
  }

  /** @param line JSON of an event or a message of the history; what stands before the first brace, a topic perhaps, is passed over */
  check(line: string): LineVerdict {
    let json: unknown;
    try {
      json = JSON.parse(line.slice(Math.max(0, line.indexOf('{'))));
    } catch {
      return { verdict: 'invalid', notes: ['not JSON'] };
    }
    if (typeof json !== 'object' || json === null) return { verdict: 'invalid', notes: ['not an object'] };
    if ('gap' in json) return this.#checkGap(json.gap);
    if (OTHER_MESSAGES.some((name) => name in json)) return { verdict: 'other', notes: [] };
    return 'event' in json ? this.#checkEvent(json.event, json) : this.#checkEvent(json);
  }

  #checkGap(gap: unknown): LineVerdict {
    const { from, to, reason } = (gap ?? {}) as Record<string, unknown>;
    if (!Number.isInteger(from) || !Number.isInteger(to)) return { verdict: 'invalid', notes: ['not a gap'] };
    // A gap does not name its device: it is that of the stream, where there is one.
    if (this.#last.size === 1) for (const device of this.#last.keys()) this.#last.set(device, Number(to));
    return { verdict: 'valid', notes: [`gap declared: ${String(from)} to ${String(to)}, ${String(reason)}`] };
  }

  #checkEvent(json: unknown, envelope?: object): LineVerdict {
    const parsed = recognitionEventSchema.safeParse(json);
    if (!parsed.success) return { verdict: 'invalid', notes: ['not an event of version 2'] };
    const { type, sequence, deviceId, cameraId, eventId, expiresAt } = parsed.data;
    const title = `${deviceId} ${sequence} ${cameraId} ${type}`;
    if (!isSignedBy(this.#publicKey, json)) {
      const reason = parsed.data.signature === undefined ? 'not signed' : 'the signature does not hold';
      return { verdict: 'invalid', notes: [reason], title };
    }
    const { sequence: named, late } = (envelope ?? {}) as Record<string, unknown>;
    if (envelope && named !== sequence) {
      return { verdict: 'invalid', notes: ['the envelope names another sequence'], title };
    }
    const notes: string[] = [];
    if (Date.parse(expiresAt) <= this.#nowMs) notes.push('expired');
    if (late === true) notes.push('late');
    const seen = this.#seen.get(deviceId) ?? new Map<string, string>();
    this.#seen.set(deviceId, seen);
    const place = `${envelope ? 'history' : 'live'} ${sequence}`;
    const before = seen.get(place);
    if (before !== undefined && before !== eventId) {
      return { verdict: 'invalid', notes: ['another event had this sequence'], title };
    }
    if (before !== undefined) notes.push('duplicate');
    seen.set(place, eventId);
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
