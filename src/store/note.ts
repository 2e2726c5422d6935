// What a write brings along for a log whose records hang on each other: it becomes records as its batch is put together.
import type { AuditEntry } from '../domain/audit.js';
import type { Operation } from './records.js';

/** Keeps such a log. The store calls `begin` and `end` in turns, while no other batch is under way. */
export interface Journal {
  /**
   * @param drafts of all the writes that one batch joins, in the order of the calls
   * @returns what goes into that batch @throws AppError: the batch is refused
   */
  begin(drafts: readonly AuditEntry[]): Promise<readonly Operation[]>;
  /** How that batch ended. After `false` it may be on the disk all the same, or not: see SealedStore.write. */
  end(written: boolean): void;
}

/** Entries that are on the disk if, and only if, the write is that they came with. */
export interface Note {
  readonly journal: Journal;
  readonly drafts: readonly AuditEntry[];
}

/** What makes notes; `undefined` where nothing is kept. */
export interface NoteMaker {
  note(entries: readonly AuditEntry[]): Note;
}
