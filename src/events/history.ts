// The history stream: every event in order, with missing sequence numbers declared as gaps.
import { OMISSION_REASONS, type RecognitionEvent } from './event.js';

/**
 * `removed`: a limit of the event log (number, bytes, age) removed the events before they were published. `unreadable`: damaged on the disk.
 * `too-large`: the event is larger than the broker allows. `refused`: the broker does not take the event.
 */
export const GAP_REASONS = ['removed', 'unreadable', ...OMISSION_REASONS] as const;

export type GapReason = (typeof GAP_REASONS)[number];

/** Sequence numbers that will never be published, `from` and `to` included. */
export interface Gap {
  from: number;
  to: number;
  reason: GapReason;
  /** Reason of the refusal, in words; only with the reasons `too-large` and `refused`. */
  detail?: string | undefined;
  /** Hash of the event before the gap; NO_HASH where it is not known. */
  previous: string;
}

/**
 * One record of the history. A consumer settles it with its `sequence`, which for a gap is the last number of the gap. `again`: the event
 * was declared as a gap or published without its snapshot before, because the broker did not take it.
 */
export type HistoryRecord =
  { sequence: number; event: RecognitionEvent; again?: boolean } | { sequence: number; gap: Gap };

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

/** The stored events in their order, for readers without a mark. */
export interface EventFeed {
  /** Sequence number of the newest stored event; 0 before the first one. */
  readonly last: number;
  /** Reads the events after this number, at most `limit`. A gap comes first if events before them are missing. */
  readAfter(sequence: number, limit: number): Promise<HistoryRecord[]>;
  /** Calls the listener after each write of new events. @returns the function that ends this */
  watch(listener: () => void): () => void;
}

/** Consumers of the history. */
export const HISTORY_STREAMS = ['mqtt', 'webhook', 'fleet'] as const;

/** Name of the consumer that a message of the history is for. Each has its own gaps and its own marks `late`. */
export type HistoryStream = (typeof HISTORY_STREAMS)[number];

/** Signs an object, as EventSigner.signObject. */
type SignObject = <T extends object>(object: T) => T & { keyId: string; signature: string };

/** Makes the payloads of one stream of the history. */
export type HistoryEncoder = (record: HistoryRecord, late: boolean) => string;

/**
 * Creates the encoder of a stream. Every message is signed as a whole, so that nobody can change `late`, or declare a gap.
 *
 * `late: false` is certain: the broker acknowledged the live message before the event expired. `late: true` means that no such
 * acknowledgement is known: after a crash or a cut connection the live message may still have arrived. For this reason a message that comes
 * twice (same sequence) may differ in `late`.
 */
export function createHistoryEncoder(deviceId: string, stream: HistoryStream, signObject: SignObject): HistoryEncoder {
  return (record, late) => {
    const content = 'gap' in record ? { gap: record.gap } : describeEvent(record, late);
    return JSON.stringify(signObject({ version: 1, deviceId, stream, ...content }));
  };
}

function describeEvent(
  { sequence, event, again }: Extract<HistoryRecord, { event: unknown }>,
  late: boolean,
): { sequence: number; late: boolean; again?: true; event: RecognitionEvent } {
  return { sequence, late, ...(again ? { again } : {}), event };
}
