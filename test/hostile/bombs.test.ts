// Sends picture bombs, and the slowest pictures that are accepted, to a service whose camera recognises a person meanwhile.
import { describe, expect, it } from 'vitest';
import { runSiege } from '../../tools/siege/siege.js';
import { bestModels } from '../support/model-sets.js';
import { tempDir } from '../support/temp-dir.js';

describe('a door under picture bombs', () => {
  it('announces the person, answers the clients, and stops in time', { timeout: 240_000 }, async () => {
    const { phases, stopSeconds, exitCode } = await runSiege({
      folder: tempDir(),
      ...bestModels,
      attacks: ['picture-bombs', 'slow-pictures', 'leaving-clients'],
      // All at once: npm run siege runs each of them alone as well.
      attackSeconds: 0,
      quietSeconds: 3,
      allSeconds: 18,
    });
    const announced = phases.map(({ latenciesMs }) => latenciesMs.length).reduce((sum, count) => sum + count, 0);
    const expected = phases.reduce((sum, phase) => sum + phase.expected, 0);
    // Other tests run on the same processors: npm run siege asks for every appearance.
    expect(announced).toBeGreaterThanOrEqual(expected / 2);
    expect(expected).toBeGreaterThan(3);
    const { attempts } = phases.find(({ name }) => name === 'all')!;
    // -45080: the JPEG of 2,000 scans; 0: the PNG, whose texts are dropped.
    expect([attempts['-45080'], attempts['0']].every((count) => (count ?? 0) > 0)).toBe(true);
    // With two pictures of 20 s at two workers, the stop took 44 s; npm run siege asks for 5 s.
    expect(stopSeconds).toBeLessThan(15);
    expect(exitCode).toBe(0);
  });
});
