// Time that passes only from one event to the next, so that a simulation of many cores needs none and a busy machine does not disturb it.

interface VirtualEvent {
  atMs: number;
  happen: () => void;
}

export class VirtualTime {
  #nowMs = 0;
  /** Events to come, the latest first. */
  readonly #events: VirtualEvent[] = [];

  readonly clock = (): number => this.#nowMs;

  /** Lets something happen later; of two events of one time, the one that was asked for first happens first. */
  schedule(inMs: number, happen: () => void): void {
    const event = { atMs: this.#nowMs + inMs, happen };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.atMs > event.atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.schedule(ms, resolve));
  }

  /** Lets time pass until nothing is to come. What an event causes through promises happens before the next one. */
  async run(): Promise<void> {
    for (;;) {
      await new Promise(setImmediate);
      const event = this.#events.pop();
      if (!event) return;
      this.#nowMs = event.atMs;
      event.happen();
      while (this.#events.at(-1)?.atMs === this.#nowMs) this.#events.pop()!.happen();
    }
  }
}
