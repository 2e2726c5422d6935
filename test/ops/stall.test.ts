// The stall detector distinguishes slow work from work that has stopped.
import { describe, expect, it } from 'vitest';
import { StallDetector, type WorkLane } from '../../src/ops/stall.js';

/** [time in s, busy, done, healthy] for each check. */
type Step = [atS: number, busy: boolean, done: number, healthy: boolean];

describe('a lane', () => {
  it.each<[string, Step[]]>([
    [
      'without work is healthy for ever',
      [
        [0, false, 0, true],
        [1_000, false, 0, true],
      ],
    ],
    [
      'that works is healthy',
      [
        [0, true, 0, true],
        [20, true, 1, true],
        [40, true, 2, true],
        [60, true, 3, true],
      ],
    ],
    [
      'that finishes nothing has stopped after the limit',
      [
        [0, true, 4, true],
        [29, true, 4, true],
        [30, true, 4, false],
      ],
    ],
    [
      'that finishes something again is healthy again',
      [
        [0, true, 4, true],
        [40, true, 4, false],
        [50, true, 5, true],
      ],
    ],
    [
      'counts from the arrival of work, not from the last end',
      [
        [0, true, 1, true],
        [10, false, 2, true],
        [100, true, 2, true],
        [120, true, 2, true],
        [130, true, 2, false],
      ],
    ],
    [
      'whose counter starts again counts as working',
      [
        [0, true, 9, true],
        [20, true, 0, true],
        [49, true, 0, true],
        [50, true, 0, false],
      ],
    ],
  ])('%s', (_, steps) => {
    let lane: WorkLane;
    let nowMs = 0;
    const detector = new StallDetector({ name: 'x', lanes: () => [lane], limitMs: 30_000, clock: () => nowMs });
    for (const [atS, busy, done, healthy] of steps) {
      nowMs = atS * 1_000;
      lane = { id: 'only', busy, done };
      expect(detector.check().healthy, `at ${atS} s`).toBe(healthy);
    }
  });

  it('with an input counter has stopped only while more comes in', () => {
    let nowMs = 0;
    let frames = 0;
    const lanes = (): WorkLane[] => [{ id: 'front', busy: true, done: 3, fed: frames }];
    const detector = new StallDetector({ name: 'cameras', lanes, limitMs: 30_000, clock: () => nowMs });
    const after = (seconds: number, more: number): boolean => {
      nowMs += seconds * 1_000;
      frames += more;
      return detector.check().healthy;
    };
    expect([after(0, 1), after(20, 9), after(20, 9)]).toEqual([true, true, false]);
    // No frame came: the analysis had nothing to do.
    expect([after(20, 0), after(20, 9), after(20, 9)]).toEqual([true, true, false]);
  });

  it('that has stopped is named, among lanes that work', () => {
    let nowMs = 0;
    const detector = new StallDetector({
      name: 'cameras',
      lanes: () => [
        { id: 'front', busy: true, done: nowMs },
        { id: 'yard', busy: true, done: 7 },
      ],
      limitMs: 30_000,
      clock: () => nowMs,
    });
    expect(detector.check()).toEqual({ healthy: true });
    nowMs = 31_000;
    expect(detector.check()).toEqual({ healthy: false, reason: 'yard has finished nothing for 31 s' });
  });

  it('whose counters cannot be read is not healthy', () => {
    const lanes = (): never => {
      throw new Error('the store is closed');
    };
    const detector = new StallDetector({ name: 'store', lanes, limitMs: 30_000, clock: () => 0 });
    expect(detector.check()).toEqual({ healthy: false, reason: 'the store is closed' });
  });
});
