// Sends picture bombs, and the slowest pictures that are accepted, to a service whose camera recognises a person meanwhile.
import { describe, expect, it } from 'vitest';
import { runSiege } from '../../tools/siege/siege.js';
import { bestModels } from '../support/model-sets.js';
import { tempDir } from '../support/temp-dir.js';

describe('a door under picture bombs', () => {
  it(
    'announces the person at each appearance, answers the clients, and stops in time',
    { timeout: 240_000 },
    async () => {
      const { phases, stopSeconds, exitCode } = await runSiege({
        folder: tempDir(),
        ...bestModels,
        attacks: ['picture-bombs', 'slow-pictures', 'leaving-clients'],
        attackSeconds: 8,
        quietSeconds: 4,
        allSeconds: 8,
      });
      for (const { name, expected, latenciesMs } of phases) {
        expect({ name, isSeen: expected > 0, missed: expected - latenciesMs.length }).toEqual({
          name,
          isSeen: true,
          missed: 0,
        });
      }
      const { attempts } = phases.find(({ name }) => name === 'picture-bombs')!;
      // -45080: the JPEG of 2,000 scans; 0: the PNG, whose texts are dropped.
      expect([attempts['-45080'], attempts['0']].every((count) => (count ?? 0) > 0)).toBe(true);
      // With two pictures of 20 s at two workers, the stop took 44 s.
      expect(stopSeconds).toBeLessThan(5);
      expect(exitCode).toBe(0);
    },
  );
});
