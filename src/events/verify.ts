// The verification of recorded messages, line by line: their signatures, and what is missing in the history of each device.
import type { KeyObject } from 'node:crypto';
import * as z from 'zod';
import { DEVICE_ID_PATTERN } from '../domain/ids.js';
import { recognitionEventSchema, type RecognitionEvent } from './event.js';
import { NO_HASH } from './event-chain.js';
import { HistoryCheck, type HistoryReport, type ElementPlacement } from './history-check.js';
import { GAP_REASONS, HISTORY_STREAMS } from './history.js';
import { isSignedBy, describeSigningKey } from './signing.js';

export interface LineVerdict {
  /** `other`: the line is not about an event. */
  verdict: 'valid' | 'invalid' | 'other';
  /** Reasons why the line is invalid, or remarks on a valid one: expired, late, duplicate, gap. */
  notes: string[];
  /** Device, sequence number, camera and type of the event; absent when the line holds no event. */
  title?: string;
  /** True where all that a message of the history says came before. */
  isRepeat?: true;
}

/** Members of the messages of Lintel that are not events: each such message has one of them. */
const OTHER_MEMBERS = ['status', 'ok'];
/** Members that only events have: an event stays an event when somebody adds one of OTHER_MEMBERS to it. */
const EVENT_MEMBERS = ['type', 'eventId', 'sequence', 'signature'];

const deviceId = z.string().regex(DEVICE_ID_PATTERN);
const hash = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const signed = { keyId: z.string(), signature: z.string() };
const placed = { version: z.literal(1), deviceId, stream: z.enum(HISTORY_STREAMS), ...signed };
/** Message of Lintel 0.2 and before: nothing signs `late` and gaps. */
const unsignedEventSchema = z.strictObject({
  version: z.literal(1),
  sequence: z.int(),
  late: z.boolean(),
  event: z.unknown(),
});
const eventMessageSchema = unsignedEventSchema.extend({ ...placed, again: z.literal(true).optional() });
const gapSchema = z
  .strictObject({
    from: z.int().min(1),
    to: z.int(),
    reason: z.enum(GAP_REASONS),
    detail: z.string().max(200).optional(),
    previous: hash.default(NO_HASH),
  })
  .refine(({ from, to }) => from <= to);
const unsignedGapSchema = z.strictObject({ version: z.literal(1), gap: gapSchema });
const gapMessageSchema = z.strictObject({ ...placed, gap: gapSchema });
const headSchema = z.strictObject({
  version: z.literal(1),
  deviceId,
  head: z.strictObject({ sequence: z.int().min(0), hash }),
  ...signed,
});

/** Number of events that are remembered for each device. A duplicate of an older live one is not noticed. */
const MAX_REMEMBERED = 100_000;

/** Verifies one stream of messages: it remembers the history of each device. */
export class MessageVerifier {
  /** Public keys by their ids. */
  readonly #publicKeys: ReadonlyMap<string, KeyObject>;
  readonly #nowMs: number;
  readonly #remembered: number;
  /** For each device, the eventId of each sequence number of live events. */
  readonly #live = new Map<string, Map<number, string>>();
  readonly #histories = new Map<string, HistoryCheck>();
  #strayGaps = 0;

  /**
   * @param publicKey the key of the devices, or all keys that they have had
   * @param nowMs time at which events are marked as expired, epoch milliseconds
   * @param remembered number of events that are remembered for each device, to notice a duplicate
   */
  constructor(publicKey: KeyObject | readonly KeyObject[], nowMs: number, remembered = MAX_REMEMBERED) {
    const keys = Array.isArray(publicKey) ? (publicKey as readonly KeyObject[]) : [publicKey as KeyObject];
    this.#publicKeys = new Map(keys.map((key) => [describeSigningKey(key).keyId, key]));
    this.#nowMs = nowMs;
    this.#remembered = remembered;
  }

