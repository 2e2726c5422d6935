// A file system that really is full, in the short form of `npm run faults -- disk`.
import { expect, test } from 'vitest';
import { canMount, runFullDisk } from '../../tools/faults/disk.js';
import { tempDir } from '../support/temp-dir.js';

const able = canMount();
if (!able) console.warn('skipped: the file system that is full, since nothing can be mounted here (unshare -Urm)');

test.skipIf(!able)('where there is no room, changes are refused and searches go on; nothing is lost', async () => {
  const tally = await runFullDisk(tempDir(), { rounds: 5, seed: 3 });
  expect(tally.problems).toEqual([]);
  expect(tally.refused).toEqual({ STORE_UNAVAILABLE: 50 });
  expect(tally.searches).toBe(50);
  expect(tally.registered).toBeGreaterThan(20);
});
