// The gate of one connection: no more messages without an acknowledgement than the broker allows, and those of the live lane first.
import { LANES, type SendLane } from './delivery.js';

/** MQTT 5 ends a connection on which more messages wait for their PUBACK than its `Receive Maximum`. */
export class SendGate {
  #free: number;
  readonly #waiting: Record<SendLane, (() => void)[]> = { live: [], status: [], side: [], history: [] };

  /** @param places number of messages that may wait for their acknowledgement at the same time, at least 1 */
  constructor(places: number) {
    this.#free = Math.max(1, places);
  }

  /** Resolves when the message may be sent. @returns the function that gives the place back */
  async enter(lane: SendLane): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting[lane].push(resolve));
    return () => this.#leave();
  }

  #leave(): void {
    const lane = LANES.find((one) => this.#waiting[one].length > 0);
    const next = lane && this.#waiting[lane].shift();
    if (next) next();
    else this.#free++;
  }
}
