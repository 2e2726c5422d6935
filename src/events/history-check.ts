// The check of one device's recorded history: which numbers are missing, which ones a gap declares, and whether each event follows the last.
import { NO_HASH, readChainHash, type ChainLink } from './event-chain.js';
import { OMISSION_REASONS, type RecognitionEvent } from './event.js';
import type { Gap, GapReason } from './history.js';

/** Numbers from the first to the last one, both included. */
export interface NumberRange {
  from: number;
  to: number;
}

/** Numbers that a signed gap declares. */
export interface DeclaredRange extends NumberRange {
  reason: GapReason;
}

export interface HistoryReport {
  deviceId: string;
  /** Numbers that the recording covers. */
  covered: NumberRange;
  /** Numbers that did not come, and that no gap declares; those at the end come from the signed head of a status. */
  missing: readonly NumberRange[];
  /** Numbers that a signed gap declares, and whose events did not come later. */
  declared: readonly DeclaredRange[];
  /** Messages that came at the wrong place. */
  misplaced: number;
  /** Messages without a signature, of Lintel 0.2 and before: their gaps and `late` may be forged. */
  unsigned: number;
}

/** The verdict on one message: `problem` makes it invalid, `notes` are remarks. */
export interface ElementPlacement {
  problem?: string | undefined;
  /** True where all that the message says came before. */
  isRepeat?: boolean | undefined;
  notes: string[];
}

/** Number of messages that are remembered by default. A duplicate of an older message counts as misplaced. */
const MAX_REMEMBERED = 100_000;

export class HistoryCheck {
  readonly #deviceId: string;
  readonly #remembered: number;
  /** Name of the stream in the first signed message. */
  #stream: string | undefined;
  #first: number | undefined;
  #last = 0;
  /** Hash of the event `#last`; undefined where that number is in a gap. */
  #lastHash: string | undefined;
  #head: ChainLink | undefined;
  /** eventId by sequence number. */
  readonly #seen = new Map<number, string>();
  #missing: NumberRange[] = [];
  #declared: DeclaredRange[] = [];
  #misplaced = 0;
  #unsigned = 0;

  /** @param remembered number of messages whose ids are kept, to tell a duplicate from another event with the same number */
  constructor(deviceId: string, remembered = MAX_REMEMBERED) {
    this.#deviceId = deviceId;
    this.#remembered = remembered;
  }

