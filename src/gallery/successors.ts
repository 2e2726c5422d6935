// The successors of groups: the same faces under another model version, for the time in which a device or a fleet changes its models.
import { setImmediate as nextRound } from 'node:timers/promises';
import type { EmbeddedFace } from '../domain/embedding.js';
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import { mustBeCondition, mustBeEmbedding } from './checks.js';
import { decodeFace, encodeFace, FACE_KEYS, type GroupRecord } from './face-record.js';
import type { FaceWrites } from './face-writes.js';
import type { FacesChange, GalleryChanges, GroupChange } from './gallery-changes.js';
import type { MakeNote } from './gallery-notes.js';
import type { EnrolledFace, GroupRef } from './gallery.types.js';
import type { Group, GroupDirectory } from './group-directory.js';
import { derivePersonKey } from './group-faces.js';
import { completeCondition, type EstimateCondition } from './load.js';

/** Ends the id of a successor: `staff--next` is that of `staff`. A copy has the ids of the authority, so a door knows it too. */
export const SUCCESSOR_SUFFIX = '--next';

/** Author of the changes in the audit log. */
const ACTOR = 'service';
const MAX_BATCH_FACES = 1_000;

export interface SuccessorInfo {
  ref: GroupRef;
  modelVersion: string;
  /** Number of people of the group, a face without an externalImageId counted as one. */
  people: number;
  /** Number of these who have no face in the successor. */
  missing: number;
}

/** A face of the group, embedded under the models of its successor. */
export interface SucceedingFace extends EmbeddedFace {
  faceId: string;
}

export interface SuccessorsParts {
  /** Groups whose successors this device keeps, and the model version of these. */
  kept: { groups: readonly string[]; modelVersion: string } | undefined;
  writes: FaceWrites;
  changes: GalleryChanges;
  /** @throws AppError STOPPED */
  findDirectory: () => GroupDirectory;
  create: (ref: GroupRef, kind: Pick<GroupRecord, 'modelVersion' | 'successorOf'>, actor: string) => Promise<unknown>;
  delete: (ref: GroupRef, actor: string) => Promise<unknown>;
  makeNote: MakeNote;
  estimateCondition: EstimateCondition | undefined;
  log: Log;
}

interface Pair {
  group: Group;
  next: Group;
}

interface KeptInfo {
  revision: number;
  next: Group;
  nextRevision: number;
  info: SuccessorInfo;
}

/**
 * A face has the same faceId in both groups. The successor follows the group: what is deleted or renamed there is deleted or renamed in it a
 * moment later, and compared at each start. Its embeddings come from the enrolments, since none can be converted.
 */
export class Successors {
  readonly #parts: SuccessorsParts;
  readonly #infos = new WeakMap<Group, KeptInfo>();
  /** The last of the changes of successors, which follow one another. It never rejects. */
  #turn: Promise<void> = Promise.resolve();
  #endListening: (() => void) | undefined;

  constructor(parts: SuccessorsParts) {
    this.#parts = parts;
  }

  /** Creates the successors that are missing, and brings all of them up to their groups. Call it when the groups are loaded. */
  async start(): Promise<void> {
    const { kept, findDirectory, changes, log } = this.#parts;
    if (!kept) return;
    for (const { record } of [...findDirectory().all()]) {
      const { owner, groupId, modelVersion, copyOf } = record;
      if (!kept.groups.includes(groupId) || copyOf || modelVersion === kept.modelVersion) continue;
      try {
        await this.#begin({ owner, groupId }, kept.modelVersion);
      } catch (error) {
        log.error({ groupId, error: describeError(error) }, 'the successor of a group could not be brought up to it');
      }
    }
    this.#endListening = changes.listen((ref, change) => this.#follow(ref, change));
  }

  /** Resolves when the changes that are under way have ended. */
  async stop(): Promise<void> {
    this.#endListening?.();
    this.#endListening = undefined;
    await this.#turn;
  }

