// The notes that changes of the gallery leave in the audit log.
import type { AuditEntry } from '../domain/audit.js';
import type { Note, NoteMaker } from '../store/sealed-store.js';
import type { GroupRef } from './gallery.types.js';

/** Part of an entry of the audit log that is about one change of a group. */
export type GalleryChangeEntry = Pick<AuditEntry, 'action' | 'subject'>;

/** Makes a note of changes of a group; undefined where there are none, or no audit log. */
export type MakeNote = (ref: GroupRef, actor: string, changes: readonly GalleryChangeEntry[]) => Note | undefined;

export function createNoteMaker(audit: NoteMaker | undefined): MakeNote {
  return ({ owner, groupId }, actor, changes) => {
    if (changes.length === 0) return undefined;
    return audit?.note(
      changes.map(({ action, subject }) => ({ action, actor, subject: { owner, groupId, ...subject } })),
    );
  };
}
