// The history stream: every event once, in order, and what is missing from it declared.
import type { RecognitionEvent } from './event.js';

/** `removed`: by a bound of the log (count, bytes, age), before it could be published; `unreadable`: damaged on the disk. */
export type GapReason = 'removed' | 'unreadable';

/** Sequence numbers that will never come, both ends included. */
export interface Gap {
  from: number;
  to: number;
  reason: GapReason;
}

/** What the log holds for a consumer; `sequence` is what its settlement settles. */
export type HistoryRecord = { sequence: number; event: RecognitionEvent } | { sequence: number; gap: Gap };

/** A consumer's side of the log. */
export interface HistorySource {
  /** Up to `limit` events after this number and after what is settled, in order, and before them the gap where they do not follow on. */
  read(afterSequence: number, limit: number): Promise<HistoryRecord[]>;
  /** Everything up to this number is done with; that it reaches the disk is not awaited, so a crash may bring some of it back. */
  settle(throughSequence: number): void;
}

/**
 * One message of the history. `late: false` is certain: in time means that the live topic's broker had acknowledged the event before its
 * expiry. `late: true` says that no such acknowledgement is known of: after a crash, or a connection that was cut between the two, the
 * live message may have arrived all the same. A message that comes twice (same sequence) may differ in `late` for that reason.
 */
export function historyPayload(record: HistoryRecord, late: boolean): string {
  return 'gap' in record
    ? JSON.stringify({ version: 1, gap: record.gap })
    : JSON.stringify({ version: 1, sequence: record.sequence, late, event: record.event });
}
