// The one place where faces of this device's groups are written and deleted on the disk; the feed of changes hears of each write.
import type { Note, SealedStore } from '../store/sealed-store.js';
import { FACE_KEYS } from './face-record.js';
import type { GalleryChanges, WrittenFace } from './gallery-changes.js';
import type { Group } from './group-directory.js';

/** Changes of the faces of one group. */
export interface FacesWrite {
  group: Group;
  puts?: readonly WrittenFace[];
  deletes?: readonly Pick<WrittenFace, 'faceId' | 'sequence'>[];
}

/** Copies are written by GroupCopies instead. */
export class FaceWrites {
  readonly #store: Pick<SealedStore, 'write'>;
  readonly #changes: Pick<GalleryChanges, 'announce'>;

  constructor(store: Pick<SealedStore, 'write'>, changes: Pick<GalleryChanges, 'announce'>) {
    this.#store = store;
    this.#changes = changes;
  }

  /** Writes changes of one or several groups as one atomic batch; the memory is the caller's. @throws AppError STORE_UNAVAILABLE */
  async write(writes: readonly FacesWrite[], note: Note | undefined): Promise<void> {
    const operations = writes.flatMap(({ group: { space }, puts = [], deletes = [] }) => [
      ...puts.map(({ sequence, record }) => space.put(FACE_KEYS.encode(sequence), record)),
      ...deletes.map(({ sequence }) => space.erase(FACE_KEYS.encode(sequence))),
    ]);
    await this.#store.write(operations, note);
    for (const { group, puts = [], deletes = [] } of writes) {
      if (puts.length + deletes.length === 0) continue;
      this.#changes.announce(group.record, { puts, deletes: deletes.map(({ faceId }) => faceId) });
    }
  }
}
