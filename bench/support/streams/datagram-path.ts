// The network between a camera and the service: loses, repeats and reorders datagrams, always the same ones for a seed.
import { seededRandom, type Random } from '../../../tools/rendered-people/random.js';

export interface DatagramPathOptions {
  /** Shares of the datagrams, 0..1. */
  lost?: number;
  repeated?: number;
  /** Share of the datagrams that come after the three that follow them. */
  reordered?: number;
  seed?: number;
}

const OVERTAKEN_BY = 3;

export class DatagramPath {
  readonly #options: DatagramPathOptions;
  readonly #random: Random;
  /** Datagrams that are held back, with the number of datagrams that still overtake them. */
  #held: { data: Buffer; left: number }[] = [];

  constructor(options: DatagramPathOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
  }

  /** Takes a datagram. @param deliver called for each datagram that arrives, in the order of arrival */
  send(data: Buffer, deliver: (data: Buffer) => void): void {
    const { lost = 0, repeated = 0, reordered = 0 } = this.#options;
    const [loss, repetition, order] = [this.#random(), this.#random(), this.#random()];
    if (loss >= lost) {
      if (order < reordered) {
        this.#held.push({ data, left: OVERTAKEN_BY });
        return;
      }
      deliver(data);
      if (repetition < repeated) deliver(data);
    }
    for (const one of this.#held) one.left--;
    for (const { data: late } of this.#held.filter(({ left }) => left <= 0)) deliver(late);
    this.#held = this.#held.filter(({ left }) => left > 0);
  }
}
