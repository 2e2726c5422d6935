// The siege in its short form: all attacks at once on a service whose camera recognises meanwhile.
import { expect, it } from 'vitest';
import { ATTACK_NAMES } from '../../tools/siege/attacks.js';
import { runSiege } from '../../tools/siege/siege.js';
import { bestModels } from '../support/model-sets.js';
import { tempDir } from '../support/temp-dir.js';

/** The bound of the whole siege. npm run siege has the others, and asks for every appearance: here other tests use the same processors. */
const MOST_MEMORY_MB = 900;

it('announces an enrolled person under all attacks at once, within its memory, and stops when it is told to', async () => {
  const { phases, exitCode } = await runSiege({
    folder: tempDir(),
    ...bestModels,
    attacks: ATTACK_NAMES,
    attackSeconds: 0,
    quietSeconds: 6,
    allSeconds: 15,
  });
  const all = phases.find(({ name }) => name === 'all')!;
  expect(all.expected).toBeGreaterThanOrEqual(3);
  expect(all.latenciesMs.length).toBeGreaterThanOrEqual(all.expected / 2);
  expect(all.memoryMb).toBeLessThan(MOST_MEMORY_MB);
  expect(Object.values(all.attempts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(500);
  expect(exitCode).toBe(0);
}, 180_000);
