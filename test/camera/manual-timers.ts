// A clock and timers that move only when a test says so.
import type { Timers } from '../../src/domain/time.js';

interface Timer {
  dueMs: number;
  callback: () => void;
}

export class ManualTimers implements Timers {
  #timers = new Set<Timer>();
  nowMs: number;

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.nowMs = startMs;
  }

  readonly clock = (): number => this.nowMs;

  setTimeout(callback: () => void, delayMs: number): unknown {
    const timer = { callback, dueMs: this.nowMs + delayMs };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** How long until each waiting timer is due, in ms, soonest first. */
  get waitingMs(): number[] {
    return [...this.#timers].map((timer) => timer.dueMs - this.nowMs).sort((a, b) => a - b);
  }

  /** Moves the clock, and lets everything that follows from each timer happen in its time. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.nowMs + byMs;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
      if (!next) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.callback();
      await settle();
    }
    this.nowMs = endMs;
  }
}

/** Lets pending promises run to where they wait for something else. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
