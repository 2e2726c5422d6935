// One batch of the store: the changes, the records that journals make of their notes, the roots, and the markers of what must be erased.
import { isAboutStore, isTakingAway } from '../domain/audit.js';
import type { Database } from './database.js';
import { markErased } from './eraser.js';
import type { Note } from './note.js';
import type { Operation } from './records.js';
import type { Roots } from './roots.js';
import type { SealingKey } from './sealing.js';

export interface BatchParts {
  database: Pick<Database, 'repair' | 'commit'>;
  roots: Roots;
  /** Master key that the batch seals the key records under. */
  nextMaster?: SealingKey;
}

/**
 * Writes a batch, while no other one is under way.
 * @returns all operations on records that were written, those of the journals included
 * @throws AppError STORE_UNAVAILABLE, and the errors of the journals; nothing of the batch is on the disk then
 */
export async function commitBatch(
  operations: readonly Operation[],
  notes: readonly Note[],
  { database, roots, nextMaster }: BatchParts,
): Promise<readonly Operation[]> {
  const journals = [...new Set(notes.map(({ journal }) => journal))];
  await database.repair();
  const all = [...operations];
  let isWritten = false;
  try {
    for (const journal of journals) {
      const drafts = notes.flatMap((note) => (note.journal === journal ? note.drafts : []));
      all.push(...(await journal.begin(drafts)));
    }
    const settlesPending = notes.some(({ drafts }) => drafts.some(isAboutStore));
    const change = await roots.prepare(all, { settlesPending, ...(nextMaster && { nextMaster }) });
    try {
      await database.commit([...all, ...change.operations, ...markErased(all)]);
    } catch (error) {
      roots.markStale();
      throw error;
    }
    change.apply();
    isWritten = true;
    return all;
  } finally {
    for (const journal of journals) journal.end(isWritten);
  }
}

/** Returns whether a batch deletes or revokes something, which must not come back. */
export function takesAway(operations: readonly Operation[], notes: readonly Note[]): boolean {
  return operations.some(({ value }) => !value) || notes.some(({ drafts }) => drafts.some(isTakingAway));
}
