// The sending of messages on one connection: the form that the broker takes, suspects alone, and a verdict for what it does not take.
import type { Clock } from '../domain/time.js';
import type { BrokerLimits } from './broker-limits.js';
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
  connection: Pick<Connection, 'measure' | 'offer'>;
  limits: BrokerLimits;
  /** Tries a message alone. Where it is absent, suspects are sent as everything else. */
  tryAlone?: ((delivery: Delivery, bytes: number) => Promise<Verdict>) | undefined;
  clock: Clock;
}

/** What happened to one form. */
type Result = { state: 'accepted' } | { state: 'expired' } | { state: 'refused' | 'ended' | 'busy'; refusal: Refusal };

export class Sender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Sends the first form that the broker takes. @param forms in the order of preference, at least one */
  send(forms: readonly Form[]): Sending {
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
      const outcome = this.#sendFrom(forms, index, { delivery, bytes, first: refusal });
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
    }: { delivery: Delivery; bytes: number; first?: Refusal | undefined },
  ): Promise<SendOutcome> {
    const { connection, limits } = this.#options;
    let refusal = first;
    /** Size of the smallest form so far at which connections ended. */
    let endedBytes = Infinity;
    for (const [index, form] of forms.entries()) {
      if (index < start) continue;
      const delivery = index === start ? prepared : form(refusal);
      const bytes = index === start ? preparedBytes : connection.measure(delivery);
      const result = await this.#sendForm(delivery, bytes);
      if (result.state === 'accepted') {
        if (bytes < endedBytes && endedBytes < Infinity) limits.distrustSize(endedBytes);
        return { state: 'accepted', form: index, refusal };
      }
      if (result.state === 'expired') return { state: 'expired' };
      if (result.state === 'busy') return { state: 'busy', refusal: result.refusal };
      if (result.state === 'ended') endedBytes = Math.min(endedBytes, bytes);
      refusal ??= result.refusal;
    }
    if (!refusal) throw new TypeError('a message needs at least one form');
    return { state: 'refused', refusal };
  }

  /** @throws BrokerFailure */
  async #sendForm(delivery: Delivery, bytes: number): Promise<Result> {
    const { limits, tryAlone, clock } = this.#options;
    const { expiresAtMs } = delivery;
    if (expiresAtMs !== undefined && clock() >= expiresAtMs) return { state: 'expired' };
    const route = limits.route(delivery, bytes);
    if (route.route === 'none') return { state: 'refused', refusal: route.refusal };
    if (route.route === 'main' || !tryAlone) return this.#offer(delivery, bytes);
    const verdict = await tryAlone(delivery, bytes);
    if (verdict.state === 'unavailable') {
      if (!limits.isGuilty(nameDelivery(delivery))) return this.#offer(delivery, bytes);
      const cut = new BrokerFailure('the connection was closed', { kind: 'cut' });
      const refusal = refuseByEnd(cut, bytes);
      limits.endedConnection(delivery.topic, bytes, refusal);
      return { state: 'ended', refusal };
    }
    limits.noteProof();
    if (verdict.state === 'accepted') {
      limits.accepted(delivery, bytes);
      return { state: 'accepted' };
    }
    if (verdict.state === 'ended') limits.endedConnection(delivery.topic, bytes, verdict.refusal);
    else limits.answered(delivery);
    return toResult(verdict.state, verdict.refusal);
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
