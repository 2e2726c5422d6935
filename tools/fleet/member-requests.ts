// What a parent can ask of a member of a fleet in a process of its own.
import type { GroupRef } from '../../src/gallery/gallery.types.js';
import { anything, newFace } from '../../test/gallery/faces.js';
import { randomNumbers } from '../../test/store/values.js';
import type { FleetServerFiles } from '../../src/fleet/fleet.types.js';
import { setTimeout as delay } from 'node:timers/promises';
import { sampleCopies, type CopySample } from './copy-sample.js';
import type { Member } from './member.js';

export interface MemberRequest {
  id: number;
  operation: string;
  parameters: Record<string, unknown>;
}

/** The id 0 says that the member has started. */
export interface MemberAnswer {
  id: number;
  value?: unknown;
  error?: string;
  code?: string;
}

/** Makes the face of a number: every process makes the same one. */
export function makeNumberedFace(number: number): ReturnType<typeof newFace> {
  return newFace(randomNumbers(number * 2 + 1), { externalImageId: `person-${number}` });
}

/** Operations, each with its parameters. */
export interface MemberOperations {
  createGroup(parameters: { groupId: string; modelVersion: string }): Promise<void>;
  deleteGroup(parameters: { groupId: string }): Promise<void>;
  /** Enrols the faces of numbers in one write. @returns their faceIds */
  enrol(parameters: { groupId: string; numbers: number[] }): Promise<string[]>;
  deleteFace(parameters: { groupId: string; faceId: string }): Promise<void>;
  /** Returns the ids of the groups, and of the faces in each, sorted. */
  list(): Promise<Record<string, string[]>>;
  /** Searches the face of a number. @returns faceId of the best match of at least 99.9; undefined where there is none, or no group */
  find(parameters: { groupId: string; number: number }): Promise<string | undefined>;
  /** Reads the copies from the store, and compares them with their heads and with the memory. */
  sample(): Promise<CopySample[]>;
  status(): Promise<ReturnType<Member['fleet']['admin']['status']>>;
  proof(parameters: { groupId?: string }): Promise<unknown>;
  invite(): Promise<string>;
  join(parameters: { token: string }): Promise<unknown>;
  approve(parameters: { door: string; groups?: string[] }): Promise<unknown>;
  remove(parameters: { door: string }): Promise<unknown>;
  leave(): Promise<void>;
  serverFiles(parameters: { hosts: string[] }): Promise<FleetServerFiles>;
  /** Waits until the newest version of a group that is applied, or published, is at least this one. @returns time at which that was seen, epoch, ms */
  waitFor(parameters: { groupId: string; version: number }): Promise<number>;
  /** Searches for a time, one search after the other. @returns searches per second */
  searchFor(parameters: { groupId: string; forMs: number }): Promise<number>;
  isStale(parameters: { groupId: string }): Promise<boolean>;
  /** Returns what does not add up in the store, and in the audit log. */
  verify(): Promise<string[]>;
  memory(): Promise<{ rssBytes: number; cpuMs: number }>;
  stop(): Promise<void>;
}

const BY = { actor: 'cli' };
const LOOK_MS = 5;
/** Searches between two turns of the loop: the member goes on with its fleet meanwhile. */
const SEARCHES_AT_ONCE = 20;

export function serveMember(member: Member, operation: string, parameters: unknown): Promise<unknown> {
  const operations = createOperations(member);
  if (!(operation in operations)) throw new TypeError(`there is no operation ${operation}`);
  return (operations as unknown as Record<string, (parameters: unknown) => Promise<unknown>>)[operation]!(parameters);
}

function createOperations(member: Member): MemberOperations {
  const { gallery, fleet, audit, store } = member;
  const { admin } = fleet;
  return {
    createGroup: async ({ groupId, modelVersion }) =>
      void (await gallery.createGroup(member.makeRef(groupId), modelVersion)),
    deleteGroup: async ({ groupId }) => void (await gallery.deleteGroup(member.makeRef(groupId))),
    enrol: async ({ groupId, numbers }) => {
      const { enrolled } = await gallery.enrol(member.makeRef(groupId), numbers.map(makeNumberedFace));
      return enrolled.map(({ faceId }) => faceId);
    },
    deleteFace: async ({ groupId, faceId }) => void (await gallery.deleteFace(member.makeRef(groupId), faceId)),
    list: async () => {
      const { owner } = member.makeRef('');
      const { items } = await gallery.listGroups(owner, { limit: 1_000 });
      const lists: Record<string, string[]> = {};
      for (const { groupId } of items) {
        const ids = await listFaceIds(member, { owner, groupId }).catch(ignoreMissingGroup);
        if (ids) lists[groupId] = ids;
      }
      return lists;
    },
    find: async ({ groupId, number }) => {
      const { embedding } = makeNumberedFace(number);
      const options = { ...anything, limit: 1, threshold: 99.9 };
      try {
        return gallery.searchByEmbedding(member.makeRef(groupId), { embedding }, options)[0]?.face.faceId;
      } catch (error) {
        return ignoreMissingGroup(error);
      }
    },
    sample: () => sampleCopies(member),
    status: async () => admin.status(),
    proof: (parameters) => admin.proof(parameters),
    invite: async () => (await admin.invite(BY)).token,
    join: ({ token }) => admin.join(token, BY),
    approve: ({ door, groups }) => admin.approve(door, { ...BY, groups }),
    remove: ({ door }) => admin.remove(door, BY),
    leave: () => admin.leave(BY),
    serverFiles: ({ hosts }) => admin.makeServerFiles({ ...BY, hosts }),
    waitFor: async ({ groupId, version }) => {
      const isThere = (): boolean =>
        admin.status().groups.some((group) => group.groupId === groupId && group.version >= version);
      while (!isThere()) await delay(LOOK_MS);
      return Date.now();
    },
    searchFor: async ({ groupId, forMs }) => {
      const ref = member.makeRef(groupId);
      const options = { ...anything, limit: 10, threshold: 0 };
      const beganMs = performance.now();
      let count = 0;
      while (performance.now() - beganMs < forMs) {
        gallery.searchByEmbedding(ref, { embedding: makeNumberedFace(count).embedding }, options);
        if (++count % SEARCHES_AT_ONCE === 0) await delay(0);
      }
      return (count * 1_000) / (performance.now() - beganMs);
    },
    isStale: async ({ groupId }) => fleet.isStale(member.makeRef(groupId)),
    verify: async () => [
      ...(await store.findAltered()).map(({ label, problem }) => `${label}: ${problem}`),
      ...(await audit.verify()).problems,
    ],
    memory: async () => {
      const { user, system } = process.cpuUsage();
      return { rssBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1_000 };
    },
    stop: () => member.stop(),
  };
}

/** A group can be deleted at any time. */
function ignoreMissingGroup(error: unknown): undefined {
  if ((error as { code?: string }).code !== 'GROUP_NOT_FOUND') throw error;
}

async function listFaceIds({ gallery }: Member, ref: GroupRef): Promise<string[]> {
  const ids: string[] = [];
  let token: string | undefined;
  do {
    const page = await gallery.listFaces(ref, { limit: 200, token });
    ids.push(...page.items.map(({ faceId }) => faceId));
    token = page.nextToken;
  } while (token !== undefined);
  return ids.sort();
}
