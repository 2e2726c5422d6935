// The delivery of events on one connection: which form the broker took, and the record of what it did not take.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import type { BrokerLimits } from './broker-limits.js';
import { nameDelivery } from './delivery.js';
import { CUT, listHistoryForms, listLiveForms, type FormMaker, type NamedForm } from './event-forms.js';
import type { RecognitionEvent } from './event.js';
import type { HistoryRecord } from './history.js';
import type { HistoryReceipt, HistorySending } from './history-drain.js';
import { LesserForms } from './lesser-forms.js';
import type { Connection } from './mqtt-connection.js';
import type { Refusal } from './refusal.js';
import type { RefusedTopics } from './refused-topics.js';
import type { Sender, Sending, SendOutcome } from './sender.js';
import type { SetAsideStore } from './set-aside.js';
import { makeEventTopic, makeHistoryTopic } from './topics.js';
import { nameOmission } from './without-snapshot.js';

/** Counts since the start. */
export interface DeliveryCounts {
  /** Live events that the broker did not take at all. */
  liveRefused: number;
  /** Live events that it took only without the snapshot. */
  liveWithoutSnapshot: number;
  /** Events of the history that it took only without the snapshot. */
  historyWithoutSnapshot: number;
  /** Events of the history that it did not take, and that are declared as gaps. */
  historyRefused: number;
}

export interface EventDeliveryOptions extends FormMaker {
  sender: Sender;
  measure: Connection['measure'];
  limits: BrokerLimits;
  refusedTopics: RefusedTopics;
  setAside?: SetAsideStore | undefined;
  counts: DeliveryCounts;
  clock: Clock;
  log: Log;
}

const SNAPSHOTS = 'snapshots';

export class EventDelivery {
  readonly #options: EventDeliveryOptions;
  readonly #lesserForms = new LesserForms();

  constructor(options: EventDeliveryOptions) {
    this.#options = options;
  }

  /** Sends an event to the topic that doors listen to. */
  publishLive(event: RecognitionEvent): Sending {
    const { sender, limits } = this.#options;
    const isSuspect = limits.isSuspect(`live/${event.sequence}`);
    const forms = listLiveForms(event, isSuspect, this.#options);
    const sending = sender.send(forms.map(({ make }) => make));
    const outcome = sending.outcome.then((result) => {
      this.#noteLive(event, forms, result);
      return result;
    });
    return { ...sending, outcome };
  }

  /** Sends a record to the history topic. */
  publishHistory(record: HistoryRecord, late: boolean): HistorySending {
    const { sender } = this.#options;
    const forms = listHistoryForms(record, late, this.#options);
    const turn = this.#lesserForms.begin();
    const { bytes, isAside, outcome } = sender.send(
      forms.map(({ make }) => make),
      turn.waitForTurn,
    );
    const receipt = outcome.then((result) => this.#receive(record, forms, result));
    receipt.then(
      ({ state }) => turn.end(state === 'blocked'),
      () => turn.end(false),
    );
    return { bytes, isAside, receipt };
  }

  #noteLive(event: RecognitionEvent, forms: readonly NamedForm[], outcome: SendOutcome): void {
    const { refusedTopics, counts } = this.#options;
    const topic = makeEventTopic(event);
    if (outcome.state === 'expired') return;
    if (outcome.state === 'accepted') {
      refusedTopics.accept(topic);
      const isWhole = forms[outcome.form]?.name === 'whole';
      if (!isWhole) counts.liveWithoutSnapshot++;
      if (!isWhole && outcome.refusal) refusedTopics.refuse(topic, outcome.refusal, SNAPSHOTS);
      if (isWhole && event.snapshot !== undefined) refusedTopics.accept(topic, SNAPSHOTS);
      if (isWhole) return;
    } else {
      if (outcome.state === 'refused') counts.liveRefused++;
      refusedTopics.refuse(topic, outcome.refusal);
    }
    refusedTopics.logNew();
  }

  #receive(record: HistoryRecord, forms: readonly NamedForm[], outcome: SendOutcome): HistoryReceipt {
    const { refusedTopics, deviceId } = this.#options;
    const topic = makeHistoryTopic(deviceId);
    if (outcome.state !== 'accepted') {
      if (outcome.state !== 'expired') refusedTopics.refuse(topic, outcome.refusal);
      refusedTopics.logNew();
      return { state: 'blocked' };
    }
    refusedTopics.accept(topic);
    const name = forms[outcome.form]?.name ?? 'whole';
    if ('event' in record) {
      if (name !== 'whole') this.#setAside(record.event, name, outcome.refusal ?? CUT, forms);
      if (name === 'without-snapshot') refusedTopics.refuse(topic, outcome.refusal ?? CUT, SNAPSHOTS);
      else if (name === 'whole' && record.event.snapshot !== undefined) refusedTopics.accept(topic, SNAPSHOTS);
    }
    return { state: 'taken', isGap: name === 'gap' };
  }

  /** Records that the history has an event without its snapshot, or not at all. */
  #setAside(event: RecognitionEvent, name: NamedForm['name'], refusal: Refusal, forms: readonly NamedForm[]): void {
    const { setAside, counts, measure, clock, log, deviceId, limits } = this.#options;
    const { maximumPacketBytes } = limits.announced;
    const [whole] = forms;
    if (!whole) return;
    const what = name === 'gap' ? 'event' : 'snapshot';
    if (what === 'event') counts.historyRefused++;
    else counts.historyWithoutSnapshot++;
    const delivery = whole.make(undefined);
    const entry = {
      sequence: event.sequence,
      what,
      reason: nameOmission(refusal),
      detail: refusal.detail,
      topic: makeHistoryTopic(deviceId),
      bytes: measure(delivery),
      ...(maximumPacketBytes < Infinity ? { limitBytes: maximumPacketBytes } : {}),
      atMs: clock(),
    } as const;
    setAside?.add(entry);
    log.warn(
      { message: nameDelivery(delivery), reason: refusal.detail },
      what === 'event'
        ? 'the MQTT broker does not take an event: the history declares a gap, and the event is set aside'
        : 'the MQTT broker does not take an event with its snapshot: it was sent without, and the snapshot is set aside',
    );
  }
}
