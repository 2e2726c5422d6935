// A fleet of real processes that is killed and cut off, in the short form of `npm run faults -- fleet`; and that its witness sees what must not be.
import { describe, expect, it } from 'vitest';
import { FleetWitness } from '../../tools/faults/fleet-witness.js';
import { runFleet, SHORT } from '../../tools/faults/fleet.js';
import { tempDir } from '../support/temp-dir.js';
import { natsServerPath } from './nats-server.js';

describe.skipIf(natsServerPath === undefined)('a fleet in which everything is killed and cut off', () => {
  it('ends with equal galleries, and loses nothing that was acknowledged', async () => {
    const tally = await runFleet({ folder: tempDir(), operations: 60, faults: SHORT, seed: 15 });
    expect(tally.problems).toEqual([]);
    expect(tally).toMatchObject({ operations: 60, kills: 5 });
    expect(Object.keys(tally.faults).sort()).toEqual([...SHORT].sort());
    expect(tally.enrolled).toBeGreaterThan(20);
    expect(tally.deletedFaces).toBeGreaterThan(5);
    // Looks that never met a version of the authority would prove nothing.
    expect(tally.compared).toBeGreaterThan(20);
    expect(tally.versions).toBeGreaterThan(3);
  }, 180_000);
});

describe('the witness', () => {
  const copy = { groupId: 'staff', group: 'g', version: 3, root: 'aa', records: 5, problems: [] };
  const published = { groupId: 'staff', modelVersion: 'm1', version: 3, epoch: 1, records: 5, root: 'aa' };

  it.each([
    [
      'a version with fewer records than the authority published',
      [{ ...copy, records: 4 }],
      'has 4 records, and 5 were',
    ],
    ['half of a version', [{ ...copy, problems: ['it holds 4 of the 5 records'] }], 'it holds 4 of the 5 records'],
    ['a version that goes back', [copy, { ...copy, version: 2, root: 'bb' }], 'went back from version 3 to 2'],
    ['one version with two roots', [copy, { ...copy, root: 'bb' }], 'is another one than at other doors'],
  ])('sees %s', (_, copies, problem) => {
    const witness = new FleetWitness();
    witness.seeAuthority([{ ...published, state: 'current' }]);
    for (const one of copies) witness.see('door-1', [one]);
    expect([...witness.problems]).toEqual([expect.stringContaining(problem)]);
  });

  it('finds nothing in what the authority published', () => {
    const witness = new FleetWitness();
    witness.seeAuthority([{ ...published, state: 'current' }]);
    for (const door of ['door-1', 'door-2']) witness.see(door, [copy, { ...copy, version: 4, root: 'cc' }]);
    expect([...witness.problems]).toEqual([]);
    expect(witness).toMatchObject({ samples: 4, compared: 2, versions: 2 });
  });
});
