// Watches the copies of a fleet's doors while everything breaks: no version may differ from what the authority had, or be half there.
import type { FleetGroupStatus } from '../../src/fleet/fleet.types.js';
import type { CopySample } from '../fleet/copy-sample.js';

interface Version {
  root: string;
  records: number;
}

export class FleetWitness {
  /** Versions as they were first seen, by group and number. */
  readonly #versions = new Map<string, Version>();
  /** Records by the id of the group, the version and the root, as the authority stated them. */
  readonly #published = new Map<string, number>();
  readonly #newest = new Map<string, number>();
  readonly problems = new Set<string>();
  samples = 0;
  /** Samples of a version that the authority was seen with as well. */
  compared = 0;

  /** Versions of all groups that doors were seen with. */
  get versions(): number {
    return this.#versions.size;
  }

  seeAuthority(groups: readonly FleetGroupStatus[]): void {
    for (const { groupId, version, root, records } of groups) {
      if (version > 0) this.#published.set(`${groupId} ${version} ${root}`, records);
    }
  }

  see(door: string, copies: readonly CopySample[]): void {
    for (const { groupId, group, version, root, records, problems } of copies) {
      this.samples++;
      for (const problem of problems) this.problems.add(`${door}, ${groupId}: ${problem}`);
      const name = `${group} ${version}`;
      const known = this.#versions.get(name);
      this.#versions.set(name, known ?? { root, records });
      if (known && (known.root !== root || known.records !== records))
        this.problems.add(`${door}, ${groupId}: version ${version} is another one than at other doors`);
      const published = this.#published.get(`${groupId} ${version} ${root}`);
      if (published !== undefined) this.compared++;
      if (published !== undefined && published !== records)
        this.problems.add(
          `${door}, ${groupId}: version ${version} has ${records} records, and ${published} were published`,
        );
      const newest = this.#newest.get(`${door} ${group}`) ?? 0;
      if (version < newest) this.problems.add(`${door}, ${groupId}: went back from version ${newest} to ${version}`);
      this.#newest.set(`${door} ${group}`, Math.max(newest, version));
    }
  }
}
