// The lanes of the cameras: limits, order, and turns by the time that each camera uses.
import { describe, expect, it } from 'vitest';
import { CameraLanes } from '../../src/vision/camera-lanes.js';

interface SimulatedCamera {
  /** Time for which a frame has a worker, by the number of the frame. */
  takesMs: (frame: number) => number;
  /** Time between two frames; 0: the next one waits as soon as the last one is done. */
  everyMs: number;
}

interface Outcome {
  frames: number;
  usedMs: number;
  /** Longest time from the wish for a frame to its worker. */
  longestWaitMs: number;
}

/** Simulates cameras on workers, event by event, without a clock. Each camera has one frame under way at most. */
function simulate(cameras: Record<string, SimulatedCamera>, workers: number, untilMs: number): Record<string, Outcome> {
  const lanes = new CameraLanes<{ camera: string; sinceMs: number }>(4);
  const outcomes = Object.fromEntries(
    Object.keys(cameras).map((camera) => [camera, { frames: 0, usedMs: 0, longestWaitMs: 0 }]),
  );
  const events = Object.keys(cameras).map((camera) => ({ atMs: 0, camera, tookMs: -1 }));
  let free = workers;
  while (events.length > 0) {
    events.sort((a, b) => a.atMs - b.atMs);
    const { atMs, camera, tookMs } = events.shift()!;
    if (atMs > untilMs) break;
    if (tookMs < 0) {
      lanes.push(camera, { camera, sinceMs: atMs });
    } else {
      free++;
      lanes.end(camera, tookMs);
      events.push({ atMs: Math.max(atMs, atMs - tookMs + cameras[camera]!.everyMs), camera, tookMs: -1 });
    }
    while (free > 0 && events.every((one) => one.atMs > atMs || one.tookMs < 0) && lanes.length > 0) {
      const next = lanes.shift()!;
      const outcome = outcomes[next.camera]!;
      const takesMs = cameras[next.camera]!.takesMs(outcome.frames++);
      outcome.usedMs += takesMs;
      outcome.longestWaitMs = Math.max(outcome.longestWaitMs, atMs - next.sinceMs);
      free--;
      events.push({ atMs: atMs + takesMs, camera: next.camera, tookMs: takesMs });
    }
  }
  return outcomes;
}

const constant = (takesMs: number, everyMs = 0): SimulatedCamera => ({ takesMs: () => takesMs, everyMs });

describe('the lanes of cameras', () => {
  it('take turns, keep the order of each camera, and have separate limits', () => {
    const lanes = new CameraLanes<string>(2);
    for (const job of ['a1', 'a2']) lanes.push('a', job);
    lanes.push('b', 'b1');
    expect([lanes.isFull('a'), lanes.isFull('b'), lanes.isFull('c'), lanes.length]).toEqual([true, false, false, 3]);
    expect([lanes.shift(), lanes.shift(), lanes.shift(), lanes.shift()]).toEqual(['a1', 'b1', 'a2', undefined]);
    expect(lanes.length).toBe(0);
  });

  it('serve first the camera that has used the least time', () => {
    const lanes = new CameraLanes<string>(4);
    for (const camera of ['slow', 'fast']) lanes.push(camera, `${camera} 1`);
    expect([lanes.shift(), lanes.shift()]).toEqual(['slow 1', 'fast 1']);
    for (const camera of ['slow', 'fast']) lanes.push(camera, `${camera} 2`);
    lanes.end('slow', 200);
    lanes.end('fast', 20);
    expect([lanes.shift(), lanes.shift()]).toEqual(['fast 2', 'slow 2']);
  });

  it('give up a job that waits, and are emptied together', () => {
    const lanes = new CameraLanes<string>(4);
    for (const job of ['a1', 'a2', 'a3']) lanes.push('a', job);
    lanes.push('b', 'b1');
    expect([lanes.remove('a2'), lanes.remove('a2'), lanes.remove('b1'), lanes.length]).toEqual([true, false, true, 2]);
    expect(lanes.drain()).toEqual(['a1', 'a3']);
    expect([lanes.length, lanes.shift()]).toEqual([0, undefined]);
  });

  it('let a camera that was idle save up nothing', () => {
    const lanes = new CameraLanes<string>(10);
    lanes.push('idle', 'i0');
    lanes.shift();
    lanes.end('idle', 1);
    for (let i = 0; i < 50; i++) {
      lanes.push('busy', `b${i}`);
      lanes.shift();
      lanes.end('busy', 20);
    }
    for (let i = 0; i < 5; i++) for (const camera of ['idle', 'busy']) lanes.push(camera, camera);
    // The expected times are charged at each turn: 'idle' is expected to take less, but not to have 50 turns in a row.
    const turns = Array.from({ length: 10 }, () => lanes.shift()!);
    expect(turns.slice(0, 7)).toContain('busy');
  });

  it.each([1, 2, 4])('share %d workers by time: a slow camera gets its share, and no more', (workers) => {
    const fast = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`fast ${i}`, constant(20)]));
    const outcomes = simulate({ slow: constant(200), ...fast }, workers, 60_000);
    const fair = (60_000 * workers) / 10;
    for (const { usedMs } of Object.values(outcomes)) expect(Math.abs(usedMs / fair - 1)).toBeLessThan(0.1);
  });

  it('let a slow or crowded camera delay the others by one of its frames at most', () => {
    const paced = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`door ${i}`, constant(10, 100)]));
    const outcomes = simulate({ crowded: constant(150), ...paced }, 1, 60_000);
    for (const [camera, { frames, longestWaitMs }] of Object.entries(outcomes)) {
      if (camera === 'crowded') continue;
      // One frame of the crowded camera, and one of each other camera.
      expect(longestWaitMs).toBeLessThanOrEqual(150 + 7 * 10);
      expect(frames).toBeGreaterThan(250);
    }
    expect(outcomes.crowded!.frames).toBeGreaterThan(50);
  });

  it('let no camera starve after a frame that took for ever', () => {
    const others = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`camera ${i}`, constant(20)]));
    const hung = { takesMs: (frame: number) => (frame === 0 ? 15_000 : 20), everyMs: 0 };
    const outcomes = simulate({ hung, ...others }, 2, 60_000);
    // Its debt is one second on the scale of all: the other five pay it off in five seconds at most.
    expect(outcomes.hung!.longestWaitMs).toBeLessThan(5_000);
    expect(outcomes.hung!.frames).toBeGreaterThan(300);
  });

  it.each([1, 16, 64])('serve %d cameras that ask for more than there is alike', (count) => {
    const cameras = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`camera ${i}`, constant(10 + (i % 7) * 5)]),
    );
    const used = Object.values(simulate(cameras, 1, 120_000)).map(({ usedMs }) => usedMs);
    const total = used.reduce((sum, value) => sum + value, 0);
    const squares = used.reduce((sum, value) => sum + value ** 2, 0);
    // Jain's index: 1 where all have the same.
    expect(total ** 2 / (count * squares)).toBeGreaterThan(0.995);
  });
});
