// The default number of vision workers on machines of many kinds.
import { describe, expect, it } from 'vitest';
import { countDefaultWorkers, findBudgetBytes, findDefaultWorkers } from '../../src/config/default-workers.js';

const GB = 1024 ** 3;
/** What process.constrainedMemory returns where there is no limit. */
const NO_LIMIT = 2 ** 64;

describe('the default number of workers', () => {
  it.each([
    ['a Pi Zero 2 with 0.5 GB', 4, 0.45 * GB, 0, 1],
    ['a Pi with 1 GB', 4, 0.9 * GB, 0, 2],
    ['a Pi with 2 GB', 4, 1.9 * GB, NO_LIMIT, 4],
    ['a Pi with 2 GB and the limit of the unit', 4, 1.9 * GB, 1.5 * GB, 4],
    ['one core', 1, 8 * GB, NO_LIMIT, 1],
    ['16 cores with the limit of the unit', 16, 32 * GB, 1.5 * GB, 8],
    ['64 cores with 16 GB', 64, 16 * GB, NO_LIMIT, 64],
    ['192 cores', 192, 512 * GB, NO_LIMIT, 64],
    ['no memory', 8, 0, 0, 1],
  ])('on %s', (_name, cores, totalBytes, limitBytes, expected) => {
    expect(countDefaultWorkers({ cores, budgetBytes: findBudgetBytes(totalBytes, limitBytes) })).toBe(expected);
  });

  it('is found on this machine', () => {
    expect(findDefaultWorkers()).toBeGreaterThanOrEqual(1);
    expect(findDefaultWorkers()).toBeLessThanOrEqual(64);
  });
});
