// Lists the groups of a store with the models they were made under, for `lintel gallery groups`.
import { AppError } from '../errors.js';
import type { SealedStore } from '../store/sealed-store.js';
import { FACE_KEYS, GROUP_KEY, decodeGroup } from './face-record.js';
import { GROUP_LABEL } from './load.js';

export interface StoredGroup {
  /** Id of an appKey. */
  owner: string;
  groupId: string;
  modelVersion: string;
  faces: number;
}

/**
 * Lists the groups in the order of owners and ids. Groups that cannot be read or do not add up are left out; `lintel gallery
 * verify` reports them.
 * @throws AppError STORE_UNAVAILABLE
 */
export async function readStoredGroups(store: Pick<SealedStore, 'snapshot'>): Promise<StoredGroup[]> {
  const snapshot = await store.snapshot(GROUP_LABEL);
  const groups: StoredGroup[] = [];
  try {
    for (const space of snapshot.spaces) {
      try {
        const record = await space.get(GROUP_KEY);
        if (!record || (await space.findProblem()) !== undefined) continue;
        const { owner, groupId, modelVersion } = decodeGroup(record);
        groups.push({ owner, groupId, modelVersion, faces: await space.count(FACE_KEYS.range) });
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'STORE_CORRUPT')) throw error;
      }
    }
  } finally {
    await snapshot.close();
  }
  return groups.sort((a, b) => compare(a.owner, b.owner) || compare(a.groupId, b.groupId));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
