// Lists the groups of a store for the command line: the models that they were made under, and whether their records add up.
import { AppError } from '../errors.js';
import type { AlteredSpace, SealedStore } from '../store/sealed-store.js';
import { FACE_KEYS, GROUP_KEY, decodeGroup } from './face-record.js';
import { GROUP_LABEL } from './load.js';

export interface StoredGroupInfo {
  /** Id of its space in the store. */
  spaceId: string;
  /** Id of an appKey. */
  owner: string;
  groupId: string;
  modelVersion: string;
  faces: number;
  /** What does not add up in the group, which is not served then. */
  problem?: string;
}

/** What the store says of its records. */
export interface RecordsReport {
  /** Problems of the database as a whole, one sentence each. */
  problems: readonly string[];
  altered: readonly AlteredSpace[];
  groups: readonly StoredGroupInfo[];
}

/** Adds up every record of the store. @throws AppError STORE_UNAVAILABLE */
export async function reportRecords(store: SealedStore): Promise<RecordsReport> {
  return { problems: store.problems, altered: await store.findAltered(), groups: await readStoredGroups(store) };
}

/**
 * Lists the groups in the order of owners and ids. Groups that cannot be read are left out; `lintel gallery verify` reports them.
 * @throws AppError STORE_UNAVAILABLE
 */
export async function readStoredGroups(store: Pick<SealedStore, 'snapshot'>): Promise<StoredGroupInfo[]> {
  const snapshot = await store.snapshot(GROUP_LABEL);
  const groups: StoredGroupInfo[] = [];
  try {
    for (const space of snapshot.spaces) {
      try {
        const record = await space.get(GROUP_KEY);
        if (!record) continue;
        const { owner, groupId, modelVersion } = decodeGroup(record);
        const faces = await space.count(FACE_KEYS.range);
        const problem = await space.findProblem();
        groups.push({
          spaceId: space.id,
          owner,
          groupId,
          modelVersion,
          faces,
          ...(problem !== undefined && { problem }),
        });
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
