// The history stream: every event in order, with missing sequence numbers declared as gaps.
import type { RecognitionEvent } from './event.js';

/** `removed`: a limit of the event log (number, bytes, age) removed the events before they were published. `unreadable`: damaged on the disk. */
export type GapReason = 'removed' | 'unreadable';

/** Sequence numbers that will never be published, `from` and `to` included. */
export interface Gap {
  from: number;
  to: number;
  reason: GapReason;
}

/** One record of the history. A consumer settles it with its `sequence`, which for a gap is the last number of the gap. */
export type HistoryRecord = { sequence: number; event: RecognitionEvent } | { sequence: number; gap: Gap };

/** The event log as one consumer reads it. */
export interface HistorySource {
  /**
   * Reads the events after this number that the consumer has not settled, in order, at most `limit`. A gap comes first if events before
   * them are missing.
   */
  read(afterSequence: number, limit: number): Promise<HistoryRecord[]>;
  /** Settles everything up to this number. The write to the disk is not awaited: after a crash some records may come again. */
  settle(throughSequence: number): void;
}

/**
 * Makes the payload of one message of the history. `late: false` is certain: the broker acknowledged the live message before the event
 * expired. `late: true` means that no such acknowledgement is known: after a crash or a cut connection the live message may still have
 * arrived. For this reason a message that comes twice (same sequence) may differ in `late`.
 */
export function encodeHistoryPayload(record: HistoryRecord, late: boolean): string {
  return 'gap' in record
    ? JSON.stringify({ version: 1, gap: record.gap })
    : JSON.stringify({ version: 1, sequence: record.sequence, late, event: record.event });
}
