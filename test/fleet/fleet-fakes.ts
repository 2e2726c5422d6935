// A fleet in memory for the tests of the engine: a log and a state whose writes may be cut off, an authority's faces, and a door's copy.
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { AppError } from '../../src/errors.js';
import type { Appended, FleetLog, StreamMessage, SubjectValue } from '../../src/fleet/fleet-log.js';
import {
  GroupCopy,
  type CopiedRecord,
  type CopyRefusal,
  type CopyStore,
  type GroupCopyOptions,
  type StagedVersion,
} from '../../src/fleet/group-copy.js';
import { GroupPublisher, type FaceChange, type GroupPublisherOptions } from '../../src/fleet/group-publisher.js';
import type { AppliedHead, Head } from '../../src/fleet/head.js';
import type { PublishedFacts, PublishedRecord, PublishedState } from '../../src/fleet/published-state.js';
import { nameRecord } from '../../src/fleet/subjects.js';
import { makeRecordId } from '../../src/fleet/face-payload.js';
import type { SourceFace } from '../../src/gallery/group-copies.js';

export const HOUR = 3_600_000;

/** Timers that wait for nothing. */
export const noPause = { setTimeout: (callback: () => void) => setImmediate(callback), clearTimeout: () => undefined };

/** A log in memory, whose values a test may change behind everybody's back. */
export class MemoryLog implements FleetLog {
  readonly state = { isConnected: true };
  values = new Map<string, Buffer>();
  /** Called before each read and after each write. */
  onGet: (subject: string) => void = () => undefined;
  onWrite: (subject: string) => void = () => undefined;
  /** Number of writes after which the log cannot be reached. */
  writesLeft = Infinity;
  writes = 0;

  async put(subject: string, value: Uint8Array): Promise<void> {
    this.#write();
    this.values.set(subject, Buffer.from(value));
    this.onWrite(subject);
  }
  async get(subject: string): Promise<Buffer | undefined> {
    this.onGet(subject);
    return this.values.get(subject);
  }
  async *getMany(subjects: Iterable<string>): AsyncGenerator<{ subject: string; value: Buffer | undefined }> {
    for (const subject of [...subjects]) yield { subject, value: await this.get(subject) };
  }
  async remove(subject: string): Promise<void> {
    this.#write();
    this.values.delete(subject);
    this.onWrite(subject);
  }
  async removeAll(prefix: string): Promise<void> {
    this.#write();
    for (const subject of this.values.keys()) if (subject.startsWith(`${prefix}.`)) this.values.delete(subject);
  }
  #write(): void {
    if (this.writesLeft-- <= 0) throw new AppError('FLEET_UNREACHABLE', 'the log is away');
    this.writes++;
  }
  async *list(prefix: string): AsyncGenerator<string> {
    for (const subject of [...this.values.keys()]) if (subject.startsWith(`${prefix}.`)) yield subject;
  }
  async *readAll(prefix: string): AsyncGenerator<SubjectValue> {
    for await (const subject of this.list(prefix)) {
      const value = this.values.get(subject);
      if (value) yield { subject, value };
    }
  }
  async watch(): Promise<() => Promise<void>> {
    return async () => undefined;
  }
  async append(): Promise<Appended> {
    return { outcome: 'added', position: 1 };
  }
  async *read(): AsyncGenerator<StreamMessage> {}
  async close(): Promise<void> {}
}

/** The disk of the authority in memory. */
export class MemoryState implements PublishedState {
  facts: PublishedFacts;
  records = new Map<string, PublishedRecord>();
  writesLeft = Infinity;
  writes = 0;

  constructor(facts: PublishedFacts) {
    this.facts = facts;
  }

  async *entries(bucket?: number): AsyncGenerator<readonly [string, PublishedRecord]> {
    const start = bucket === undefined ? '' : bucket.toString(16).padStart(2, '0');
    for (const id of [...this.records.keys()].sort()) if (id.startsWith(start)) yield [id, this.records.get(id)!];
  }
  async find(id: string): Promise<PublishedRecord | undefined> {
    return this.records.get(id);
  }
  async write({ facts, puts = new Map(), deletes = [] }: Parameters<PublishedState['write']>[0]): Promise<void> {
    if (this.writesLeft-- <= 0) throw new AppError('STORE_UNAVAILABLE', 'the disk refuses');
    this.writes++;
    this.facts = { ...this.facts, ...facts };
    for (const [id, record] of puts) this.records.set(id, record);
    for (const id of deletes) this.records.delete(id);
  }
  async destroyKeys(version: number, root: string): Promise<void> {
    await this.write({
      facts: { version, root, epochKeys: new Map(), isDeleted: true },
      deletes: [...this.records.keys()],
    });
  }
  /** Returns the state as a copy of the disk has it. */
  copy(): MemoryState {
    const copy = new MemoryState(this.facts);
    copy.records = new Map(this.records);
    return copy;
  }
}