  /** Places a message that is not signed. @returns why it is invalid */
  checkUnsigned(): string | undefined {
    if (this.#stream !== undefined) return 'it is not signed, although earlier messages of this device are';
    this.#unsigned++;
    return undefined;
  }

  /** Places a signed message in its stream. @returns why it is invalid */
  checkStream(stream: string): string | undefined {
    this.#stream ??= stream;
    return stream === this.#stream ? undefined : `it is of another stream: ${stream}, not ${this.#stream}`;
  }

  /** Notes the newest event that the device had when it signed a status. */
  noteHead(head: ChainLink): string | undefined {
    if (head.sequence > (this.#head?.sequence ?? 0)) this.#head = head;
    return this.#checkHead();
  }

  placeEvent(event: RecognitionEvent): ElementPlacement {
    const { sequence, eventId, previous } = event;
    const before = this.#seen.get(sequence);
    if (before !== undefined && before !== eventId) {
      return { problem: 'another event has the same sequence number', notes: [] };
    }
    if (before !== undefined) return { notes: ['duplicate'], isRepeat: true };
    this.#seen.set(sequence, eventId);
    // A stream may be endless: the memory for it stays limited.
    if (this.#seen.size > this.#remembered) this.#seen.delete(this.#seen.keys().next().value ?? 0);
    if (this.#first !== undefined && sequence <= this.#last) return this.#placeLate(event);
    const notes = this.#skipTo(sequence);
    const follows = this.#last === sequence - 1 && this.#lastHash !== undefined && previous !== undefined;
    const problem =
      follows && previous !== this.#lastHash
        ? 'it does not follow the event before it: one of them is forged'
        : undefined;
    this.#advance(sequence, readChainHash(event));
    return { problem: problem ?? this.#checkHead(), notes };
  }

  placeGap({ from, to, reason, detail, previous }: Gap): ElementPlacement {
    const notes = [`gap declared: ${from} to ${to}, ${reason}${detail === undefined ? '' : `: ${detail}`}`];
    const isNext = this.#first !== undefined && from === this.#last + 1;
    if (isNext && this.#lastHash !== undefined && previous !== NO_HASH && previous !== this.#lastHash) {
      return { problem: 'it does not follow the event before it: one of them is forged', notes };
    }
    if (this.#first !== undefined && to <= this.#last) {
      const rest = withoutRange(this.#missing, { from, to });
      if (countNumbers(rest) === countNumbers(this.#missing)) return { notes: [...notes, 'duplicate'], isRepeat: true };
      this.#missing = rest;
      this.#declared.push({ from, to, reason });
      // The broker refused the event after it had taken the next ones.
      if (isOmission(reason)) return { notes };
      this.#misplaced++;
      return { notes: [...notes, 'out of order'] };
    }
    // A gap may grow between two connections: what was published of it before comes again.
    const begin = Math.max(from, this.#first === undefined ? from : this.#last + 1);
    notes.push(...this.#skipTo(begin));
    this.#declared.push({ from: begin, to, reason });
    this.#first ??= from;
    this.#advance(to, undefined);
    return { notes };
  }

  /** Places an event behind one with a higher number. */
  #placeLate({ sequence, snapshotOmitted }: RecognitionEvent): ElementPlacement {
    const number = { from: sequence, to: sequence };
    const missing = countNumbers(this.#missing);
    this.#missing = withoutRange(this.#missing, number);
    const omitted = this.#declared.find(
      ({ from, to, reason }) => from <= sequence && sequence <= to && isOmission(reason),
    );
    if (omitted) {
      this.#declared = withoutRange(this.#declared, number);
      return { notes: ['a gap declared it before'] };
    }
    // The broker refused the event with its snapshot after it had taken the next ones.
    if (snapshotOmitted) return { notes: [] };
    this.#misplaced++;
    // Its number is covered, so that it came before, too long ago to be remembered.
    const isRepeat =
      sequence >= (this.#first ?? 0) &&
      countNumbers(this.#missing) === missing &&
      !this.#declared.some(({ from, to }) => from <= sequence && sequence <= to);
    return { notes: ['out of order'], isRepeat };
  }

  report(): HistoryReport | undefined {
    if (this.#first === undefined) return undefined;
    const end =
      this.#head && this.#head.sequence > this.#last ? [{ from: this.#last + 1, to: this.#head.sequence }] : [];
    return {
      deviceId: this.#deviceId,
      covered: { from: this.#first, to: this.#last },
      missing: [...this.#missing, ...end],
      declared: this.#declared,
      misplaced: this.#misplaced,
      unsigned: this.#unsigned,
    };
  }

  #skipTo(sequence: number): string[] {
    if (this.#first === undefined || sequence === this.#last + 1) {
      this.#first ??= sequence;
      return [];
    }
    const range = { from: this.#last + 1, to: sequence - 1 };
    this.#missing.push(range);
    return [`${range.from} to ${range.to} are missing`];
  }

  #advance(sequence: number, hash: string | undefined): void {
    this.#last = sequence;
    this.#lastHash = hash;
  }

  /** @returns a problem when the device has signed another event as its head than the one that was recorded */
  #checkHead(): string | undefined {
    if (this.#head?.sequence !== this.#last || this.#lastHash === undefined || this.#head.hash === NO_HASH)
      return undefined;
    return this.#head.hash === this.#lastHash ? undefined : 'the device has signed another event as its newest one';
  }
}

function isOmission(reason: GapReason): boolean {
  return (OMISSION_REASONS as readonly GapReason[]).includes(reason);
}

function withoutRange<T extends NumberRange>(ranges: readonly T[], { from, to }: NumberRange): T[] {
  return ranges.flatMap((range) => {
    const parts = [
      { ...range, to: Math.min(range.to, from - 1) },
      { ...range, from: Math.max(range.from, to + 1) },
    ];
    return parts.filter((part) => part.from <= part.to);
  });
}

/** Counts the numbers in ranges. */
export function countNumbers(ranges: readonly NumberRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}
