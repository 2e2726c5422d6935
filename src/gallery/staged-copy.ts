// A version of a copy that is written piece by piece beside the present one, and takes its place at once.
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { AppError } from '../errors.js';
import type { Note, Operation, SealedStore, Space } from '../store/sealed-store.js';
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
import { encodeGroup, FACE_KEYS, GROUP_KEY } from './face-record.js';
import { newGroup, type Group } from './group-directory.js';
import { completeCondition, GROUP_LABEL, type EstimateCondition } from './load.js';
import { inSlices } from './slices.js';

/** Label of the spaces that hold a version that is being written. No group is loaded from them. */
export const STAGED_LABEL = 'staged group';

/** Faces of one batch. LevelDB takes a batch of 250 in one piece of about 15 ms (2026-11-28, 512 numbers, x64 under load). */
const BATCH_FACES = 250;
/** Most faces for which memory is reserved before they are there. */
const MAX_EXPECTED = 1_000_000;

export interface StagedCopyParts {
  store: Pick<SealedStore, 'write' | 'createSpace' | 'relabelSpace' | 'destroySpace'>;
  estimateCondition?: EstimateCondition | undefined;
  findScales?: ((modelVersion: string) => SimilarityScales | undefined) | undefined;
  /** Makes the note for the version. */
  makeNote: (faces: number, deleted: number) => Note | undefined;
  /**
   * Runs the write, and puts the new group in the place of the present one in memory.
   * @throws AppError GROUP_NOT_FOUND: the present one is not there any more; what the write throws
   */
  replace: (present: Group, next: Group, index: CopyIndex, write: () => Promise<void>) => Promise<void>;
}

/** Calls must not overlap. Nobody sees the version before `commit` has resolved; a kill before leaves the present version. */
export class StagedCopy {
  readonly #parts: StagedCopyParts;
  readonly #present: Group;
  readonly #next: Group;
  readonly #index = new CopyIndex();
  /** Number of faces of the present version that the new one has as they are. */
  #carried = 0;
  #hasEnded = false;

  private constructor(parts: StagedCopyParts, present: Group, next: Group) {
    this.#parts = parts;
    this.#present = present;
    this.#next = next;
  }

  /** @param expected number of faces for which memory is reserved @throws AppError STORE_UNAVAILABLE */
  static async begin(parts: StagedCopyParts, present: Group, expected: number): Promise<StagedCopy> {
    const { record } = present;
    const contents = (space: Space): Operation[] => [space.put(GROUP_KEY, encodeGroup(record))];
    const space = await parts.store.createSpace(STAGED_LABEL, contents);
    return new StagedCopy(parts, present, newGroup(record, space, Math.min(expected, MAX_EXPECTED)));
  }

  /**
   * Writes faces of the version, in batches. Of two faces with one id the last one counts, also from an earlier call.
   * @throws AppError STORE_CORRUPT: a record is no face; FLEET_FORGED: a face does not fit; STORE_UNAVAILABLE. Some batches may be written then.
   */
  async add(faces: readonly CopiedFace[]): Promise<void> {
    this.#mustGoOn();
    const last = [...new Map(faces.map((face) => [face.id, face])).values()].sort((a, b) => a.sequence - b.sequence);
    for (let at = 0; at < last.length; at += BATCH_FACES) await this.#writeBatch(last.slice(at, at + BATCH_FACES));
  }