/** The disk of a door in memory. */
export class MemoryCopyStore implements CopyStore {
  /** Content by record id. */
  records = new Map<string, string>();
  digests = new Map<string, Buffer>();
  heads: Head[] = [];
  isBroken = false;
  /** Records that were added in pieces, and not committed. */
  staged = 0;

  async apply({ head, puts, deletes }: { head: Head; puts: readonly CopiedRecord[]; deletes: readonly string[] }) {
    if (this.isBroken) throw new AppError('STORE_UNAVAILABLE', 'the disk refuses');
    for (const id of deletes) for (const table of [this.records, this.digests]) table.delete(id);
    for (const { id, digest, plain } of puts) {
      this.records.set(id, plain.toString('utf8', 8));
      this.digests.set(id, digest);
    }
    this.heads.push(head);
  }
  async confirm(head: Head): Promise<void> {
    this.heads.push(head);
  }
  async begin(): Promise<StagedVersion> {
    const puts = new Map<string, CopiedRecord>();
    return {
      add: async (records) => {
        for (const record of records) puts.set(record.id, record);
        this.staged = puts.size;
      },
      commit: async ({ head, deletes }) => {
        const gone = new Set(deletes);
        await this.apply({ head, puts: [...puts.values()].filter(({ id }) => !gone.has(id)), deletes });
        this.staged = 0;
      },
      abandon: async () => void (this.staged = 0),
    };
  }
}

export function newId(): string {
  return randomBytes(16).toString('hex');
}

/** The faces of the authority's gallery, by faceId. */
export class Faces {
  readonly all = new Map<string, Pick<SourceFace, 'sequence' | 'record'>>();
  #sequence = 0;

  /** Enrols somebody, or changes a face. @returns the change as the publisher takes it */
  put(text: string, faceId: string = randomUUID()): FaceChange {
    const sequence = this.all.get(faceId)?.sequence ?? ++this.#sequence;
    const face = { sequence, record: Buffer.from(text) };
    this.all.set(faceId, face);
    return { faceId, face };
  }
  delete(faceId: string): FaceChange {
    this.all.delete(faceId);
    return { faceId };
  }
  async *list(): AsyncGenerator<SourceFace> {
    for (const [faceId, face] of [...this.all]) yield { faceId, ...face };
  }
  /** Returns the contents, sorted. */
  texts(): string[] {
    return [...this.all.values()].map(({ record }) => record.toString()).sort();
  }
}

/** An authority, a log and a door. */
export async function startFleet() {
  const keys = generateKeyPairSync('ed25519');
  const [fleet, group] = [newId(), newId()];
  const log = new MemoryLog();
  const faces = new Faces();
  const time = { nowMs: Date.parse('2026-11-28T12:00:00Z') };
  const clock = (): number => time.nowMs;
  const state = new MemoryState({
    group,
    modelVersion: 'v1',
    secret: randomBytes(32),
    version: 0,
    root: '',
    epoch: 1,
    leastNextEpoch: 2,
    epochKeys: new Map([[1, randomBytes(32)]]),
    isDeleted: false,
  });
  const openPublisher = (changed: Partial<GroupPublisherOptions> = {}): Promise<GroupPublisher> => {
    const listFaces = (): AsyncIterable<SourceFace> => faces.list();
    const options = { log, authority: keys.privateKey, fleet, state, listFaces, headLifeMs: HOUR, clock, randomBytes };
    return GroupPublisher.open({ ...options, ...changed });
  };
  const openDoor = (
    changed: Partial<GroupCopyOptions> = {},
    store = new MemoryCopyStore(),
    applied?: AppliedHead,
  ): { store: MemoryCopyStore; copy: GroupCopy; refusals: CopyRefusal[] } => {
    const refusals: CopyRefusal[] = [];
    const findEpochKey = (epoch: number): Buffer | undefined => state.facts.epochKeys.get(epoch);
    const options = { log, store, authority: keys.publicKey, fleet, group, findEpochKey, clock, timers: noPause };
    const onRefusal = (refusal: CopyRefusal): void => void refusals.push(refusal);
    const copy = new GroupCopy({ ...options, onRefusal, ...changed }, { applied, digests: store.digests });
    return { store, copy, refusals };
  };
  const door = openDoor();
  const find = (faceId: string): string => makeRecordId(state.facts.secret, faceId);
  const subject = (faceId: string): string => nameRecord(group, find(faceId));
  const publisher = await openPublisher();
  return {
    keys,
    fleet,
    group,
    log,
    faces,
    time,
    clock,
    state,
    openPublisher,
    publisher,
    openDoor,
    ...door,
    find,
    subject,
  };
}

export type TestFleet = Awaited<ReturnType<typeof startFleet>>;
