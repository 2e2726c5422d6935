// The history of rates and latency: what a step is, what is kept, and in how many bytes.
import { describe, expect, it } from 'vitest';
import { countHistoryBytes, History, READING_MS } from '../../src/ops/history.js';

/** A history with one measure of each kind, over numbers that a test changes. */
function openHistory() {
  const now = { ms: 0, mean: 0 as number | undefined, max: 0, counter: 0, totalMs: 0, done: 0 };
  const history = new History([
    { kind: 'mean', read: () => now.mean },
    { kind: 'max', read: () => now.max },
    { kind: 'rate', read: () => now.counter },
    { kind: 'ratio', read: () => now.totalMs, per: () => now.done },
  ]);
  history.take(0);
  return {
    now,
    /** Waits for the time of a reading, and reads. */
    pass: (changes: Partial<typeof now> = {}, waitMs = READING_MS) => {
      Object.assign(now, changes, { ms: now.ms + waitMs });
      history.take(now.ms);
    },
    lines: (span: 'hour' | 'day') => history.lines(span, now.ms),
  };
}

describe('a history', () => {
  it('has no step before the first one has ended', () => {
    expect(openHistory().lines('hour')).toEqual({ stepSeconds: 10, ageMs: 0, lines: [[], [], [], []] });
  });

  it('has readings, rates and means of each fine step', () => {
    const { pass, lines } = openHistory();
    pass({ mean: 3, max: 7, counter: 50, totalMs: 900, done: 3 });
    pass({ mean: 4, max: 2, counter: 60 });
    expect(lines('hour')).toEqual({
      stepSeconds: 10,
      ageMs: 0,
      lines: [
        [3, 4],
        [7, 2],
        [5, 1],
        // Nothing was done in the second step, so that nothing took any time.
        [300, null],
      ],
    });
  });

  it('joins thirty readings to one coarse step: the mean, the highest, the rate of all, the mean of all that was done', () => {
    const { pass, lines } = openHistory();
    for (let reading = 1; reading <= 30; reading++) {
      const counter = reading === 30 ? 600 : 0;
      pass({ mean: reading, max: reading === 4 ? 99 : 1, counter, totalMs: reading * 10, done: reading });
    }
    expect(lines('day')).toEqual({ stepSeconds: 300, ageMs: 0, lines: [[15.5], [99], [2], [10]] });
    expect(lines('hour').lines[0]).toHaveLength(30);
  });

  it('keeps one hour and one day, the newest steps', () => {
    const { pass, lines } = openHistory();
    for (let reading = 1; reading <= 30 * 290; reading++) pass({ mean: reading });
    const [hour = []] = lines('hour').lines;
    expect([hour.length, hour[0], hour.at(-1)]).toEqual([360, 30 * 290 - 359, 30 * 290]);
    const [day = []] = lines('day').lines;
    expect([day.length, day[0], day.at(-1)]).toEqual([288, 2 * 30 + 15.5, 289 * 30 + 15.5]);
  });

  it('has no values where the machine stood still, and the rate of the whole time after it', () => {
    const { pass, lines } = openHistory();
    pass({ counter: 10, mean: 1 });
    pass({ counter: 20, mean: 2 }, 4 * READING_MS);
    expect(lines('hour').lines.slice(0, 3)).toEqual([
      [1, null, null, null, 2],
      [0, null, null, null, 0],
      [1, null, null, null, 0.25],
    ]);
    pass({}, 1_000 * READING_MS);
    expect(lines('hour').lines[0]).toHaveLength(360);
  });

  it('has no value for what cannot be read, and for a counter that was reset', () => {
    const { pass, lines } = openHistory();
    pass({ counter: 10 });
    pass({ counter: 2, mean: undefined });
    expect(lines('hour').lines.slice(0, 3)).toEqual([
      [0, null],
      [0, 0],
      [1, null],
    ]);
  });

  it('tells how old its last step is', () => {
    const { now, pass, lines } = openHistory();
    pass();
    now.ms += 3_000;
    expect(lines('hour').ageMs).toBe(3_000);
    expect(lines('day').ageMs).toBe(13_000);
  });

  it('takes a fixed number of bytes: 54 kB for a service with four cameras', () => {
    expect(countHistoryBytes(21)).toBe(54_432);
  });
});
