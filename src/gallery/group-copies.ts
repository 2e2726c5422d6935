// The gallery's side of a fleet: reads the faces of a group to be copied, and keeps groups that are copies.
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { AppError } from '../errors.js';
import type { Note, SealedStore } from '../store/sealed-store.js';
import { groupNotFound } from './checks.js';
import { CopyIndex } from './copy-index.js';
import {
  checkCopiedFace,
  deleteEntry,
  HEAD_KEY,
  putCopied,
  readEntries,
  type CheckedFace,
  type CopiedFace,
} from './copy-records.js';
import { decodeFace, FACE_KEYS } from './face-record.js';
import type { MakeNote } from './gallery-notes.js';
import type { CopyOrigin, GroupRef } from './gallery.types.js';
import type { Group, GroupDirectory } from './group-directory.js';
import { completeCondition, type EstimateCondition } from './load.js';
import { inSlices } from './slices.js';
import { StagedCopy, STAGED_LABEL, type StagedCopyParts } from './staged-copy.js';

/** Actor of the changes of copies. */
export const FLEET = 'fleet';
/** Changes of one batch: 1,000 faces of 512 numbers hold the thread up for about 35 ms (2026-11-28, x64 under load). */
const MAX_CHANGES = 1_000;

/** A version as a whole. */
export interface CopyChange {
  /** The head in the form of its owner. */
  head: string;
  puts: readonly CopiedFace[];
  /** Ids of records that the version does not have any more. */
  deletes: readonly string[];
}

/** A face as the authority of the fleet hands it out. */
export interface SourceFace extends Pick<CopiedFace, 'sequence' | 'record'> {
  faceId: string;
}

/** Content of a copy. */
export interface CopyState {
  /** Absent before the first version. */
  head?: string;
  /** Digest of each record by its id. */
  digests: ReadonlyMap<string, Buffer>;
}

/** A copy as the operator asks about it. */
export interface CopyInfo {
  ref: GroupRef;
  /** Id of the group in the fleet. */
  group: string;
  origin: CopyOrigin;
  modelVersion: string;
  faces: number;
  /** False where its models are not installed: it is held and kept up to date, and nobody searches it. */
  isUsable: boolean;
}

export interface GroupCopiesParts {
  store: Pick<SealedStore, 'write' | 'spaces' | 'createSpace' | 'relabelSpace' | 'destroySpace'>;
  /** @throws AppError GROUP_NOT_FOUND, STOPPED */
  findGroup: (ref: GroupRef) => Group;
  /** @throws AppError STOPPED */
  findDirectory: () => GroupDirectory;
  makeNote: MakeNote;
  estimateCondition?: EstimateCondition | undefined;
  findScales?: ((modelVersion: string) => SimilarityScales | undefined) | undefined;
}

/** Changes of one group must not overlap. */
export class GroupCopies {
  readonly #parts: GroupCopiesParts;
  /** Indexes of the groups that were read. */
  readonly #indexes = new WeakMap<Group, CopyIndex>();
  /** The version of each group that is being written. */
  readonly #staged = new WeakMap<Group, StagedCopy>();

  constructor(parts: GroupCopiesParts) {
    this.#parts = parts;
  }

  /** Destroys the versions that a kill left half written. @throws AppError STORE_UNAVAILABLE */
  async clean(): Promise<void> {
    const { store } = this.#parts;
    for (const space of store.spaces(STAGED_LABEL)) await store.destroySpace(space);
  }

  /** Lists the copies of all owners. @throws AppError STOPPED */
  list(): CopyInfo[] {
    const { findDirectory, findScales } = this.#parts;
    return [...findDirectory().all()].flatMap(({ record, faces, deletion }) => {
      const { owner, groupId, copyOf, modelVersion } = record;
      if (!copyOf || deletion) return [];
      const isUsable = !findScales || findScales(modelVersion) !== undefined;
      return [
        { ref: { owner, groupId }, group: copyOf.group, origin: copyOf, modelVersion, faces: faces.size, isUsable },
      ];
    });
  }

  /** Yields the faces of any group as they are stored. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE, GROUP_NOT_FOUND */
  async *listFaces(ref: GroupRef): AsyncGenerator<SourceFace> {
    const { space } = this.#parts.findGroup(ref);
    // A face that does not open is missing here as it is missing in the memory of the gallery, whose start reported it.
    for await (const [key, record] of space.entries(FACE_KEYS.range, () => undefined)) {
      yield { faceId: decodeFace(record).face.faceId, sequence: FACE_KEYS.decode(key), record };
    }
  }

  /** Reads what a copy holds. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE, GROUP_NOT_FOUND */
  async read(ref: GroupRef): Promise<CopyState> {
    const { space } = this.#findCopy(ref);
    const head = await space.get(HEAD_KEY);
    const digests = new Map<string, Buffer>();
    for await (const { id, digest } of readEntries(space)) digests.set(id, digest);
    return { ...(head && { head: head.toString() }), digests };
  }

