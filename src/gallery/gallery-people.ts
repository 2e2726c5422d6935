// The people of the groups: lists them, and deletes, renames and moves all faces of one person at once.
import type { EnrolmentPolicy } from '../domain/enrolment-policy.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { clientError, type AppError } from '../errors.js';
import type { Note } from '../store/sealed-store.js';
import { groupNotFound, mustBeWritable } from './checks.js';
import { describeEnrolled } from './enrolment-entries.js';
import { judgeFaces } from './enrolment-judge.js';
import { decodeFace, encodeFace, FACE_KEYS, type DecodedFace } from './face-record.js';
import type { FacesWrite, FaceWrites } from './face-writes.js';
import type { WrittenFace } from './gallery-changes.js';
import { findProof } from './audit-proof.js';
import type { GalleryChangeEntry, MakeNote } from './gallery-notes.js';
import type { GroupRef, IdentityConcern } from './gallery.types.js';
import { runInTurn, type Group } from './group-directory.js';
import { completeCondition, type EstimateCondition } from './load.js';
import type {
  ClosestPerson,
  PersonChange,
  PersonChangeOptions,
  PersonPage,
  PersonPageRequest,
  PersonSummary,
  RefusedChange,
} from './person.types.js';

/**
 * Faces of one batch. A person with more is deleted in several batches, and is neither renamed nor moved: those are one batch, which is held
 * in memory (1,000 faces of 512 numbers are 2 MB).
 */
const MAX_BATCH_FACES = 1_000;

export interface GalleryPeopleParts {
  writes: FaceWrites;
  /** @throws AppError GROUP_NOT_FOUND, STOPPED */
  findGroup: (ref: GroupRef) => Group;
  findPolicy: (groupId: string) => EnrolmentPolicy;
  countFreePlaces: (group: Group) => number;
  makeNote: MakeNote;
  estimateCondition: EstimateCondition | undefined;
}

/** A face as it is stored, and its number in its group. */
interface StoredFace extends DecodedFace {
  sequence: number;
}

/**
 * Methods throw AppError GROUP_NOT_FOUND, NOT_FOUND (there is no such person) and STOPPED; changes also STORE_UNAVAILABLE. Changes of a group
 * follow one another. A face that is enrolled while a change is under way is not part of it.
 */
export class GalleryPeople {
  readonly #parts: GalleryPeopleParts;

  constructor(parts: GalleryPeopleParts) {
    this.#parts = parts;
  }

  /** Returns the number of people of a group, without the faces that have no externalImageId. */
  count(ref: GroupRef): number {
    return this.#parts.findGroup(ref).faces.countPersons();
  }

  /** @param scales scales of the group's model version; undefined where it is not installed */
  list(ref: GroupRef, page: PersonPageRequest, scales?: SimilarityScales): PersonPage {
    return this.#parts.findGroup(ref).faces.listPersons(page, scales);
  }

  /** @param scales scales of the group's model version; undefined where it is not installed */
  summary(ref: GroupRef, externalImageId: string, scales?: SimilarityScales): PersonSummary {
    const [person] = this.#parts.findGroup(ref).faces.summarisePersons([externalImageId], scales);
    if (!person) throw personNotFound();
    return person;
  }

  /**
   * Finds the person who is most like another one, by one search with the mean of that person.
   * @returns undefined where nobody else is there, or where no face of the person is recognisable
   */
  closest(ref: GroupRef, externalImageId: string, scales: SimilarityScales): ClosestPerson | undefined {
    const { faces } = this.#parts.findGroup(ref);
    if (faces.listFaceIds(externalImageId, 1).length === 0) throw personNotFound();
    const mean = faces.averagePerson(externalImageId, scales);
    if (!mean) return undefined;
    // The person is found as well, mostly in the first place.
    const found = faces.searchPersons(mean.template, { limit: 2, threshold: 0, scales });
    const other = found.find(({ face }) => face.externalImageId !== externalImageId);
    if (!other) return undefined;
    const { faceId, externalImageId: otherId } = other.face;
    return { ...(otherId !== undefined && { externalImageId: otherId }), faceId, similarity: other.similarity };
  }

