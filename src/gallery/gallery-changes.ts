// The feed of changes: tells listeners of every change of a group that is on the disk, in the order of the writes.
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import type { GroupRef } from './gallery.types.js';

/** A face as it was written. */
export interface WrittenFace {
  faceId: string;
  /** Place in the order of the group's enrolments. */
  sequence: number;
  /** The face as encodeFace made it. */
  record: Buffer;
}

/** Changes of one write in a group. A face that was changed is among the puts, under its old faceId and sequence. */
export interface FacesChange {
  readonly puts: readonly WrittenFace[];
  /** Ids of the faces that are gone. */
  readonly deletes: readonly string[];
}

export type GroupChange = FacesChange | 'created' | 'deleted';

/** Is called when the change is on the disk; searches may find it a moment later. */
export type OnGroupChange = (ref: GroupRef, change: GroupChange) => void;

/**
 * Changes of copies are not announced: they come from the fleet. Nor is a restored backup, which is written while the service is stopped: a
 * listener compares once after a start. A person who is moved is announced as two changes.
 */
export class GalleryChanges {
  readonly #listeners = new Set<OnGroupChange>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @returns the function that ends the calls */
  listen(onChange: OnGroupChange): () => void {
    this.#listeners.add(onChange);
    return () => void this.#listeners.delete(onChange);
  }

  /** Calls the listeners. The change has been made: a listener that throws is logged, and changes nothing. */
  announce({ owner, groupId }: GroupRef, change: GroupChange): void {
    for (const onChange of this.#listeners) {
      try {
        onChange({ owner, groupId }, change);
      } catch (error) {
        this.#log.error({ error: describeError(error) }, 'a listener for changes of the gallery failed');
      }
    }
  }
}
