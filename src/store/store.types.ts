// The types of the sealed store: its options, what it says of itself, and those of its parts that its users need.
import type { Log } from '../domain/log.js';
import type { RandomBytes } from './sealing.js';
import type { Space } from './space.js';

export type { Note, NoteJournal, NoteMaker } from './note.js';
export type { KeyRange, Operation } from './records.js';
export type { OnDamaged, Space } from './space.js';

/**
 * `refuse`: the start fails. `report`: the store can be read and not written. `accept`: new roots are made of the records as they are, and
 * the counter goes on from them.
 */
export type OnAltered = 'refuse' | 'report' | 'accept';

/** A space whose records do not add up, or do not all open. */
export interface AlteredSpace {
  label: string;
  id: string;
  problem: string;
}

/** Spaces as they were at one moment. They can only be read. */
export interface StoreSnapshot {
  spaces: Space[];
  /** Number of key records that do not open. Their spaces are not in `spaces`. */
  damagedSpaces: number;
  /** Releases the snapshot. */
  close(): Promise<void>;
}

export interface SealedStoreOptions {
  /** Folder of the database, made (0700) if it does not exist. The master key must not lie in it. */
  directory: string;
  /** 32 bytes. */
  masterKey: Uint8Array;
  /** 32 bytes: the new master key of a rotation that was cut off. It is used if the database is sealed under it. */
  nextMasterKey?: Uint8Array;
  /** File of the counter outside of the data directory (counter.ts). Without it a start cannot see that all of the database was put back. */
  counterFile?: string;
  /** What a start does with a database that does not add up; by default it refuses it. */
  onAltered?: OnAltered;
  log: Log;
  randomBytes?: RandomBytes;
  timers?: Pick<typeof globalThis, 'setTimeout' | 'clearTimeout'>;
}

export interface StoreStats {
  /** Number of batches that reached the disk. Several writes may share one. */
  batches: number;
  failedBatches: number;
  /** Number of writes that were refused because too many were waiting. */
  refusedWrites: number;
  /** Number of writes that wait or are under way. */
  pendingWrites: number;
  spaces: number;
  /** Number of spaces whose key record does not open. */
  damagedSpaces: number;
  /** Number of deleted records whose values may still be in the files of the database. */
  pendingErasures: number;
}
