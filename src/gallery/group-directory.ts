// The groups in memory, by owner and in the order of their ids, and the creations of groups that are under way.
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
  /** Number of places that enrolments under way will take. */
  reserved: number;
  /** Set while the group is being deleted. The group is not found then; it is found again if the deletion fails. */
  deletion?: Promise<void>;
  /** Set while a new version of a copy takes the group's place. */
  replacement?: Promise<void>;
  /** The last of the changes that are made one after another: judged enrolments, and changes of people. It never rejects. */
  turns?: Promise<void>;
  /** Deletions of faces that are under way, by faceId. */
  readonly leaving: Map<string, Promise<void>>;
}

/** Creates a group without faces in memory. @param expectedFaces number of faces for which memory is reserved */
export function newGroup(record: GroupRecord, space: Space, expectedFaces: number): Group {
  return { record, space, faces: new GroupFaces(expectedFaces), nextSequence: 1, reserved: 0, leaving: new Map() };
}

/**
 * Runs a change of these groups after all changes that were begun before, and before all that are begun later. The turns of all groups are
 * taken at once, so that two changes never wait for each other.
 */
export function runInTurn<T>(groups: readonly Group[], change: () => Promise<T>): Promise<T> {
  const before = groups.map(({ turns = Promise.resolve() }) => turns);
  const turn = Promise.all(before).then(change);
  const ended = turn.then(
    () => undefined,
    () => undefined,
  );
  for (const group of groups) group.turns = ended;
  return turn;
}

interface Owner {
  readonly groups: Map<string, Group>;
  /** Ids of the groups, sorted. */
  readonly ids: string[];
  readonly creations: Map<string, Promise<Group>>;
}

export class GroupDirectory {
  readonly #owners = new Map<string, Owner>();

  find(ref: GroupRef): Group | undefined {
    return this.#owners.get(ref.owner)?.groups.get(ref.groupId);
  }

  /** Yields the groups of all owners. */
  *all(): Generator<Group> {
    for (const owner of this.#owners.values()) yield* owner.groups.values();
  }

  /** Returns the number of groups of one owner, creations under way included. */
  count(owner: string): number {
    const found = this.#owners.get(owner);
    return found ? found.groups.size + found.creations.size : 0;
  }

  add(group: Group): void {
    const { groupId, owner: name } = group.record;
    const owner = this.#owner(name);
    owner.groups.set(groupId, group);
    owner.ids.splice(findFirstAfter(owner.ids, groupId), 0, groupId);
  }

  remove(group: Group): void {
    const owner = this.#owner(group.record.owner);
    if (owner.groups.get(group.record.groupId) !== group) return;
    owner.groups.delete(group.record.groupId);
    owner.ids.splice(findFirstAfter(owner.ids, group.record.groupId) - 1, 1);
  }

  /** Puts a group of the same owner and id in the place of another one. */
  replace(present: Group, next: Group): void {
    const { groups } = this.#owner(present.record.owner);
    if (groups.get(present.record.groupId) !== present) throw new TypeError('the directory does not have this group');
    groups.set(next.record.groupId, next);
  }

  /** Yields the groups of one owner whose ids are greater than `after`, in order, without those that are being deleted. */
  *after(owner: string, after: string): Generator<Group> {
    const found = this.#owners.get(owner);
    if (!found) return;
    for (const id of found.ids.slice(findFirstAfter(found.ids, after))) {
      const group = found.groups.get(id);
      if (group && !group.deletion) yield group;
    }
  }

  /** Returns the creation of a group with this id, if one is under way. */
  creation(ref: GroupRef): Promise<unknown> | undefined {
    return this.#owners.get(ref.owner)?.creations.get(ref.groupId);
  }

  /** Reserves the id until the creation has ended, and adds the new group. */
  async addLater(ref: GroupRef, creation: Promise<Group>): Promise<void> {
    const { creations } = this.#owner(ref.owner);
    creations.set(ref.groupId, creation);
    try {
      this.add(await creation);
    } finally {
      // In the same turn as the addition: otherwise the group would be counted twice in between.
      creations.delete(ref.groupId);
    }
  }

  #owner(name: string): Owner {
    let owner = this.#owners.get(name);
    if (!owner) this.#owners.set(name, (owner = { groups: new Map(), ids: [], creations: new Map() }));
    return owner;
  }
}

/** Returns the index of the first id that is greater. */
function findFirstAfter(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! > id) high = middle;
    else low = middle + 1;
  }
  return low;
}
