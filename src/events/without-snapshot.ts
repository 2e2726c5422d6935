// An event without its snapshot, for a broker that does not take the message with it.
import { hashEvent } from './event-chain.js';
import type { OMISSION_REASONS, RecognitionEvent } from './event.js';
import type { Refusal } from './refusal.js';
import type { EventSigner } from './signing.js';

/** Returns why a broker does not take a message, as events and gaps name it. */
export function nameOmission({ kind }: Refusal): (typeof OMISSION_REASONS)[number] {
  return kind === 'too-large' ? 'too-large' : 'refused';
}

/**
 * Leaves the snapshot out and signs the event again. It keeps its eventId, its number and its place in the chain: it names the hash of the
 * event with the snapshot.
 */
export function leaveOutSnapshot(
  event: RecognitionEvent,
  refusal: Refusal,
  sign: EventSigner['sign'],
): RecognitionEvent {
  const unsigned: Partial<RecognitionEvent> = { ...event };
  delete unsigned.snapshot;
  delete unsigned.keyId;
  delete unsigned.signature;
  const snapshotOmitted = { reason: nameOmission(refusal), hash: hashEvent(event) };
  return sign({ ...(unsigned as RecognitionEvent), snapshotOmitted });
}
