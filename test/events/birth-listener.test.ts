// The birth message of Home Assistant leads to announcements: a little later, and not too often.
import { expect, it } from 'vitest';
import { BirthListener } from '../../src/events/birth-listener.js';

/** Timers that run when the test says so. */
class FakeTimers {
  nowMs = 0;
  readonly #timers = new Map<number, { atMs: number; callback: () => void }>();
  #last = 0;

  setTimeout(callback: () => void, delayMs: number): unknown {
    this.#timers.set(++this.#last, { atMs: this.nowMs + delayMs, callback });
    return this.#last;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  advance(toMs: number): void {
    for (;;) {
      const [next] = [...this.#timers].filter(([, { atMs }]) => atMs <= toMs).sort(([, a], [, b]) => a.atMs - b.atMs);
      if (!next) break;
      this.#timers.delete(next[0]);
      this.nowMs = next[1].atMs;
      next[1].callback();
    }
    this.nowMs = toMs;
  }
}

function setUp(): { announcedMs: number[]; timers: FakeTimers; listener: BirthListener; hear: (text: string) => void } {
  const timers = new FakeTimers();
  const announcedMs: number[] = [];
  const listener = new BirthListener({ timers, announce: () => announcedMs.push(timers.nowMs) });
  const hear = (text: string): void => listener.hear({ payload: Buffer.from(text), retained: false });
  return { announcedMs, timers, listener, hear };
}

it('announces once for several births in a second', () => {
  const { announcedMs, timers, hear } = setUp();
  hear('online');
  timers.advance(900);
  hear('online');
  timers.advance(60_000);
  expect(announcedMs).toEqual([1_000]);
  hear('online');
  timers.advance(120_000);
  expect(announcedMs).toEqual([1_000, 61_000]);
});

it('announces at most once in ten seconds, and never forgets a birth', () => {
  const { announcedMs, timers, hear } = setUp();
  for (let atMs = 0; atMs <= 20_000; atMs += 100) {
    timers.advance(atMs);
    hear('online');
  }
  timers.advance(120_000);
  expect(announcedMs).toEqual([1_000, 11_000, 21_000]);
});

it('does not announce for the will of Home Assistant, or for a birth that the broker kept', () => {
  const { announcedMs, timers, listener, hear } = setUp();
  hear('offline');
  listener.hear({ payload: Buffer.from('online'), retained: true });
  timers.advance(60_000);
  expect(announcedMs).toEqual([]);
});

it('announces nothing after its end', () => {
  const { announcedMs, timers, listener, hear } = setUp();
  hear('online');
  listener.stop();
  hear('online');
  timers.advance(60_000);
  expect(announcedMs).toEqual([]);
});
