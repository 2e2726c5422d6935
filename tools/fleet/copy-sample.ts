// What a door holds of each copied group at one moment, read from its store and not from what it says about itself.
import { setTimeout as delay } from 'node:timers/promises';
import { BucketTree } from '../../src/fleet/bucket-tree.js';
import { decodeAppliedHead, type Head } from '../../src/fleet/head.js';
import type { GroupRef } from '../../src/gallery/gallery.types.js';
import type { Member } from './member.js';

/** Looks at a copy that is being changed, and the time between two of them. */
const MAX_LOOKS = 50;
const PAUSE_MS = 10;

export interface CopySample {
  groupId: string;
  /** Id of the group in the fleet. */
  group: string;
  version: number;
  /** As the authority signed them. */
  root: string;
  records: number;
  /** What does not agree, whole phrases. */
  problems: string[];
}

export async function sampleCopies(member: Member): Promise<CopySample[]> {
  const samples: CopySample[] = [];
  for (const { ref } of member.gallery.copies.list()) {
    const sample = await sampleCopy(member, ref);
    if (sample) samples.push(sample);
  }
  return samples;
}

/** @returns undefined for a copy without a version, and for one that is deleted or changes all the time */
async function sampleCopy({ gallery, fleet }: Member, ref: GroupRef): Promise<CopySample | undefined> {
  const readHead = async (): Promise<{ head: Head | undefined; tree: BucketTree; faces: number }> => {
    const { head, digests } = await gallery.copies.read(ref);
    const { faceCount: faces } = gallery.group(ref);
    return { head: head === undefined ? undefined : decodeAppliedHead(head), tree: BucketTree.create(digests), faces };
  };
  let found: CopySample | undefined;
  try {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const { head, tree, faces } = await readHead();
      const after = await readHead();
      // A group that was deleted and made again meanwhile is another one.
      if (!head || after.head?.group !== head.group) return undefined;
      if (after.head.version === head.version) {
        const { version, root, records } = head;
        // While a version is being written, the store has it before the memory: a deletion waits for the counter of the store in between.
        const isServed = fleet.admin
          .status()
          .groups.some((one) => one.groupId === ref.groupId && one.version === version);
        const problems = [
          ...(tree.computeRoot() === root ? [] : [`its records do not have the root of version ${version}`]),
          ...(tree.size === records ? [] : [`it holds ${tree.size} of the ${records} records of version ${version}`]),
          ...(faces === records || !isServed
            ? []
            : [`${faces} of the ${records} faces of version ${version} can be searched`]),
        ];
        found = { groupId: ref.groupId, group: head.group, version, root, records, problems };
        // A state that stays is a finding.
        if (problems.length === 0) return found;
      }
      await delay(PAUSE_MS);
    }
  } catch (error) {
    if ((error as { code?: string }).code === 'GROUP_NOT_FOUND') return undefined;
    throw error;
  }
  return found;
}