  /** Verifies one line. @param line JSON of an event or of a history message; text before the first brace, such as a topic, is ignored */
  check(line: string): LineVerdict {
    const text = line.slice(Math.max(0, line.indexOf('{')));
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return invalid('not JSON');
    }
    if (typeof json !== 'object' || json === null) return invalid('not an object');
    if (hasDuplicateMember(text)) return invalid('a member appears twice');
    if ('gap' in json) return this.#checkGap(json);
    if ('event' in json) return this.#checkHistoryEvent(json);
    const isOther = OTHER_MEMBERS.some((name) => name in json) && !EVENT_MEMBERS.some((name) => name in json);
    return isOther ? this.#checkOther(json) : this.#checkLiveEvent(json);
  }

  /** Returns what is known of the history of each device that has one in the lines. */
  reports(): HistoryReport[] {
    return [...this.#histories.values()].flatMap((history) => history.report() ?? []);
  }

  /** Gaps that nobody signed, and that cannot be told to belong to one device. */
  get strayGaps(): number {
    return this.#strayGaps;
  }

  #checkOther(json: object): LineVerdict {
    if (!('status' in json) || !('history' in json)) return { verdict: 'other', notes: [] };
    const head = headSchema.safeParse(json.history).data;
    if (!head) return invalid('the head of its history is none');
    const problem = this.#checkSignature(json.history, head) ?? this.#openHistory(head.deviceId).noteHead(head.head);
    return problem === undefined ? { verdict: 'other', notes: [] } : invalid(`the head of its history: ${problem}`);
  }

  #checkGap(json: object): LineVerdict {
    const unsigned = unsignedGapSchema.safeParse(json).data;
    if (unsigned) return this.#checkUnsignedGap(unsigned.gap);
    const message = gapMessageSchema.safeParse(json).data;
    if (!message) return invalid('not a gap');
    const title = message.deviceId;
    const history = this.#openHistory(message.deviceId);
    const problem = this.#checkSignature(json, message) ?? history.checkStream(message.stream);
    if (problem !== undefined) return invalid(problem, title);
    return toVerdict(history.placeGap(message.gap), title);
  }

  /** Such a gap does not name its device. It belongs to the only device of the stream, if there is only one. */
  #checkUnsignedGap(gap: z.infer<typeof gapSchema>): LineVerdict {
    const histories = [...this.#histories.values()];
    const problem = histories.map((history) => history.checkUnsigned()).find((one) => one !== undefined);
    if (problem !== undefined) return invalid(problem);
    const [only] = histories;
    if (only && histories.length === 1) {
      const { notes, ...placement } = only.placeGap(gap);
      return toVerdict({ ...placement, notes: [...notes, 'not signed'] });
    }
    this.#strayGaps++;
    return toVerdict({ notes: [`gap declared: ${gap.from} to ${gap.to}, ${gap.reason}`, 'not signed'] });
  }

  #checkHistoryEvent(json: { event: unknown }): LineVerdict {
    const message = eventMessageSchema.safeParse(json).data;
    const envelope = message ?? unsignedEventSchema.safeParse(json).data;
    if (!envelope) return invalid('not a history message');
    const { verdict, event, title } = this.#checkEvent(json.event);
    if (!event) return verdict;
    if (envelope.sequence !== event.sequence) return invalid('its envelope has another sequence number', title);
    const history = this.#openHistory(event.deviceId);
    const problem = message
      ? (this.#checkSignature(json, message) ??
        (message.deviceId === event.deviceId
          ? history.checkStream(message.stream)
          : 'its envelope names another device'))
      : // Since the events are chained, every message of the history is signed.
        event.previous === undefined
        ? history.checkUnsigned()
        : 'its envelope is not signed';
    if (problem !== undefined) return invalid(problem, title);
    const remarks = [
      ...verdict.notes,
      ...(envelope.late ? ['late'] : []),
      ...(event.snapshotOmitted ? [`snapshot left out: ${event.snapshotOmitted.reason}`] : []),
      ...(message?.again ? ['sent again'] : []),
      ...(message ? [] : ['not signed']),
    ];
    const { notes, ...placement } = history.placeEvent(event);
    return toVerdict({ ...placement, notes: [...remarks, ...notes] }, title);
  }

  #checkLiveEvent(json: unknown): LineVerdict {
    const { verdict, event, title } = this.#checkEvent(json);
    if (!event) return verdict;
    const seen = this.#live.get(event.deviceId) ?? new Map<number, string>();
    this.#live.set(event.deviceId, seen);
    const before = seen.get(event.sequence);
    if (before !== undefined && before !== event.eventId) {
      return invalid('another event has the same sequence number', title);
    }
    seen.set(event.sequence, event.eventId);
    // A stream may be endless: the memory for it stays limited.
    if (seen.size > this.#remembered) seen.delete(seen.keys().next().value ?? 0);
    return toVerdict({ notes: [...verdict.notes, ...(before === undefined ? [] : ['duplicate'])] }, title);
  }

  /** @returns the event when it is valid; `verdict` then has the remarks */
  #checkEvent(json: unknown): { verdict: LineVerdict; event?: RecognitionEvent; title?: string } {
    const event = recognitionEventSchema.safeParse(json).data;
    if (!event) return { verdict: invalid('not an event of version 2') };
    const title = `${event.deviceId} ${event.sequence} ${event.cameraId} ${event.type}`;
    const problem = event.signature === undefined ? 'not signed' : this.#checkSignature(json, event);
    if (problem !== undefined) return { verdict: invalid(problem, title) };
    const notes = Date.parse(event.expiresAt) <= this.#nowMs ? ['expired'] : [];
    return { verdict: { verdict: 'valid', notes, title }, event, title };
  }

  #checkSignature(json: unknown, { keyId }: { keyId?: string | undefined }): string | undefined {
    const key = this.#publicKeys.get(keyId ?? '');
    if (key) return isSignedBy(key, json) ? undefined : 'the signature is wrong';
    const isSigned = [...this.#publicKeys.values()].some((one) => isSignedBy(one, json));
    return isSigned ? 'it names another signing key' : 'the signature is wrong';
  }

  #openHistory(device: string): HistoryCheck {
    const history = this.#histories.get(device) ?? new HistoryCheck(device, this.#remembered);
    this.#histories.set(device, history);
    return history;
  }
}

function invalid(reason: string, title?: string): LineVerdict {
  return { verdict: 'invalid', notes: [reason], ...(title === undefined ? {} : { title }) };
}

function toVerdict({ problem, notes, isRepeat }: ElementPlacement, title?: string): LineVerdict {
  if (problem !== undefined) return invalid(problem, title);
  return { verdict: 'valid', notes, ...(title === undefined ? {} : { title }), ...(isRepeat ? { isRepeat } : {}) };
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
