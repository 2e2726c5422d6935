// The sending of messages on one connection: the form that the broker takes, suspects alone, and a verdict for what it does not take.
import type { Clock } from '../domain/time.js';
import type { BrokerLimits, DeliveryRoute } from './broker-limits.js';
import { nameDelivery, type Delivery } from './delivery.js';
import type { Connection } from './mqtt-connection.js';
import { refuseByEnd, toRefusal, type Refusal } from './refusal.js';
import { BrokerFailure } from './broker-failure.js';
import type { Verdict } from './trial.js';

/**
 * One way to say a message, such as with the snapshot and without it.
 * @param refusal why the form before it was refused
 */
export type Form = (refusal: Refusal | undefined) => Delivery;

/** `form` is the index of the form that the broker took. `refused`: it takes none; `refusal` is the one of the first form. */
export type SendOutcome =
  | { state: 'accepted'; form: number; refusal: Refusal | undefined }
  | { state: 'refused' | 'busy'; refusal: Refusal }
  | { state: 'expired' };

export interface Sending {
  /** Bytes of the payload of the first form that is tried; 0 where it is not on the main connection. */
  bytes: number;
  /** True when the message is not on the main connection, so that it takes no place in the send window. */
  isAside: boolean;
  /** Rejects with a BrokerFailure when the connection ends before there is an answer. */
  outcome: Promise<SendOutcome>;
}

export interface SenderOptions {
  connection: Pick<Connection, 'measure' | 'offer' | 'probe'>;
  limits: BrokerLimits;
  /** Tries a message alone. Where it is absent, suspects are sent as everything else. */
  tryAlone?: ((delivery: Delivery, bytes: number) => Promise<Verdict>) | undefined;
  clock: Clock;
}

/** Result of sending one form. */
type Result = { state: 'accepted' } | { state: 'expired' } | { state: 'refused' | 'ended' | 'busy'; refusal: Refusal };

export class Sender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /**
   * Sends the first form that the broker takes.
   * @param forms in the order of preference, at least one
   * @param mayGoOn awaited before the form that follows a refused one; false: the message counts as refused without it
   */
  send(forms: readonly Form[], mayGoOn?: () => Promise<boolean>): Sending {
    const { connection, limits } = this.#options;
    let refusal: Refusal | undefined;
    for (const [index, form] of forms.entries()) {
      const delivery = form(refusal);
      const bytes = connection.measure(delivery);
      const route = limits.route(delivery, bytes);
      if (route.route === 'none') {
        refusal ??= route.refusal;
        continue;
      }
      const isAside = route.route === 'alone' && this.#options.tryAlone !== undefined;
      const outcome = this.#sendFrom(forms, index, { delivery, bytes, first: refusal, mayGoOn });
      return { bytes: isAside ? 0 : Buffer.byteLength(delivery.payload), isAside, outcome };
    }
    if (!refusal) throw new TypeError('a message needs at least one form');
    return { bytes: 0, isAside: true, outcome: Promise.resolve({ state: 'refused', refusal }) };
  }

  /** Sends a message that has only one form. */
  sendOne(delivery: Delivery): Promise<SendOutcome> {
    return this.send([() => delivery]).outcome;
  }

  async #sendFrom(
    forms: readonly Form[],
    start: number,
    {
      delivery: prepared,
      bytes: preparedBytes,
      first,
      mayGoOn,
    }: {
      delivery: Delivery;
      bytes: number;
      first?: Refusal | undefined;
      mayGoOn?: (() => Promise<boolean>) | undefined;
    },
  ): Promise<SendOutcome> {
    const { connection, limits } = this.#options;
    let refusal = first;
    /** Size of the smallest form so far at which connections ended. */
    let endedBytes = Infinity;
    let topic: string | undefined;
    for (const [index, form] of forms.entries()) {
      if (index < start) continue;
      if (index > start && refusal && mayGoOn && !(await mayGoOn())) return { state: 'refused', refusal };
      const delivery = index === start ? prepared : form(refusal);
      const bytes = index === start ? preparedBytes : connection.measure(delivery);
      const result = await this.#sendForm(delivery, bytes, endedBytes < Infinity);
      if (result.state === 'accepted') {
        if (refusal && endedBytes < Infinity && bytes < endedBytes) limits.distrustSize(endedBytes, refusal);
        return { state: 'accepted', form: index, refusal };
      }
      if (result.state === 'expired') return { state: 'expired' };
      if (result.state === 'busy') return { state: 'busy', refusal: result.refusal };
      refusal ??= result.refusal;
      if (result.state !== 'ended') continue;
      endedBytes = Math.min(endedBytes, bytes);
      topic = delivery.topic;
    }
    if (refusal && topic !== undefined) limits.closeTopic(topic, endedBytes, refusal);
    if (!refusal) throw new TypeError('a message needs at least one form');
    return { state: 'refused', refusal };
  }

  /** @param isAlone whether it is sent alone in any case, because another form ended its connection @throws BrokerFailure */
  async #sendForm(delivery: Delivery, bytes: number, isAlone: boolean): Promise<Result> {
    const { limits, tryAlone, clock } = this.#options;
    const { expiresAtMs } = delivery;
    if (expiresAtMs !== undefined && clock() >= expiresAtMs) return { state: 'expired' };
    const route: DeliveryRoute = isAlone && limits.fits(bytes) ? { route: 'alone' } : limits.route(delivery, bytes);
    if (route.route === 'none') return { state: 'refused', refusal: route.refusal };
    if (route.route === 'main') return this.#offer(delivery, bytes);
    const verdict: Verdict = tryAlone ? await tryAlone(delivery, bytes) : { state: 'unavailable' };
    if (verdict.state === 'unavailable') return this.#offerSuspect(delivery, bytes);
    limits.noteProof();
    if (verdict.state === 'accepted') {
      limits.accepted(delivery, bytes);
      return { state: 'accepted' };
    }
    limits.answered(delivery);
    return toResult(verdict.state, verdict.refusal);
  }

  /** Sends a suspect on the connection of everything else, while nothing that came before it waits for an answer. */
  async #offerSuspect(delivery: Delivery, bytes: number): Promise<Result> {
    const { connection, limits } = this.#options;
    const name = nameDelivery(delivery);
    if (limits.isGuilty(name)) {
      const refusal = refuseByEnd(new BrokerFailure('the connection was closed', { kind: 'cut' }), bytes);
      limits.answered(delivery);
      return { state: 'ended', refusal };
    }
    if (limits.isSuspect(name)) await connection.probe();
    return this.#offer(delivery, bytes);
  }

  async #offer(delivery: Delivery, bytes: number): Promise<Result> {
    const { connection, limits } = this.#options;
    const failure = await connection.offer(delivery);
    if (!failure) {
      limits.accepted(delivery, bytes);
      return { state: 'accepted' };
    }
    limits.answered(delivery);
    return toResult('refused', toRefusal(failure));
  }
}

function toResult(state: 'refused' | 'ended', refusal: Refusal): Result {
  return { state: refusal.kind === 'busy' ? 'busy' : state, refusal };
}
