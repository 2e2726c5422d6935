// Compares the groups and the numbers of their faces with what the audit log says of them.
import type { AuditRecord } from './audit-record.js';

/** A group as it is stored. */
export interface CountedGroup {
  owner: string;
  groupId: string;
  faces: number;
}

interface KnownGroup {
  owner: string;
  groupId: string;
  isDeleted: boolean;
  /** Faces that were enrolled and not deleted; undefined where the log does not hold all enrolments: after a restore, and of a copy. */
  faces: Set<string> | undefined;
}

export class GroupCheck {
  readonly #groups = new Map<string, KnownGroup>();

  /** Takes the entries in the order of the log. */
  add({ action, subject }: AuditRecord): void {
    const { owner, groupId, faceId } = subject;
    if (typeof owner !== 'string' || typeof groupId !== 'string') return;
    const key = JSON.stringify([owner, groupId]);
    if (action === 'group.created') {
      this.#groups.set(key, { owner, groupId, isDeleted: false, faces: new Set() });
      return;
    }
    const group = this.#groups.get(key) ?? { owner, groupId, isDeleted: false, faces: undefined };
    this.#groups.set(key, group);
    if (action === 'group.deleted') group.isDeleted = true;
    // The faces of a copy are entered one by one at the authority alone. Its head says whether it is whole.
    if (action === 'group.copied') group.faces = undefined;
    if (typeof faceId !== 'string') return;
    if (action === 'face.enrolled') group.faces?.add(faceId);
    if (action === 'face.deleted') group.faces?.delete(faceId);
  }

  /** Returns one sentence for each difference. A group that the log does not know, such as one that was restored, makes none. */
  compare(stored: readonly CountedGroup[]): string[] {
    const problems: string[] = [];
    const found = new Map(stored.map((group) => [JSON.stringify([group.owner, group.groupId]), group]));
    for (const [key, { owner, groupId, isDeleted, faces }] of this.#groups) {
      const group = found.get(key);
      const name = `group "${groupId}" of ${owner}`;
      if (isDeleted) {
        if (group) problems.push(`${name} is there, although the audit log says that it was deleted`);
      } else if (!group) {
        problems.push(`${name} is missing or cannot be read, and the audit log does not say that it was deleted`);
      } else if (faces && faces.size !== group.faces) {
        problems.push(`${name} has ${group.faces} faces, and ${faces.size} by the audit log`);
      }
    }
    return problems;
  }
}
