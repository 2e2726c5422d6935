// The forms of a message about an event, in the order of preference: whole, without the snapshot, and in the history as a gap.
import { makeHistoryDelivery, makeLiveDelivery, type Delivery } from './delivery.js';
import { NO_HASH } from './event-chain.js';
import type { RecognitionEvent } from './event.js';
import type { HistoryEncoder, HistoryRecord } from './history.js';
import type { Refusal } from './refusal.js';
import type { Form } from './sender.js';
import type { EventSigner } from './signing.js';
import { leaveOutSnapshot, nameOmission } from './without-snapshot.js';

/** Content of a form: the whole record, the event without its snapshot, or that the event is missing. */
export type FormName = 'whole' | 'without-snapshot' | 'gap';

export interface NamedForm {
  name: FormName;
  make: Form;
}

export interface FormMaker {
  deviceId: string;
  sign: EventSigner['sign'];
  encodeHistory: HistoryEncoder;
}

/** Stands for the reason where a message was in flight when its connection ended. */
export const CUT: Refusal = { kind: 'refused', detail: 'the connection ended at this message' };

/**
 * Lists the forms on the topic that doors listen to.
 * @param isSuspect whether the event was in flight when a connection ended. It then goes without its snapshot at once: nothing is tried
 * while a door waits
 */
export function listLiveForms(
  event: RecognitionEvent,
  isSuspect: boolean,
  { sign }: Pick<FormMaker, 'sign'>,
): NamedForm[] {
  const whole: NamedForm = { name: 'whole', make: () => makeLiveDelivery(event) };
  if (event.snapshot === undefined) return [whole];
  const without: NamedForm = {
    name: 'without-snapshot',
    make: (refusal = CUT) => makeLiveDelivery(leaveOutSnapshot(event, refusal, sign)),
  };
  return isSuspect ? [without] : [whole, without];
}

/** Lists the forms on the history topic. */
export function listHistoryForms(
  record: HistoryRecord,
  late: boolean,
  { deviceId, sign, encodeHistory }: FormMaker,
): NamedForm[] {
  const { sequence } = record;
  const encode = (form: HistoryRecord): Delivery => makeHistoryDelivery(deviceId, sequence, encodeHistory(form, late));
  if ('gap' in record) return [{ name: 'gap', make: () => encode(record) }];
  const { event } = record;
  const forms: NamedForm[] = [{ name: 'whole', make: () => encode(record) }];
  if (event.snapshot !== undefined) {
    forms.push({
      name: 'without-snapshot',
      make: (refusal = CUT) => encode({ ...record, event: leaveOutSnapshot(event, refusal, sign) }),
    });
  }
  forms.push({
    name: 'gap',
    make: (refusal = CUT) => encode({ sequence, gap: declareOmission(event, refusal) }),
  });
  return forms;
}

/** Makes the gap that stands for an event which its receiver does not take. */
export function declareOmission(
  { sequence, previous = NO_HASH }: RecognitionEvent,
  refusal: Refusal,
): Extract<HistoryRecord, { gap: unknown }>['gap'] {
  return { from: sequence, to: sequence, reason: nameOmission(refusal), detail: refusal.detail, previous };
}