  /** Resolves when the successors have followed every change so far. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  /** Returns the successor of a group, kept here or copied; undefined where there is none. @throws AppError STOPPED */
  describe(ref: GroupRef): SuccessorInfo | undefined {
    const pair = this.#findPair(ref);
    if (!pair) return undefined;
    const { group, next } = pair;
    const { revision } = group.faces;
    const nextRevision = next.faces.revision;
    const known = this.#infos.get(group);
    if (known?.revision === revision && known.next === next && known.nextRevision === nextRevision) return known.info;
    const covered = new Set(next.faces.faceIds().flatMap((faceId) => group.faces.findPersonKey(faceId) ?? []));
    const people = new Set(group.faces.faceIds().map((faceId) => group.faces.findPersonKey(faceId)!));
    const { owner, groupId, modelVersion } = next.record;
    // What is covered is part of the people.
    const missing = people.size - covered.size;
    const info = { ref: { owner, groupId }, modelVersion, people: people.size, missing };
    this.#infos.set(group, { revision, next, nextRevision, info });
    return info;
  }

  /** Tells whether a face of the successor is in the group now, as the same person. */
  confirms(ref: GroupRef, face: Pick<EnrolledFace, 'faceId' | 'externalImageId'>): boolean {
    const key = this.#parts.findDirectory().find(ref)?.faces.findPersonKey(face.faceId);
    return key === derivePersonKey(face.externalImageId, face.faceId);
  }

  /** Returns whether this device keeps a successor of the group, to which enrolments are added. */
  isKept(ref: GroupRef): boolean {
    return this.#findPair(ref)?.next.record.successorOf !== undefined;
  }