  /**
   * Applies a version: its faces, the deletions and its head are one atomic batch, and after it one change of the memory. That holds up other
   * work for as long as it takes, so a version with many changes is staged, as with `begin`.
   * @throws AppError nothing was changed. STORE_UNAVAILABLE; STORE_CORRUPT: a record is no face; FLEET_FORGED: a face does not fit the group
   */
  async apply(ref: GroupRef, { head, puts, deletes }: CopyChange): Promise<void> {
    const group = this.#findCopy(ref);
    if (puts.length + deletes.length > MAX_CHANGES) return this.#applyStaged(ref, { head, puts, deletes });
    const { space, faces: present } = group;
    const index = await this.#readIndex(group);
    const faces: CheckedFace[] = [];
    const inOrder = puts.toSorted((a, b) => a.sequence - b.sequence);
    await inSlices(inOrder, (put) => {
      faces.push(checkCopiedFace(put, present.dimensions ?? faces[0]?.embedding.length));
    });
    const leaving = new Set([...puts.map(({ id }) => id), ...deletes]);
    index.requireFitting(faces, leaving, (faceId) => present.findSequence(faceId) !== undefined);
    const operations = [space.put(HEAD_KEY, Buffer.from(head))];
    for (const sequence of index.listFreed(leaving, faces)) operations.push(space.erase(FACE_KEYS.encode(sequence)));
    for (const id of deletes) operations.push(deleteEntry(space, id));
    await inSlices(faces, (face) => operations.push(...putCopied(space, face)));
    const note = this.#makeNote(ref, puts.length, deletes.length);
    await this.#parts.store.write(operations, puts.length + deletes.length > 0 ? note : undefined);
    for (const id of leaving) {
      const found = index.find(id);
      if (found) present.remove(found.faceId);
      index.delete(id);
    }
    for (const { face, embedding, sequence, id } of faces) {
      const condition = completeCondition(face.condition, () =>
        this.#parts.estimateCondition?.(group.record.modelVersion, embedding),
      );
      present.add({ ...face, condition }, sequence, embedding);
      index.add({ id, sequence }, face.faceId);
      group.nextSequence = Math.max(group.nextSequence, sequence + 1);
    }
  }

  async #applyStaged(ref: GroupRef, { head, puts, deletes }: CopyChange): Promise<void> {
    const staged = await this.begin(ref, { expected: this.#findCopy(ref).faces.size + puts.length });
    try {
      await staged.add(puts);
      await staged.commit({ head, deletes });
    } catch (error) {
      // What cannot be destroyed now is destroyed by the next version, or the next start.
      await staged.abandon().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Begins a version that is written piece by piece, while the present one is served. One that was begun before is abandoned.
   * @param options.expected number of faces of the version, for which memory is reserved
   * @throws AppError STORE_UNAVAILABLE, GROUP_NOT_FOUND
   */
  async begin(ref: GroupRef, { expected = 0 }: { expected?: number } = {}): Promise<StagedCopy> {
    const { store, estimateCondition, findScales } = this.#parts;
    const present = this.#findCopy(ref);
    await this.#staged.get(present)?.abandon();
    const makeNote = (faces: number, deleted: number): Note | undefined => this.#makeNote(ref, faces, deleted);
    const replace: StagedCopyParts['replace'] = (...replacement) => this.#replace(ref, ...replacement);
    const parts = { store, estimateCondition, findScales, makeNote, replace };
    const staged = await StagedCopy.begin(parts, present, expected);
    this.#staged.set(present, staged);
    return staged;
  }

  async #replace(
    ref: GroupRef,
    present: Group,
    next: Group,
    index: CopyIndex,
    write: () => Promise<void>,
  ): Promise<void> {
    if (this.#findCopy(ref) !== present) throw groupNotFound();
    present.replacement = write();
    try {
      await present.replacement;
    } finally {
      delete present.replacement;
    }
    // In the same turn as the end of the write: a deletion that has waited for it finds the new group.
    this.#indexes.set(next, index);
    this.#parts.findDirectory().replace(present, next);
  }

  #findCopy(ref: GroupRef): Group {
    const group = this.#parts.findGroup(ref);
    if (!group.record.copyOf) throw new TypeError(`the group ${ref.groupId} is no copy`);
    return group;
  }

  #makeNote(ref: GroupRef, faces: number, deleted: number): Note | undefined {
    return this.#parts.makeNote(ref, FLEET, [{ action: 'group.copied', subject: { faces, deleted } }]);
  }

  async #readIndex(group: Group): Promise<CopyIndex> {
    const known = this.#indexes.get(group);
    if (known) return known;
    const faceIds = new Map(group.faces.faceIds().map((faceId) => [group.faces.findSequence(faceId), faceId]));
    const index = new CopyIndex();
    for await (const { id, sequence } of readEntries(group.space)) {
      const faceId = faceIds.get(sequence);
      if (faceId === undefined) throw new AppError('STORE_CORRUPT', 'a copied face has lost its record');
      index.add({ id, sequence }, faceId);
    }
    this.#indexes.set(group, index);
    return index;
  }
}
