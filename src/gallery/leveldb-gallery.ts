// The gallery over the sealed store. Reads are answered from memory; every change is on the disk before it is in memory.
import { randomUUID } from 'node:crypto';
import { pickStricter, type EnrolmentPolicy } from '../domain/enrolment-policy.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import type { NoteMaker, SealedStore } from '../store/sealed-store.js';
import { FaceWrites } from './face-writes.js';
import { GalleryChanges } from './gallery-changes.js';
import { FLEET, GroupCopies } from './group-copies.js';
import type {
  CopyOrigin,
  EnrolledFace,
  Enrolment,
  EnrolmentRules,
  FaceFilter,
  FaceMatch,
  FaceOutcome,
  Gallery,
  GroupInfo,
  GroupRef,
  NewFace,
  Page,
  PageRequest,
  PersonMatch,
  ProposeEnrolment,
  SearchOptions,
} from './gallery.types.js';
import { judgeFaces, type JudgedFace } from './enrolment-judge.js';
import { runInTurn, type Group, type GroupDirectory } from './group-directory.js';
import { GroupLifecycle } from './group-lifecycle.js';
import { loadGroups, type EstimateCondition, type LoadedGroups, type LoadProgress } from './load.js';
import {
  faceNotFound,
  groupNotFound,
  mustBeCondition,
  mustBeEmbedding,
  mustBeFound,
  mustBeQuality,
  mustBeTemplate,
  mustBeWritable,
} from './checks.js';
import { SimilarityMeter } from './group-similarities.js';
import { describeGroup, Listings } from './listings.js';
import { PageTokens } from './page-token.js';
import { findProof, type ProvenChange } from './audit-proof.js';
import { createNoteMaker, type MakeNote } from './gallery-notes.js';
import { GalleryPeople } from './gallery-people.js';
import { Successors } from './successors.js';
import { writeEnrolment } from './write-enrolment.js';

export type { EstimateCondition, LoadProgress } from './load.js';

export interface GalleryLimits {
  /** Maximum number of groups of one owner. */
  maxGroups: number;
  maxFacesPerGroup: number;
}

export interface LevelGalleryOptions {
  /** Starts before the gallery and stops after it. */
  store: SealedStore;
  /** Gets a note of every change, which is written in the same batch as the change. */
  audit?: NoteMaker;
  limits: GalleryLimits;
  /** Returns the enrolment policy of a group; default: always `open`. */
  findPolicy?: ((groupId: string) => EnrolmentPolicy) | undefined;
  clock: Clock;
  log: Log;
  /** Measures the condition of faces that were stored without one. Without it such faces count as clear. */
  estimateCondition?: EstimateCondition | undefined;
  /**
   * Returns the scales of a model version; undefined where it is not installed. With it the means of all people are made at the start,
   * without it by the first search.
   */
  findScales?: ((modelVersion: string) => SimilarityScales | undefined) | undefined;
  /** Groups that are enrolled under the models in use as well, while they change from other ones: see successors.ts. */
  successors?: { groups: readonly string[]; modelVersion: string } | undefined;
  /** Makes UUIDs for faces and pictures. */
  newId?: () => string;
  /** Is called from time to time while the gallery is loaded. */
  onProgress?: (progress: LoadProgress) => void;
}

export interface GalleryStats {
  groups: number;
  faces: number;
  /** Groups and faces whose records do not open; the records are kept. */
  damagedGroups: number;
  damagedFaces: number;
}

/** Actor of a change in the audit log if the caller names none. */
const SERVICE = 'service';

interface Running extends LoadedGroups {
  listings: Listings;
}

/** Every method throws AppError STOPPED before the start and after the stop. */
export class LevelGallery implements Gallery, Part {
  readonly name = 'gallery';
  /** The people of the groups: lists and changes of whole people. */
  readonly people: GalleryPeople;
  /** Groups that are copies of a group of the fleet. */
  readonly copies: GroupCopies;
  /** Tells of every change of a group that is no copy. */
  readonly changes: GalleryChanges;
  /** Groups under the next model version. */
  readonly successors: Successors;
  /** Measures how alike the faces of a group are. */
  readonly similarities: SimilarityMeter;
  /** Takes enrolments into copies; undefined: they are refused with GROUP_READ_ONLY. */
  proposeEnrolment: ProposeEnrolment | undefined;
  readonly #options: LevelGalleryOptions;
  readonly #makeNote: MakeNote;
  readonly #writes: FaceWrites;
  readonly #lifecycle: GroupLifecycle;
  #running: Running | undefined;