  /**
   * Takes the faces of the present version along that are neither staged nor deleted, and lets the new version take the place of the present
   * one: on the disk by one small atomic batch, in memory by one assignment.
   * @param deletes ids of records that the version does not have, staged ones included
   * @throws AppError nothing of it is visible, and the call may be repeated: as `add`; GROUP_NOT_FOUND: the group was deleted meanwhile
   */
  async commit({ head, deletes }: { head: string; deletes: readonly string[] }): Promise<void> {
    this.#mustGoOn();
    const { store, makeNote, replace } = this.#parts;
    const [present, next] = [this.#present, this.#next];
    await this.#remove(deletes.filter((id) => this.#index.has(id)));
    try {
      await this.#carryOver(new Set(deletes));
    } catch (error) {
      // The records of a group that is deleted meanwhile do not open any more.
      throw present.space.destroyed ? groupNotFound() : error;
    }
    const staged = next.faces.size - this.#carried;
    const note = makeNote(staged, Math.max(0, present.faces.size - this.#carried));
    const contents = [next.space.put(HEAD_KEY, Buffer.from(head))];
    await replace(present, next, this.#index, () =>
      store.relabelSpace(next.space, GROUP_LABEL, { replaced: present.space, contents, note }),
    );
    this.#hasEnded = true;
  }

  /** Destroys what was written. Does nothing after a commit. @throws AppError STORE_UNAVAILABLE; the next start destroys it then */
  async abandon(): Promise<void> {
    if (this.#hasEnded) return;
    await this.#parts.store.destroySpace(this.#next.space);
    this.#hasEnded = true;
  }

  async #writeBatch(faces: readonly CopiedFace[]): Promise<void> {
    const { faces: present, space } = this.#next;
    const checked: CheckedFace[] = [];
    const operations: Operation[] = [];
    const leaving = new Set(faces.flatMap(({ id }) => (this.#index.has(id) ? [id] : [])));
    await inSlices(faces, (face) => {
      checked.push(checkCopiedFace(face, present.dimensions ?? checked[0]?.embedding.length));
    });
    this.#index.requireFitting(checked, leaving, (faceId) => present.findSequence(faceId) !== undefined);
    for (const sequence of this.#index.listFreed(leaving, checked)) {
      operations.push(space.erase(FACE_KEYS.encode(sequence)));
    }
    await inSlices(faces, (face) => operations.push(...putCopied(space, face)));
    await this.#parts.store.write(operations);
    this.#forget(leaving);
    await inSlices(checked, (face) => this.#remember(face));
  }

  #remember({ id, sequence, face, embedding }: CheckedFace): void {
    const { estimateCondition, findScales } = this.#parts;
    const { record, faces } = this.#next;
    const condition = completeCondition(face.condition, () => estimateCondition?.(record.modelVersion, embedding));
    faces.add({ ...face, condition }, sequence, embedding);
    this.#index.add({ id, sequence }, face.faceId);
    this.#next.nextSequence = Math.max(this.#next.nextSequence, sequence + 1);
    if (faces.size > 1) return;
    // From now on the means of the people grow with the faces. To make all of them at the end would hold everything else up.
    const scales = findScales?.(record.modelVersion);
    if (scales) faces.preparePersons(scales);
  }

  #forget(ids: Iterable<string>): void {
    for (const id of ids) {
      const found = this.#index.find(id);
      if (found) this.#next.faces.remove(found.faceId);
      this.#index.delete(id);
    }
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const { space } = this.#next;
    for (let at = 0; at < ids.length; at += BATCH_FACES) {
      const batch = ids.slice(at, at + BATCH_FACES);
      await this.#parts.store.write(
        batch.flatMap((id) => [space.erase(FACE_KEYS.encode(this.#index.find(id)!.sequence)), deleteEntry(space, id)]),
      );
      this.#forget(batch);
    }
  }

  async #carryOver(deleted: ReadonlySet<string>): Promise<void> {
    const { space } = this.#present;
    let batch: CopiedFace[] = [];
    const flush = async (): Promise<void> => {
      await this.#writeBatch(batch);
      this.#carried += batch.length;
      batch = [];
    };
    const entries = new Map<number, Pick<CopiedFace, 'id' | 'digest'>>();
    for await (const { id, digest, sequence } of readEntries(space)) {
      if (!deleted.has(id) && !this.#index.has(id)) entries.set(sequence, { id, digest });
    }
    // A walk over the faces takes half the time of a look-up for each.
    for await (const [key, record] of space.entries(FACE_KEYS.range)) {
      const sequence = FACE_KEYS.decode(key);
      const entry = entries.get(sequence);
      if (entry && entries.delete(sequence)) batch.push({ ...entry, sequence, record });
      if (batch.length === BATCH_FACES) await flush();
    }
    if (entries.size > 0) throw new AppError('STORE_CORRUPT', 'a copied face has lost its record');
    if (batch.length > 0) await flush();
  }

  #mustGoOn(): void {
    if (this.#hasEnded) throw new TypeError('the version was committed or abandoned already');
  }
}
