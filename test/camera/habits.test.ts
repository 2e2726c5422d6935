// Habits of cameras before the real camera, detection and recognition: a part of `npm run bench -- streams`.
import { beforeAll, describe, expect, it } from 'vitest';
import { pickKinds } from '../../bench/streams/all.js';
import type { StreamResult } from '../../bench/support/streams/judge.js';
import { watchKinds } from '../../bench/support/streams/watch.js';
import { lacks } from '../events/support.js';

/** What each one shows is in bench/streams. */
const NAMES = ['stall-burst', 'restart', 'long-gop', 'clock-back', 'damaged', 'turns'];
/** Other tests run on the same processors: half of the usual rate is enough. */
const OPTIONS = { patience: 2, camera: { maxFps: 5 } };

describe.skipIf(lacks('habits of cameras', 'ffmpeg'))('the right people are announced, from no stale picture', () => {
  const results = new Map<string, StreamResult>();
  const watch = async (names: readonly string[], lanes: number): Promise<void> => {
    for (const result of await watchKinds(pickKinds(names), { ...OPTIONS, lanes })) results.set(result.kind, result);
  };

  beforeAll(async () => {
    await watch(NAMES, 3);
    // The streams go on at their rate even where the machine is busy. What was missed is tried once more, alone.
    await watch(
      NAMES.filter((name) => results.get(name)?.missed.length !== 0),
      1,
    );
  }, 240_000);

  it.each(NAMES)('%s', (name) => {
    const result = results.get(name);
    expect(result?.missed).toEqual([]);
    expect(result?.delivered).toBeGreaterThan(0);
  });
});
