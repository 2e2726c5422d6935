// The checks of what recognition hands over: the draft of an event, and its grounds.
import * as z from 'zod';
import { recognitionEventSchema, type EventDraft } from './event.js';
import { groundsDraftSchema, type GroundsDraft } from './grounds.js';

const draftSchema = recognitionEventSchema.omit({
  version: true,
  eventId: true,
  sequence: true,
  deviceId: true,
  previous: true,
  snapshotOmitted: true,
  keyId: true,
  signature: true,
});

/** Checks the draft of an event. @throws TypeError for a draft that does not make a valid event */
export function checkDraft(draft: EventDraft): EventDraft {
  const checked = draftSchema.safeParse(draft);
  if (!checked.success) throw new TypeError(`the draft is not an event: ${z.prettifyError(checked.error)}`);
  return checked.data;
}

/** Checks grounds. @returns the grounds, or what is wrong with them in words */
export function checkGrounds(grounds: GroundsDraft): { grounds: GroundsDraft } | { problem: string } {
  const checked = groundsDraftSchema.safeParse(grounds);
  return checked.success ? { grounds: checked.data } : { problem: z.prettifyError(checked.error) };
}
