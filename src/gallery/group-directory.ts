// The groups in memory, by owner and id, in the order of their ids; and the creations that are under way.
import type { Space } from '../store/sealed-store.js';
import type { GroupRecord } from './face-record.js';
import { GroupFaces } from './group-faces.js';
import type { GroupRef } from './gallery.types.js';

/** One group as the gallery serves it. */
export interface Group {
  readonly record: GroupRecord;
  readonly space: Space;
  readonly faces: GroupFaces;
  nextSequence: number;
  /** Places of enrolments under way. */
  reserved: number;
  /** Set while the group is being deleted: it is not found any more, but for a failure of the disk. */
  deletion?: Promise<void>;
  /** Deletions of faces under way, by faceId. */
  readonly leaving: Map<string, Promise<void>>;
}

/** @param expectedFaces memory for so many is taken at once */
export function newGroup(record: GroupRecord, space: Space, expectedFaces: number): Group {
  return { record, space, faces: new GroupFaces(expectedFaces), nextSequence: 1, reserved: 0, leaving: new Map() };
}

interface Owner {
  readonly groups: Map<string, Group>;
  /** Sorted. */
  readonly ids: string[];
  readonly creations: Map<string, Promise<Group>>;
}

export class GroupDirectory {
  readonly #owners = new Map<string, Owner>();

  find(ref: GroupRef): Group | undefined {
    return this.#owners.get(ref.owner)?.groups.get(ref.groupId);
  }

  /** Of all owners. */
  *all(): Generator<Group> {
    for (const owner of this.#owners.values()) yield* owner.groups.values();
  }

  /** Of one owner; creations under way are counted in. */
  count(owner: string): number {
    const found = this.#owners.get(owner);
    return found ? found.groups.size + found.creations.size : 0;
  }

  add(group: Group): void {
    const { groupId, owner: name } = group.record;
    const owner = this.#owner(name);
    owner.groups.set(groupId, group);
    owner.ids.splice(firstAfter(owner.ids, groupId), 0, groupId);
  }

  remove(group: Group): void {
    const owner = this.#owner(group.record.owner);
    if (owner.groups.get(group.record.groupId) !== group) return;
    owner.groups.delete(group.record.groupId);
    owner.ids.splice(firstAfter(owner.ids, group.record.groupId) - 1, 1);
  }

  /** Of one owner, with ids greater than `after`, in order; without those being deleted. */
  *after(owner: string, after: string): Generator<Group> {
    const found = this.#owners.get(owner);
    if (!found) return;
    for (let i = firstAfter(found.ids, after); i < found.ids.length; i++) {
      const group = found.groups.get(found.ids[i]);
      if (group && !group.deletion) yield group;
    }
  }

  /** The creation of a group of this id that is under way. */
  creation(ref: GroupRef): Promise<unknown> | undefined {
    return this.#owners.get(ref.owner)?.creations.get(ref.groupId);
  }

  /** Holds the id until the creation has ended, and adds what it made. */
  async addLater(ref: GroupRef, creation: Promise<Group>): Promise<void> {
    const { creations } = this.#owner(ref.owner);
    creations.set(ref.groupId, creation);
    try {
      this.add(await creation);
    } finally {
      // In one turn with the addition: in between, the group would count twice.
      creations.delete(ref.groupId);
    }
  }

  #owner(name: string): Owner {
    let owner = this.#owners.get(name);
    if (!owner) this.#owners.set(name, (owner = { groups: new Map(), ids: [], creations: new Map() }));
    return owner;
  }
}

/** The index of the first id that is greater. */
function firstAfter(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle] > id) high = middle;
    else low = middle + 1;
  }
  return low;
}
