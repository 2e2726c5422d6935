// Fuzzes a whole service with seeded requests for 20 s. For longer, or under another seed: npm run fuzz -- requests
import { describe, expect, it } from 'vitest';
import { bestModels } from '../support/model-sets.js';
import { tempDir } from '../support/temp-dir.js';
import { fuzzService } from './fuzz-service.js';

const SECONDS = 20;
const SEED = 1;

describe('a service under made-up requests', () => {
  it('answers each request with a code of the contract or a refusal, and survives', { timeout: 180_000 }, async () => {
    const report = await fuzzService({
      folder: tempDir(),
      ...bestModels,
      seed: SEED,
      seconds: SECONDS,
    });
    expect(report.failures).toEqual([]);
    expect(report.aftermath).toEqual({
      answers: true,
      vision: { status: 'ok', restarts: 0 },
      unforeseen: [],
      exitCode: 0,
    });
    // Many requests must pass the first checks: requests that are refused at once prove little.
    expect(report.requests).toBeGreaterThan(100);
    expect(Object.keys(report.outcomes)).toEqual(
      expect.arrayContaining(['0', '-40000', '-40050', '-41000', 'HTTP 404']),
    );
  });
});
