// Clients of a fleet's authority that enrol and delete at random, and what was acknowledged to them.
import { MemberGone, type MemberProcess } from '../fleet/member-process.js';
import { MODEL } from '../fleet/stage.js';

/** Faces of one enrolment. */
const MAX_AT_ONCE = 3;
const DELETE_FACE = 0.33;
const DELETE_GROUP = 0.03;

/** Knowledge that clients have of one group. Each group has one client, so that nothing else changes it. */
interface LedgerGroup {
  groupId: string;
  /** FaceIds of the acknowledged faces, by their numbers. */
  there: Map<number, string>;
  /** Numbers whose deletion was acknowledged, or looked up. */
  gone: number[];
}

export interface ClientTally {
  enrolled: number;
  deletedFaces: number;
  deletedGroups: number;
  /** Operations whose answer was lost, and which were looked up after the restart. */
  unanswered: number;
}

export class FleetClients {
  readonly tally: ClientTally = { enrolled: 0, deletedFaces: 0, deletedGroups: 0, unanswered: 0 };
  readonly problems: string[] = [];
  readonly #groups: readonly LedgerGroup[];
  readonly #random: () => number;
  readonly #findAuthority: () => Promise<MemberProcess>;
  #lastNumber = 0;
  #done = 0;

  /** @param findAuthority waits until the authority runs */
  constructor(groupIds: readonly string[], random: () => number, findAuthority: () => Promise<MemberProcess>) {
    this.#groups = groupIds.map((groupId) => ({ groupId, there: new Map(), gone: [] }));
    this.#random = random;
    this.#findAuthority = findAuthority;
  }

  /** Operations that have ended. */
  get done(): number {
    return this.#done;
  }

  get groups(): readonly Readonly<LedgerGroup>[] {
    return this.#groups;
  }

  async createGroups(): Promise<void> {
    for (const { groupId } of this.#groups) {
      await (await this.#findAuthority()).ask('createGroup', { groupId, modelVersion: MODEL });
    }
  }

  /** Runs operations, one client for each group. @param pause is awaited before each operation */
  async run(operations: number, pause: () => Promise<unknown>): Promise<void> {
    let left = operations;
    const serve = async (group: LedgerGroup): Promise<void> => {
      while (left-- > 0) {
        await pause();
        await this.#operate(group);
        this.#done++;
      }
    };
    await Promise.all(this.#groups.map(serve));
  }

  /** Compares the faceIds that the authority lists with what was acknowledged. */
  compare(lists: Readonly<Record<string, readonly string[]>>): string[] {
    const problems: string[] = [];
    for (const { groupId, there } of this.#groups) {
      const listed = new Set(lists[groupId] ?? []);
      for (const [number, faceId] of there) {
        if (!listed.delete(faceId))
          problems.push(`face ${number} of ${groupId} is lost: its enrolment was acknowledged`);
      }
      if (listed.size > 0) problems.push(`${listed.size} faces of ${groupId} exist, and nobody enrolled them`);
    }
    return problems;
  }

  async #operate(group: LedgerGroup): Promise<void> {
    const dice = this.#random();
    const numbers = [...group.there.keys()];
    if (dice < DELETE_GROUP && numbers.length > 0) return this.#deleteGroup(group);
    const number = numbers[Math.floor(this.#random() * numbers.length)];
    if (dice < DELETE_GROUP + DELETE_FACE && number !== undefined) return this.#deleteFace(group, number);
    return this.#enrol(group);
  }

  async #enrol(group: LedgerGroup): Promise<void> {
    const { groupId, there } = group;
    const count = 1 + Math.floor(this.#random() * MAX_AT_ONCE);
    const numbers = Array.from({ length: count }, () => ++this.#lastNumber);
    const faceIds = await this.#ask(
      (authority) => authority.ask('enrol', { groupId, numbers }),
      async (authority) => {
        const found = await Promise.all(numbers.map((number) => authority.ask('find', { groupId, number })));
        const present = found.filter((faceId) => faceId !== undefined);
        if (present.length > 0 && present.length < count)
          this.problems.push(`${present.length} of the ${count} faces of one enrolment exist after a kill`);
        return present.length === count ? present : [];
      },
    );
    numbers.forEach((number, i) => {
      const faceId = faceIds[i];
      if (faceId !== undefined) there.set(number, faceId);
    });
    this.tally.enrolled += faceIds.length;
  }

  async #deleteFace({ groupId, there, gone }: LedgerGroup, number: number): Promise<void> {
    const faceId = there.get(number) ?? '';
    const isGone = await this.#ask(
      (authority) => authority.ask('deleteFace', { groupId, faceId }).then(() => true),
      async (authority) => !(await authority.ask('list'))[groupId]?.includes(faceId),
    );
    if (!isGone) return;
    there.delete(number);
    gone.push(number);
    this.tally.deletedFaces++;
  }

  /** Deletes a group, and makes it again. */
  async #deleteGroup({ groupId, there, gone }: LedgerGroup): Promise<void> {
    const isThere = async (authority: MemberProcess): Promise<boolean> => groupId in (await authority.ask('list'));
    const isGone = await this.#ask(
      (authority) => authority.ask('deleteGroup', { groupId }).then(() => true),
      async (authority) => !(await isThere(authority)),
    );
    if (!isGone) return;
    gone.push(...there.keys());
    there.clear();
    this.tally.deletedGroups++;
    let isMade = false;
    while (!isMade) {
      isMade = await this.#ask(
        (authority) => authority.ask('createGroup', { groupId, modelVersion: MODEL }).then(() => true),
        isThere,
      );
    }
  }

  /** Asks the authority; where the answer is lost, looks up what has happened, as often as it takes. */
  async #ask<T>(
    ask: (authority: MemberProcess) => Promise<T>,
    lookUp: (authority: MemberProcess) => Promise<T>,
  ): Promise<T> {
    let work = ask;
    for (;;) {
      const authority = await this.#findAuthority();
      try {
        return await work(authority);
      } catch (error) {
        if (!(error instanceof MemberGone)) throw error;
        if (work === ask) this.tally.unanswered++;
        work = lookUp;
      }
    }
  }
}
