// The gallery over the sealed store. Reads are answered from memory; every change is on the disk before it is in memory.
import { randomUUID } from 'node:crypto';
import type { AuditAction, AuditEntry } from '../domain/audit.js';
import { pickStricter, type EnrolmentPolicy } from '../domain/enrolment-policy.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError, clientError } from '../errors.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import type { Note, NoteMaker, Operation, SealedStore, Space } from '../store/sealed-store.js';
import { FACE_KEYS, GROUP_KEY, encodeGroup, type GroupRecord } from './face-record.js';
import type {
  EnrolledFace,
  Enrolment,
  EnrolmentRules,
  FaceFilter,
  FaceMatch,
  Gallery,
  GroupInfo,
  GroupRef,
  NewFace,
  Page,
  PageRequest,
  PersonMatch,
  SearchOptions,
} from './gallery.types.js';
import { judgeFaces, type JudgedFace } from './enrolment-judge.js';
import { newGroup, runInTurn, type Group } from './group-directory.js';
import { GROUP_LABEL, loadGroups, type EstimateCondition, type LoadedGroups, type LoadProgress } from './load.js';
import {
  faceNotFound,
  groupNotFound,
  mustBeCondition,
  mustBeEmbedding,
  mustBeFound,
  mustBeTemplate,
} from './checks.js';
import { describeGroup, Listings } from './listings.js';
import { PageTokens } from './page-token.js';
import { GalleryPeople } from './gallery-people.js';
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
  readonly #options: LevelGalleryOptions;
  #running: Running | undefined;

  constructor(options: LevelGalleryOptions) {
    this.#options = options;
    const { store, findPolicy = () => 'open', estimateCondition } = options;
    this.people = new GalleryPeople({
      store,
      findPolicy,
      estimateCondition,
      findGroup: (ref) => this.#group(ref),
      countFreePlaces: (group) => this.#freePlaces(group),
      makeNote: (ref, actor, changes) => this.#noteAll(ref, actor, changes),
    });
  }

  /** Reads every group and face into memory. @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new TypeError('the gallery is started already');
    const { store, clock, log, estimateCondition, findScales, onProgress = () => undefined } = this.#options;
    const loaded = await loadGroups({ store, log, signal, estimateCondition, onProgress });
    for (const { record, faces } of loaded.directory.all()) {
      signal.throwIfAborted();
      const scales = findScales?.(record.modelVersion);
      if (scales) faces.preparePersons(scales);
    }
    await store.releaseMemory();
    const tokens = new PageTokens({ key: store.deriveKey('page-token'), clock });
    this.#running = { ...loaded, listings: new Listings(tokens) };
  }

  async stop(): Promise<void> {
    this.#running = undefined;
  }

  async createGroup(ref: GroupRef, modelVersion: string, actor = SERVICE): Promise<void> {
    const { directory } = this.#run();
    for (;;) {
      const group = directory.find(ref);
      if (group && !group.deletion) throw clientError('DUPLICATED_GROUP', 'There is a group with this id already.');
      // A creation or deletion of this id is under way. It may succeed or fail, so look again afterwards.
      const underWay = group?.deletion ?? directory.creation(ref);
      if (!underWay) break;
      await underWay.catch(() => undefined);
    }
    const { maxGroups } = this.#options.limits;
    if (directory.count(ref.owner) >= maxGroups) {
      throw clientError('QUOTA_EXCEEDED', `There are ${maxGroups} groups already, which is the limit.`);
    }
    const { owner, groupId } = ref;
    const record = { owner, groupId, modelVersion, createdAtMs: this.#options.clock() };
    const note = this.#note(ref, 'group.created', actor, [{ modelVersion }]);
    await directory.addLater(ref, this.#create(record, note));
  }

  group(ref: GroupRef): GroupInfo {
    return describeGroup(this.#group(ref));
  }

  async listGroups(owner: string, page: PageRequest): Promise<Page<GroupInfo>> {
    const { directory, listings } = this.#run();
    return listings.listGroups(directory, owner, page);
  }

  async deleteGroup(ref: GroupRef, actor = SERVICE): Promise<void> {
    const { directory } = this.#run();
    const group = directory.find(ref);
    // A second deletion of the same group ends like the first.
    if (group?.deletion) await group.deletion;
    if (!group || group.deletion) throw groupNotFound();
    // Enrolments that are under way are written before the key is destroyed; later ones do not find the group.
    const faces = group.faces.size + group.reserved - group.leaving.size;
    const note = this.#note(ref, 'group.deleted', actor, [{ faces }]);
    group.deletion = this.#options.store.destroySpace(group.space, note);
    try {
      await group.deletion;
      directory.remove(group);
    } catch (error) {
      delete group.deletion;
      throw error;
    }
  }

  freePlaces(ref: GroupRef): number {
    return this.#freePlaces(this.#group(ref));
  }

  async enrol(ref: GroupRef, faces: readonly NewFace[], actor = SERVICE, rules?: EnrolmentRules): Promise<Enrolment> {
    const group = this.#group(ref);
    const dimensions = group.faces.dimensions ?? faces[0]?.embedding.length ?? 0;
    for (const { embedding, condition } of faces) {
      mustBeEmbedding(embedding, dimensions);
      mustBeCondition(condition);
    }
    const policy = pickStricter(rules?.policy ?? 'open', this.#options.findPolicy?.(ref.groupId) ?? 'open');
    if (!rules) return this.#enrolJudged(ref, group, faces.map(acceptUnjudged), actor);
    const enrolJudged = (): Promise<Enrolment> =>
      this.#enrolJudged(ref, group, judgeFaces(faces, group.faces, { ...rules, policy }), actor);
    if (policy === 'open') return enrolJudged();
    // One at a time: a face must be judged by the faces that were enrolled before it, also by those that are being written.
    return runInTurn([group], async () => {
      if (this.#group(ref) !== group) throw groupNotFound();
      return enrolJudged();
    });
  }

  #enrolJudged(ref: GroupRef, group: Group, judged: readonly JudgedFace[], actor: string): Promise<Enrolment> {
    const { store, estimateCondition, newId = randomUUID } = this.#options;
    return writeEnrolment({
      group,
      judged,
      freePlaces: this.#freePlaces(group),
      store,
      makeNote: (changes) => this.#noteAll(ref, actor, changes),
      estimateCondition,
      newId,
    });
  }

  async deleteFace(ref: GroupRef, faceId: string, actor = SERVICE): Promise<void> {
    const group = this.#group(ref);
    const leaving = group.leaving.get(faceId);
    // A second deletion of the same face ends like the first.
    if (leaving) await leaving;
    const sequence = group.faces.findSequence(faceId);
    if (leaving || sequence === undefined) throw faceNotFound();
    const note = this.#note(ref, 'face.deleted', actor, [{ faceId }]);
    const deletion = this.#options.store.write([group.space.erase(FACE_KEYS.encode(sequence))], note);
    group.leaving.set(faceId, deletion);
    try {
      await deletion;
      group.faces.remove(faceId);
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

  async #create(record: GroupRecord, note: Note | undefined): Promise<Group> {
    const contents = (space: Space): Operation[] => [space.put(GROUP_KEY, encodeGroup(record))];
    return newGroup(record, await this.#options.store.createSpace(GROUP_LABEL, contents, note), 0);
  }

  /** Makes a note with one entry for each subject. */
  #note(
    ref: GroupRef,
    action: AuditAction,
    actor: string,
    subjects: readonly AuditEntry['subject'][],
  ): Note | undefined {
    return this.#noteAll(
      ref,
      actor,
      subjects.map((subject) => ({ action, subject })),
    );
  }

  /** Makes a note of several changes of a group; undefined where there are none. */
  #noteAll(
    { owner, groupId }: GroupRef,
    actor: string,
    changes: readonly Pick<AuditEntry, 'action' | 'subject'>[],
  ): Note | undefined {
    if (changes.length === 0) return undefined;
    return this.#options.audit?.note(
      changes.map(({ action, subject }) => ({ action, actor, subject: { owner, groupId, ...subject } })),
    );
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