  /**
   * Adds faces that were enrolled in the group. One that has left the group meanwhile is left out.
   * @throws AppError STORE_UNAVAILABLE; TypeError for an embedding of another length
   */
  async enrol(ref: GroupRef, faces: readonly SucceedingFace[], actor: string): Promise<void> {
    await this.#inTurn(async () => {
      const pair = this.#findPair(ref);
      if (!pair) return;
      const { group, next } = pair;
      const { estimateCondition, writes, makeNote } = this.#parts;
      const added = faces.flatMap(({ faceId, embedding, condition }) => {
        const enrolled = group.faces.face(faceId);
        if (!enrolled || next.faces.findSequence(faceId) !== undefined) return [];
        mustBeEmbedding(embedding, next.faces.dimensions ?? embedding.length);
        mustBeCondition(condition);
        const face: EnrolledFace = { ...enrolled, condition: condition && { ...condition } };
        return [{ face, embedding, sequence: next.nextSequence++, record: encodeFace(face, embedding) }];
      });
      if (added.length === 0) return;
      const puts = added.map(({ face, sequence, record }) => ({ faceId: face.faceId, sequence, record }));
      const { owner, groupId, modelVersion } = next.record;
      const entries = added.map(({ face: { faceId, imageId } }) => ({
        action: 'face.enrolled' as const,
        subject: { faceId, imageId },
      }));
      await writes.write([{ group: next, puts }], makeNote({ owner, groupId }, actor, entries));
      for (const { face, embedding, sequence } of added) {
        const condition = completeCondition(face.condition, () => estimateCondition?.(modelVersion, embedding));
        next.faces.add({ ...face, condition }, sequence, embedding);
      }
    });
  }

  async #begin({ owner, groupId }: GroupRef, modelVersion: string): Promise<void> {
    const { findDirectory, create, log } = this.#parts;
    const ref = { owner, groupId: groupId + SUCCESSOR_SUFFIX };
    const found = findDirectory().find(ref);
    if (!found) await create(ref, { modelVersion, successorOf: groupId }, ACTOR);
    else if (found.record.successorOf !== groupId) {
      log.error({ groupId: ref.groupId }, 'a group has the id of the successor of another one, and is left as it is');
    }
    const pair = this.#findPair({ owner, groupId });
    if (pair) await this.#compare(pair);
  }

  #follow(ref: GroupRef, change: GroupChange): void {
    if (change === 'created') return;
    // The pair is looked for in its turn: the successor may be created or deleted before.
    const work = change === 'deleted' ? () => this.#deleteNext(ref) : () => this.#followFaces(ref, change);
    this.#inTurn(work).catch((error: unknown) => {
      const { groupId } = ref;
      this.#parts.log.error({ groupId, error: describeError(error) }, 'the successor of a group could not follow it');
    });
  }

  async #deleteNext({ owner, groupId }: GroupRef): Promise<void> {
    const ref = { owner, groupId: groupId + SUCCESSOR_SUFFIX };
    if (this.#parts.findDirectory().find(ref)?.record.successorOf === groupId) await this.#parts.delete(ref, ACTOR);
  }

  async #followFaces(ref: GroupRef, { puts, deletes }: FacesChange): Promise<void> {
    // The change is on the disk. It is in memory as well when all that was begun before has ended.
    await nextRound();
    const pair = this.#findPair(ref);
    if (pair?.next.record.successorOf !== undefined) {
      await this.#align(pair, [...deletes, ...puts.map(({ faceId }) => faceId)]);
    }
  }

  /** Compares the whole successor with its group. */
  async #compare(pair: Pair): Promise<void> {
    if (pair.next.record.successorOf === undefined) return;
    await this.#inTurn(() => this.#align(pair, [...pair.next.faces.faceIds()]));
  }

  /** Deletes those of the faces that have left the group, and renames those whose person has another id. */
  async #align({ group, next }: Pair, faceIds: readonly string[]): Promise<void> {
    const differing = faceIds.filter(
      (faceId) =>
        next.faces.findSequence(faceId) !== undefined &&
        next.faces.findPersonKey(faceId) !== group.faces.findPersonKey(faceId),
    );
    for (let at = 0; at < differing.length; at += MAX_BATCH_FACES) {
      await this.#alignBatch({ group, next }, differing.slice(at, at + MAX_BATCH_FACES));
    }
  }

  async #alignBatch({ group, next }: Pair, faceIds: readonly string[]): Promise<void> {
    const { writes, makeNote } = this.#parts;
    const found = faceIds.map((faceId) => ({ faceId, sequence: next.faces.findSequence(faceId)! }));
    const deletes = found.filter(({ faceId }) => group.faces.findSequence(faceId) === undefined);
    const renamed = [];
    for (const { faceId, sequence } of found) {
      const record = await next.space.get(FACE_KEYS.encode(sequence));
      const enrolled = group.faces.face(faceId);
      if (!record || !enrolled) continue;
      const stored = decodeFace(record);
      const face: EnrolledFace = { ...stored.face };
      if (enrolled.externalImageId === undefined) delete face.externalImageId;
      else face.externalImageId = enrolled.externalImageId;
      renamed.push({ faceId, sequence, face, record: encodeFace(face, stored.embedding), embedding: stored.embedding });
    }
    const { owner, groupId, modelVersion } = next.record;
    const entries = deletes.map(({ faceId }) => ({ action: 'face.deleted' as const, subject: { faceId } }));
    await writes.write([{ group: next, puts: renamed, deletes }], makeNote({ owner, groupId }, ACTOR, entries));
    for (const { faceId } of [...deletes, ...renamed]) next.faces.remove(faceId);
    for (const { face, embedding, sequence } of renamed) {
      const condition = completeCondition(face.condition, () =>
        this.#parts.estimateCondition?.(modelVersion, embedding),
      );
      next.faces.add({ ...face, condition }, sequence, embedding);
    }
  }

  /** Finds a group and its successor: one that was made here for it, or the copies of both from one fleet. */
  #findPair({ owner, groupId }: GroupRef): Pair | undefined {
    const directory = this.#parts.findDirectory();
    const group = directory.find({ owner, groupId });
    const next = directory.find({ owner, groupId: groupId + SUCCESSOR_SUFFIX });
    if (!group || !next || group.deletion || next.deletion) return undefined;
    if (group.record.modelVersion === next.record.modelVersion) return undefined;
    const isCopied = group.record.copyOf !== undefined && group.record.copyOf.fleet === next.record.copyOf?.fleet;
    return isCopied || next.record.successorOf === groupId ? { group, next } : undefined;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