  constructor(options: LevelGalleryOptions) {
    this.#options = options;
    const { store, audit, limits, findPolicy = () => 'open', estimateCondition, findScales, clock, log } = options;
    this.changes = new GalleryChanges(log);
    const writes = new FaceWrites(store, this.changes);
    this.#writes = writes;
    const makeNote = createNoteMaker(audit);
    this.#makeNote = makeNote;
    const findDirectory = (): GroupDirectory => this.#run().directory;
    const { maxGroups } = limits;
    this.#lifecycle = new GroupLifecycle({ store, changes: this.changes, findDirectory, maxGroups, makeNote, clock });
    this.similarities = new SimilarityMeter((ref) => this.#group(ref).faces);
    this.copies = new GroupCopies({
      store,
      findGroup: (ref) => this.#group(ref),
      findDirectory,
      makeNote,
      estimateCondition,
      findScales,
    });
    this.successors = new Successors({
      kept: options.successors,
      writes,
      changes: this.changes,
      findDirectory,
      create: (ref, kind, actor) => this.#lifecycle.create(ref, kind, actor),
      delete: (ref, actor) => this.#lifecycle.delete(ref, actor),
      makeNote,
      estimateCondition,
      log,
    });
    this.people = new GalleryPeople({
      writes,
      findPolicy,
      estimateCondition,
      findGroup: (ref) => this.#group(ref),
      countFreePlaces: (group) => this.#freePlaces(group),
      makeNote,
    });
  }

  /** Reads every group and face into memory. @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new TypeError('the gallery is started already');
    const { store, clock, log, estimateCondition, findScales, onProgress = () => undefined } = this.#options;
    await this.copies.clean();
    const loaded = await loadGroups({ store, log, signal, estimateCondition, onProgress });
    for (const { record, faces } of loaded.directory.all()) {
      signal.throwIfAborted();
      const scales = findScales?.(record.modelVersion);
      if (scales) faces.preparePersons(scales);
    }
    await store.releaseMemory();
    const tokens = new PageTokens({ key: store.deriveKey('page-token'), clock });
    this.#running = { ...loaded, listings: new Listings(tokens) };
    await this.successors.start();
  }

  async stop(): Promise<void> {
    await this.successors.stop();
    this.#running = undefined;
  }

  async createGroup(ref: GroupRef, modelVersion: string, actor = SERVICE): Promise<ProvenChange> {
    return this.#lifecycle.create(ref, { modelVersion }, actor);
  }

  /** Creates a group that is a copy of a group of the fleet: see `copies`. @throws AppError DUPLICATED_GROUP, QUOTA_EXCEEDED */
  async createCopy(ref: GroupRef, modelVersion: string, copyOf: CopyOrigin): Promise<ProvenChange> {
    return this.#lifecycle.create(ref, { modelVersion, copyOf }, FLEET);
  }

  group(ref: GroupRef): GroupInfo {
    return describeGroup(this.#group(ref));
  }

  async listGroups(owner: string, page: PageRequest): Promise<Page<GroupInfo>> {
    const { directory, listings } = this.#run();
    return listings.listGroups(directory, owner, page);
  }

  async deleteGroup(ref: GroupRef, actor = SERVICE): Promise<ProvenChange> {
    const record = this.#run().directory.find(ref)?.record;
    // The successor of a group may be deleted by itself: that ends the change to its models.
    if (record?.successorOf === undefined) mustBeWritable(record);
    return this.#lifecycle.delete(ref, actor);
  }

  /** Deletes a copy, because the fleet has deleted the group, or this device has left it. @throws AppError GROUP_NOT_FOUND */
  async deleteCopy(ref: GroupRef): Promise<ProvenChange> {
    return this.#lifecycle.delete(ref, FLEET);
  }

  freePlaces(ref: GroupRef): number {
    return this.#freePlaces(this.#group(ref));
  }

  requireEnrollable(ref: GroupRef): void {
    const { record } = this.#group(ref);
    if (!(record.copyOf && this.proposeEnrolment)) mustBeWritable(record);
  }

  async enrol(ref: GroupRef, faces: readonly NewFace[], actor = SERVICE, rules?: EnrolmentRules): Promise<Enrolment> {
    const group = this.#group(ref);
    const { copyOf, modelVersion } = group.record;
    this.requireEnrollable(ref);
    const propose = copyOf && this.proposeEnrolment;
    const dimensions = group.faces.dimensions ?? faces[0]?.embedding.length ?? 0;
    for (const { embedding, condition, quality } of faces) {
      mustBeEmbedding(embedding, dimensions);
      mustBeCondition(condition);
      mustBeQuality(quality);
    }
    if (propose) {
      // A copy may be replaced while the authority decides: it is looked up each time.
      const holds = (faceId: string): boolean => this.#group(ref).faces.face(faceId) !== undefined;
      return propose({ copyOf, modelVersion, holds }, faces, actor, rules);
    }
    if (!rules) return this.#enrolJudged(ref, group, faces.map(acceptUnjudged), actor);
    const policy = this.#pickPolicy(ref, rules);
    const enrolJudged = (): Promise<Enrolment> =>
      this.#enrolJudged(ref, group, judgeFaces(faces, group.faces, { ...rules, policy }), actor, rules);
    if (policy === 'open') return enrolJudged();
    // One at a time: a face must be judged by the faces that were enrolled before it, also by those that are being written.
    return runInTurn([group], async () => {
      if (this.#group(ref) !== group) throw groupNotFound();
      return enrolJudged();
    });
  }

  judge(ref: GroupRef, faces: readonly NewFace[], rules: EnrolmentRules): FaceOutcome[] {
    const judged = judgeFaces(faces, this.#group(ref).faces, { ...rules, policy: this.#pickPolicy(ref, rules) });
    return judged.map(({ concern, isRefused }) => ({ ...(concern && { concern }), isRefused }));
  }

  #pickPolicy({ groupId }: GroupRef, { policy = 'open' }: EnrolmentRules): EnrolmentPolicy {
    return pickStricter(policy, this.#options.findPolicy?.(groupId) ?? 'open');
  }

  #enrolJudged(
    ref: GroupRef,
    group: Group,
    judged: readonly JudgedFace[],
    actor: string,
    { facts, newId = this.#options.newId ?? randomUUID }: Pick<EnrolmentRules, 'facts' | 'newId'> = {},
  ): Promise<Enrolment> {
    const { estimateCondition, clock } = this.#options;
    return writeEnrolment({
      group,
      judged,
      facts,
      freePlaces: this.#freePlaces(group),
      writes: this.#writes,
      makeNote: (changes) => this.#makeNote(ref, actor, changes),
      estimateCondition,
      clock,
      newId,
    });
  }

  async deleteFace(ref: GroupRef, faceId: string, actor = SERVICE): Promise<ProvenChange> {
    const group = this.#group(ref);
    mustBeWritable(group.record);
    const leaving = group.leaving.get(faceId);
    // A second deletion of the same face ends like the first.
    if (leaving) await leaving;
    const sequence = group.faces.findSequence(faceId);
    if (leaving || sequence === undefined) throw faceNotFound();
    const note = this.#makeNote(ref, actor, [{ action: 'face.deleted', subject: { faceId } }]);
    const deletion = this.#writes.write([{ group, deletes: [{ faceId, sequence }] }], note);
    group.leaving.set(faceId, deletion);
    try {
      await deletion;
      group.faces.remove(faceId);
      return findProof(note);
    } finally {
      group.leaving.delete(faceId);
    }
  }

  face(ref: GroupRef, faceId: string): EnrolledFace {
    return mustBeFound(this.#group(ref).faces.face(faceId));
  }

  async listFaces(ref: GroupRef, page: PageRequest, filter: FaceFilter = {}): Promise<Page<EnrolledFace>> {
    const group = this.#group(ref);
    return this.#run().listings.listFaces(group, page, filter);
  }

  searchByEmbedding(ref: GroupRef, probe: Template, options: SearchOptions): FaceMatch[] {
    const { faces } = this.#group(ref);
    mustBeTemplate(probe, faces.dimensions ?? probe.embedding.length);
    return faces.search(probe, options);
  }

  searchByFace(ref: GroupRef, faceId: string, options: SearchOptions): FaceMatch[] {
    const { faces } = this.#group(ref);
    return faces.search(mustBeFound(faces.template(faceId)), { ...options, except: faceId });
  }

  searchPersons(ref: GroupRef, probe: Template, options: SearchOptions): PersonMatch[] {
    const { faces } = this.#group(ref);
    mustBeTemplate(probe, faces.dimensions ?? probe.embedding.length);
    return faces.searchPersons(probe, options);
  }

  compareWithPerson(ref: GroupRef, faceId: string, probe: Template, scales: SimilarityScales): number {
    const { faces } = this.#group(ref);
    mustBeTemplate(probe, faces.dimensions ?? probe.embedding.length);
    return mustBeFound(faces.comparePerson(faceId, probe, scales));
  }

  compareWithFace(ref: GroupRef, faceId: string, probe: Template, scales: SimilarityScales): number {
    const { faces } = this.#group(ref);
    mustBeTemplate(probe, faces.dimensions ?? probe.embedding.length);
    return mustBeFound(faces.compare(faceId, probe, scales));
  }

  stats(): GalleryStats {
    let groups = 0;
    let faces = 0;
    for (const group of this.#running?.directory.all() ?? []) {
      groups++;
      faces += group.faces.size;
    }
    const { damagedGroups = 0, damagedFaces = 0 } = this.#running ?? {};
    return { groups, faces, damagedGroups, damagedFaces };
  }

  health(): Health {
    if (!this.#running) return { status: 'failed', detail: 'the gallery is not loaded' };
    const { groups, faces, damagedGroups, damagedFaces } = this.stats();
    const facts = { groups, faces };
    const store = this.#options.store.health();
    if (store.status === 'failed') return { ...store, facts };
    if (damagedGroups + damagedFaces > 0) {
      const detail = `${damagedGroups} groups and ${damagedFaces} faces cannot be read`;
      return { status: 'degraded', detail, facts: { ...facts, damagedGroups, damagedFaces } };
    }
    return { ...store, facts };
  }

  #freePlaces(group: Group): number {
    return Math.max(0, this.#options.limits.maxFacesPerGroup - group.faces.size - group.reserved);
  }

  #group(ref: GroupRef): Group {
    const group = this.#run().directory.find(ref);
    if (!group || group.deletion) throw groupNotFound();
    return group;
  }

  #run(): Running {
    if (!this.#running) throw new AppError('STOPPED', 'the gallery is not loaded');
    return this.#running;
  }
}

function acceptUnjudged(face: NewFace): JudgedFace {
  return { face, isRefused: false };
}
