// Entries of a log that go with a write into the same batch. The log makes records of them when the batch is put together.
import type { AuditEntry } from '../domain/audit.js';
import type { Operation } from './records.js';

/** A log whose records are chained to each other. The store calls `begin` and `end` in turns, while no other batch is under way. */
export interface NoteJournal {
  /**
   * Makes the records of a batch.
   * @param drafts the entries of all writes that the batch joins, in the order of the calls
   * @returns operations for the same batch @throws AppError: the batch is refused
   */
  begin(drafts: readonly AuditEntry[]): Promise<readonly Operation[]>;
  /** Reports how the batch ended. After `false` it may still be on the disk, or not: see SealedStore.write. */
  end(written: boolean): void;
}

/** Entries that reach the disk if, and only if, the write that they belong to reaches it. */
export interface Note {
  readonly journal: NoteJournal;
  readonly drafts: readonly AuditEntry[];
  /** Returns the number and the hash of the record that the journal made of a draft; undefined before the write, or where it keeps none. */
  readonly findRecord?: (draft: AuditEntry) => { sequence: number; hash: string } | undefined;
}

/** A log that makes notes for writes of the store. */
export interface NoteMaker {
  note(entries: readonly AuditEntry[]): Note;
}
