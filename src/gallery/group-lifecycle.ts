// Creates and deletes groups: each is one atomic batch, and creations and deletions of one id follow one another.
import type { Clock } from '../domain/time.js';
import { clientError } from '../errors.js';
import type { Operation, SealedStore, Space } from '../store/sealed-store.js';
import { findProof, type ProvenChange } from './audit-proof.js';
import { groupNotFound } from './checks.js';
import { encodeGroup, GROUP_KEY, type GroupRecord } from './face-record.js';
import type { GalleryChanges } from './gallery-changes.js';
import type { MakeNote } from './gallery-notes.js';
import type { GroupRef } from './gallery.types.js';
import { newGroup, type GroupDirectory } from './group-directory.js';
import { GROUP_LABEL } from './load.js';

export interface GroupLifecycleParts {
  store: Pick<SealedStore, 'createSpace' | 'destroySpace'>;
  changes: Pick<GalleryChanges, 'announce'>;
  /** @throws AppError STOPPED */
  findDirectory: () => GroupDirectory;
  /** Maximum number of groups of one owner. */
  maxGroups: number;
  makeNote: MakeNote;
  clock: Clock;
}

/** Methods throw AppError STORE_UNAVAILABLE and STOPPED. */
export class GroupLifecycle {
  readonly #parts: GroupLifecycleParts;

  constructor(parts: GroupLifecycleParts) {
    this.#parts = parts;
  }

  /** @throws AppError DUPLICATED_GROUP, QUOTA_EXCEEDED */
  async create(
    ref: GroupRef,
    kind: Pick<GroupRecord, 'modelVersion' | 'copyOf' | 'successorOf'>,
    actor: string,
  ): Promise<ProvenChange> {
    const { store, changes, findDirectory, maxGroups, makeNote, clock } = this.#parts;
    const directory = findDirectory();
    for (;;) {
      const group = directory.find(ref);
      if (group && !group.deletion) throw clientError('DUPLICATED_GROUP', 'There is a group with this id already.');
      // A creation or deletion of this id is under way. It may succeed or fail, so look again afterwards.
      const underWay = group?.deletion ?? directory.creation(ref);
      if (!underWay) break;
      await underWay.catch(() => undefined);
    }
    if (directory.count(ref.owner) >= maxGroups) {
      throw clientError('QUOTA_EXCEEDED', `There are ${maxGroups} groups already, which is the limit.`);
    }
    const { owner, groupId } = ref;
    const record: GroupRecord = { owner, groupId, ...kind, createdAtMs: clock() };
    const subject = { modelVersion: kind.modelVersion };
    const note = makeNote(ref, actor, [{ action: 'group.created', subject }]);
    const contents = (space: Space): Operation[] => [space.put(GROUP_KEY, encodeGroup(record))];
    const creation = store.createSpace(GROUP_LABEL, contents, note);
    await directory.addLater(
      ref,
      creation.then((space) => newGroup(record, space, 0)),
    );
    if (!record.copyOf) changes.announce(ref, 'created');
    return findProof(note);
  }

  /** @throws AppError GROUP_NOT_FOUND */
  async delete(ref: GroupRef, actor: string): Promise<ProvenChange> {
    const { store, changes, findDirectory, makeNote } = this.#parts;
    const directory = findDirectory();
    let group = directory.find(ref);
    // A new version of a copy takes the place of the group, or not.
    for (; group?.replacement; group = directory.find(ref)) await group.replacement.catch(() => undefined);
    // A second deletion of the same group ends like the first.
    if (group?.deletion) await group.deletion;
    if (!group || group.deletion) throw groupNotFound();
    // Enrolments that are under way are written before the key is destroyed; later ones do not find the group.
    const faces = group.faces.size + group.reserved - group.leaving.size;
    const note = makeNote(ref, actor, [{ action: 'group.deleted', subject: { faces } }]);
    group.deletion = store.destroySpace(group.space, note);
    try {
      await group.deletion;
    } catch (error) {
      delete group.deletion;
      throw error;
    }
    directory.remove(group);
    if (!group.record.copyOf) changes.announce(ref, 'deleted');
    return findProof(note);
  }
}
