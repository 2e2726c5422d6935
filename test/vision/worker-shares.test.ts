// The share of the workers that serve cameras alone.
import { describe, expect, it } from 'vitest';
import { countCameraWorkers } from '../../src/vision/worker-shares.js';

describe('the workers that serve cameras alone', () => {
  it.each([
    [1, 0, 0],
    [8, 0, 0],
    [2, 1, 1],
    [2, 16, 1],
    [4, 1, 1],
    [4, 4, 1],
    [4, 5, 2],
    [4, 16, 3],
    [8, 1, 1],
    [8, 2, 2],
    [8, 8, 2],
    [8, 64, 7],
    [16, 4, 4],
    [16, 8, 4],
    [64, 4, 4],
    [64, 16, 16],
    [64, 64, 16],
  ])('of %d workers with %d cameras are %d', (workers, cameras, expected) => {
    expect(countCameraWorkers(workers, cameras)).toBe(expected);
  });

  it('are never fewer with more cameras or more workers, and leave a worker to the requests', () => {
    for (let workers = 2; workers <= 64; workers++) {
      for (let cameras = 1; cameras <= 64; cameras++) {
        const count = countCameraWorkers(workers, cameras);
        expect(count).toBeGreaterThanOrEqual(1);
        expect(count).toBeLessThan(workers);
        expect(countCameraWorkers(workers, cameras + 1)).toBeGreaterThanOrEqual(count);
        expect(countCameraWorkers(workers + 1, cameras)).toBeGreaterThanOrEqual(count);
      }
    }
  });
});
