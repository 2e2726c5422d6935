// Habits of cameras before the real camera, detection and recognition: a part of `npm run bench -- streams`.
import { beforeAll, describe, expect, it } from 'vitest';
import { pickKinds } from '../../bench/streams/all.js';
import type { StreamResult } from '../../bench/support/streams/judge.js';
import { watchKinds } from '../../bench/support/streams/watch.js';
import { lacks } from '../events/support.js';

/** What each one shows is in bench/streams. */
const NAMES = ['stall-burst', 'restart', 'long-gop', 'clock-back', 'damaged', 'two-clients'];
const LANES = 3;
/** Other tests run on the same processors. */
const PATIENCE = 2;

describe.skipIf(lacks('habits of cameras', 'ffmpeg'))('the right people are announced, from no stale picture', () => {
  const results: StreamResult[] = [];
  beforeAll(async () => {
    results.push(...(await watchKinds(pickKinds(NAMES), { lanes: LANES, patience: PATIENCE })));
  }, 180_000);

  it.each(NAMES)('%s', (name) => {
    const result = results.find(({ kind }) => kind === name);
    expect(result?.missed).toEqual([]);
    expect(result?.delivered).toBeGreaterThan(0);
  });
});