  /**
   * Deletes all faces of a person. When it rejects after the first batch of a person with many faces, a second call deletes the rest.
   * @returns the entry of the last batch as the proof
   */
  async delete(ref: GroupRef, externalImageId: string, actor: string): Promise<PersonChange> {
    const group = this.#findWritable(ref);
    return runInTurn([group], async () => {
      let deleted = 0;
      for (;;) {
        this.#requireSame(ref, group);
        await this.#awaitDeletions(group, externalImageId);
        this.#requireSame(ref, group);
        const faceIds = group.faces.listFaceIds(externalImageId, MAX_BATCH_FACES);
        if (faceIds.length + deleted === 0) throw personNotFound();
        const isLast = faceIds.length < MAX_BATCH_FACES || group.faces.countFaces(externalImageId) === faceIds.length;
        deleted += faceIds.length;
        const summary: GalleryChangeEntry = { action: 'person.deleted', subject: { faces: deleted } };
        const note = this.#parts.makeNote(ref, actor, [
          ...faceIds.map((faceId): GalleryChangeEntry => ({ action: 'face.deleted', subject: { faceId } })),
          ...(isLast ? [summary] : []),
        ]);
        await this.#remove(group, externalImageId, faceIds, [], note);
        if (isLast) return { faces: deleted, merged: false, ...findProof(note) };
      }
    });
  }

  /**
   * Gives all faces of a person another externalImageId, in one batch.
   * @throws AppError PERSON_EXISTS: the new one has faces, and `merge` is false; QUOTA_EXCEEDED: too many faces; MODEL_VERSION_MISMATCH: the
   * policy cannot be checked, because the models are not installed
   */
  async rename(
    ref: GroupRef,
    from: string,
    to: string,
    { merge, scales, actor }: PersonChangeOptions,
  ): Promise<PersonChange | RefusedChange> {
    const group = this.#findWritable(ref);
    return runInTurn([group], async () => {
      const stored = await this.#readPerson(ref, group, from);
      const merged = requireFree(group, to, merge);
      const renamed = stored.map((one) => ({ ...one, face: { ...one.face, externalImageId: to } }));
      const { concern } = merged ? this.#judge(ref, group, renamed, scales) : { concern: undefined };
      if (concern) return { concern };
      const note = this.#parts.makeNote(ref, actor, [
        { action: 'person.renamed', subject: { faces: renamed.length, merged } },
      ]);
      await this.#parts.writes.write([{ group, puts: renamed.map(encodeStored) }], note);
      group.faces.rename(new Set(renamed.map(({ face }) => face.faceId)), from, to);
      return { faces: renamed.length, merged, ...findProof(note) };
    });
  }

  /**
   * Moves all faces of a person to another group of the same owner and model version, in one batch. The policy of that group applies.
   * @throws AppError as `rename`; also INVALID_PARAM: the groups are one; MODEL_VERSION_MISMATCH; QUOTA_EXCEEDED: the other group is full
   */
  async move(
    ref: GroupRef,
    externalImageId: string,
    toGroupId: string,
    { merge, scales, actor }: PersonChangeOptions,
  ): Promise<PersonChange | RefusedChange> {
    const { countFreePlaces, makeNote, estimateCondition } = this.#parts;
    const toRef = { owner: ref.owner, groupId: toGroupId };
    const source = this.#findWritable(ref);
    const target = this.#findWritable(toRef);
    if (source === target) throw clientError('INVALID_PARAM', 'The person is in this group already.');
    if (source.record.modelVersion !== target.record.modelVersion) {
      throw clientError('MODEL_VERSION_MISMATCH', 'The two groups were enrolled under different models.');
    }
    return runInTurn([source, target], async () => {
      const stored = await this.#readPerson(ref, source, externalImageId);
      this.#requireSame(toRef, target);
      const merged = requireFree(target, externalImageId, merge);
      const { concern, concerns } = this.#judge(toRef, target, stored, scales);
      if (concern) return { concern };
      if (countFreePlaces(target) < stored.length) {
        throw clientError('QUOTA_EXCEEDED', 'The other group has too few free places.');
      }
      const arriving = stored.map((one) => ({ ...one, sequence: target.nextSequence++ }));
      const fromNote = makeNote(ref, actor, [
        ...stored.map(({ face: { faceId } }): GalleryChangeEntry => ({ action: 'face.deleted', subject: { faceId } })),
        { action: 'person.moved', subject: { toGroupId, faces: stored.length, merged } },
      ]);
      const toNote = makeNote(
        toRef,
        actor,
        stored.map(({ face }, i): GalleryChangeEntry => ({
          action: 'face.enrolled',
          subject: describeEnrolled(face, concerns[i]),
        })),
      );
      const note = fromNote && { ...fromNote, drafts: [...(toNote?.drafts ?? []), ...fromNote.drafts] };
      target.reserved += arriving.length;
      try {
        const faceIds = stored.map(({ face }) => face.faceId);
        const arrival = { group: target, puts: arriving.map(encodeStored) };
        await this.#remove(source, externalImageId, faceIds, [arrival], note);
        for (const { face, sequence, embedding } of arriving) {
          const condition = completeCondition(face.condition, () =>
            estimateCondition?.(target.record.modelVersion, embedding),
          );
          target.faces.add({ ...face, condition }, sequence, embedding);
        }
      } finally {
        target.reserved -= arriving.length;
      }
      return { faces: stored.length, merged, ...findProof(note) };
    });
  }

  /** Removes faces of a person, in one batch with other changes. */
  async #remove(
    group: Group,
    externalImageId: string,
    faceIds: readonly string[],
    others: readonly FacesWrite[],
    note: Note | undefined,
  ): Promise<void> {
    const deletes = faceIds.map((faceId) => {
      const sequence = group.faces.findSequence(faceId);
      if (sequence === undefined) throw new TypeError('the group does not have this face');
      return { faceId, sequence };
    });
    const removal = this.#parts.writes.write([...others, { group, deletes }], note);
    // A deletion of one of these faces waits for this one, and ends like it.
    for (const faceId of faceIds) group.leaving.set(faceId, removal);
    try {
      await removal;
      group.faces.removePersonFaces(externalImageId, faceIds);
    } finally {
      for (const faceId of faceIds) group.leaving.delete(faceId);
    }
  }

  /**
   * Reads all faces of a person from the store, in the order of their enrolment. In memory they have estimates that are not stored.
   * Nothing is awaited after the check that they are still there.
   */
  async #readPerson(ref: GroupRef, group: Group, externalImageId: string): Promise<StoredFace[]> {
    this.#requireSame(ref, group);
    const faceIds = group.faces.listFaceIds(externalImageId, MAX_BATCH_FACES + 1);
    if (faceIds.length > MAX_BATCH_FACES) {
      const detail = `The person has more than ${MAX_BATCH_FACES} faces, which is the most that are renamed or moved at once.`;
      throw clientError('QUOTA_EXCEEDED', detail);
    }
    const stored: StoredFace[] = [];
    for (const faceId of faceIds) {
      const sequence = group.faces.findSequence(faceId);
      const record = sequence === undefined ? undefined : await group.space.get(FACE_KEYS.encode(sequence));
      if (sequence !== undefined && record) stored.push({ ...decodeFace(record), sequence });
    }
    await this.#awaitDeletions(group, externalImageId);
    this.#requireSame(ref, group);
    const present = stored.filter(
      ({ face, sequence }) => group.faces.findSequence(face.faceId) === sequence && !group.leaving.has(face.faceId),
    );
    if (present.length === 0) throw personNotFound();
    return present;
  }

  /** Waits until no face of a person is being deleted. */
  async #awaitDeletions(group: Group, externalImageId: string): Promise<void> {
    for (;;) {
      const underWay = [...group.leaving].filter(
        ([faceId]) => group.faces.face(faceId)?.externalImageId === externalImageId,
      );
      if (underWay.length === 0) return;
      await Promise.all(underWay.map(([, deletion]) => deletion.catch(() => undefined)));
    }
  }

  /** Judges faces as an enrolment into the group would. @throws AppError MODEL_VERSION_MISMATCH: the models are not installed */
  #judge(
    { groupId }: GroupRef,
    group: Group,
    stored: readonly StoredFace[],
    scales: SimilarityScales | undefined,
  ): { concern: IdentityConcern | undefined; concerns: (IdentityConcern | undefined)[] } {
    const policy = this.#parts.findPolicy(groupId);
    if (!scales) {
      if (policy === 'open') return { concern: undefined, concerns: [] };
      throw clientError(
        'MODEL_VERSION_MISMATCH',
        'The policy of the group cannot be checked: its models are not installed.',
      );
    }
    const { estimateCondition } = this.#parts;
    const faces = stored.map(({ face, embedding }) => {
      const condition = completeCondition(face.condition, () =>
        estimateCondition?.(group.record.modelVersion, embedding),
      );
      const { externalImageId, bbox, detectionScore } = face;
      const named = externalImageId === undefined ? {} : { externalImageId };
      return { ...named, bbox, detectionScore, embedding, ...(condition && { condition }) };
    });
    const judged = judgeFaces(faces, group.faces, { policy, scales, facesInPicture: 1, isOnePerson: true });
    const refused = judged.find(({ isRefused }) => isRefused);
    return { concern: refused?.concern, concerns: judged.map(({ concern }) => concern) };
  }

  /** @throws AppError GROUP_NOT_FOUND, GROUP_READ_ONLY */
  #findWritable(ref: GroupRef): Group {
    const group = this.#parts.findGroup(ref);
    mustBeWritable(group.record);
    return group;
  }

  /** @throws AppError GROUP_NOT_FOUND: the group was deleted while the change waited for its turn */
  #requireSame(ref: GroupRef, group: Group): void {
    if (this.#parts.findGroup(ref) !== group) throw groupNotFound();
  }
}

function encodeStored({ face, sequence, embedding }: StoredFace): WrittenFace {
  return { faceId: face.faceId, sequence, record: encodeFace(face, embedding) };
}

/** Returns whether the group has a person of this externalImageId. @throws AppError PERSON_EXISTS when it has, and may not merge */
function requireFree(group: Group, externalImageId: string, merge: boolean): boolean {
  const exists = group.faces.listFaceIds(externalImageId, 1).length > 0;
  if (exists && !merge) {
    throw clientError('PERSON_EXISTS', 'There is a person with this externalImageId already; merge joins the two.');
  }
  return exists;
}

function personNotFound(): AppError {
  return clientError('NOT_FOUND', 'There is no such person in the group.');
}
