// A fleet of real processes on a real server, while all of them are killed, cut off and put back: at the end all galleries are equal.
import { setTimeout as delay } from 'node:timers/promises';
import { randomNumbers } from '../../test/store/values.js';
import { MemberGone, type MemberProcess } from '../fleet/member-process.js';
import { FleetStage } from '../fleet/stage.js';
import { FleetBreaker, type Fault } from './fleet-breaker.js';
import { FleetClients, type ClientTally } from './fleet-clients.js';
import { FleetWitness } from './fleet-witness.js';

const DOORS = 5;
const GROUPS = ['staff', 'guests', 'night-shift'];
/** Kills, 20 of them; a run has as many of each kind as this list has, in proportion. */
const KILLS: readonly Fault[] = [
  ...Array<Fault>(8).fill('kill-door'),
  ...Array<Fault>(5).fill('kill-authority'),
  ...Array<Fault>(3).fill('kill-server'),
  ...Array<Fault>(2).fill('wipe-server'),
  ...Array<Fault>(2).fill('put-back-server'),
];
/** Faults of lines beside 20 kills. */
const LINES: readonly Fault[] = [
  ...Array<Fault>(5).fill('cut-line'),
  ...Array<Fault>(3).fill('slow-line'),
  ...Array<Fault>(2).fill('repeat-line'),
];
/** One of each kind: the short form. */
export const SHORT: readonly Fault[] = [
  'kill-door',
  'cut-line',
  'kill-authority',
  'kill-server',
  'slow-line',
  'wipe-server',
  'put-back-server',
  'repeat-line',
];
const SAMPLE_MS = 150;
const LOOK_MS = 50;
/** Longest pause between two operations of a client: the log takes some versions one by one, and some changes together. */
const MAX_PAUSE_MS = 500;
/** Longest time until all galleries are equal once everything is mended: a line tries again after at most 15 s. */
const SETTLE_MS = 60_000;

export interface FleetFaultOptions {
  folder: string;
  operations: number;
  faults: readonly Fault[];
  seed: number;
  onFault?: ((done: number, problems: readonly string[]) => void) | undefined;
}

export interface FleetTally extends ClientTally {
  operations: number;
  kills: number;
  faults: Partial<Record<Fault, number>>;
  /** Looks at a copy of a door, and the different versions that they saw. */
  samples: number;
  compared: number;
  versions: number;
  faces: number;
  /** Time from the last repair until all galleries were equal. */
  settledMs: number;
  problems: string[];
}

/** Makes the list of faults for a number of kills, in random order. */
export function listFaults(kills: number, seed: number): Fault[] {
  const random = randomNumbers(seed + 1);
  const take = (from: readonly Fault[], count: number): Fault[] =>
    Array.from({ length: count }, (_, i) => from[Math.floor((i * from.length) / count)]!);
  const faults = [...take(KILLS, kills), ...take(LINES, Math.ceil(kills / 2))];
  return faults
    .map((fault) => ({ fault, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ fault }) => fault);
}

export async function runFleet({ folder, operations, faults, seed, onFault }: FleetFaultOptions): Promise<FleetTally> {
  const random = randomNumbers(seed);
  const breaker = new FleetBreaker(await FleetStage.start(folder), random);
  const clients = new FleetClients(GROUPS, random, breaker.findAuthority);
  const witness = new FleetWitness();
  const watching = new AbortController();
  let watches: Promise<unknown> = Promise.resolve();
  try {
    await clients.createGroups();
    await Promise.all(Array.from({ length: DOORS }, (_, i) => breaker.addDoor(`door-${i + 1}`)));
    await breaker.keepStore();
    watches = watch(breaker, witness, watching.signal);
    await breakWhile(breaker, clients, { operations, faults, random, onFault, witness });
    const settledMs = await settle(breaker);
    watching.abort();
    await watches;
    const problems = [...clients.problems, ...witness.problems, ...(await inspect(breaker, clients))];
    if (settledMs === undefined) problems.unshift(...(await describeDifference(breaker)));
    const { samples, compared, versions } = witness;
    const faces = clients.groups.reduce((sum, { there }) => sum + there.size, 0);
    return {
      ...{ operations: clients.done, ...clients.tally, kills: breaker.kills, faults: breaker.counts },
      ...{ samples, compared, versions, faces, settledMs: settledMs ?? SETTLE_MS, problems },
    };
  } finally {
    watching.abort();
    await watches.catch(() => undefined);
    await breaker.end();
  }
}

/** Spreads the faults over the operations, with a random distance between two of them. */
async function breakWhile(
  breaker: FleetBreaker,
  clients: FleetClients,
  {
    operations,
    faults,
    random,
    onFault,
    witness,
  }: Pick<FleetFaultOptions, 'operations' | 'faults' | 'onFault'> & { random: () => number; witness: FleetWitness },
): Promise<void> {
  const places = faults.map(() => Math.floor(random() * operations * 0.95)).sort((a, b) => a - b);
  let begun = 0;
  // A client waits while the faults are behind: otherwise all operations would be over before the second fault.
  const pause = async (): Promise<void> => {
    while (begun < places.length && (places[begun] ?? 0) < clients.done) await delay(LOOK_MS / 5);
    await delay(random() * MAX_PAUSE_MS);
  };
  const breakAll = async (): Promise<void> => {
    for (const [i, fault] of faults.entries()) {
      while (clients.done < (places[i] ?? 0)) await delay(LOOK_MS / 10);
      await breaker.break(fault);
      begun = i + 1;
      onFault?.(begun, [...clients.problems, ...witness.problems]);
    }
  };
  await Promise.all([clients.run(operations, pause), breakAll()]);
  await breaker.mend();
}

function watch(breaker: FleetBreaker, witness: FleetWitness, signal: AbortSignal): Promise<unknown> {
  const repeat = async (look: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      try {
        await look();
      } catch (error) {
        if (!(error instanceof MemberGone)) throw error;
      }
      await delay(SAMPLE_MS);
    }
  };
  const doors = breaker.doors.map((_, i) =>
    repeat(async () => {
      const door = breaker.doors[i]!;
      witness.see(door.name, await door.ask('sample'));
    }),
  );
  const authority = repeat(async () => {
    witness.seeAuthority((await (await breaker.findAuthority()).ask('status')).groups);
  });
  const all = Promise.all([...doors, authority]);
  all.catch(() => undefined);
  return all;
}

/** Roots and faceIds of each group, as text. */
async function describe(member: MemberProcess): Promise<string> {
  const [lists, { groups }] = [await member.ask('list'), await member.ask('status')];
  const facts = groups.map(({ groupId, version, root, records, state }) => ({
    groupId,
    version,
    root,
    records,
    state,
  }));
  return JSON.stringify([facts.toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1)), Object.entries(lists).sort()]);
}

/** Waits until every door has what the authority has. @returns the time that it took, ms; undefined where it was too long */
async function settle(breaker: FleetBreaker): Promise<number | undefined> {
  const beganMs = performance.now();
  const isEqual = async (): Promise<boolean> => {
    const expected = await describe(await breaker.findAuthority());
    if (!GROUPS.every((groupId) => expected.includes(`"${groupId}"`))) return false;
    const found = await Promise.all(breaker.doors.map(describe));
    return found.every((text) => text === expected);
  };
  while (!(await isEqual())) {
    if (performance.now() - beganMs > SETTLE_MS) return undefined;
    await delay(LOOK_MS);
  }
  return Math.round(performance.now() - beganMs);
}

async function describeDifference(breaker: FleetBreaker): Promise<string[]> {
  const members = [await breaker.findAuthority(), ...breaker.doors];
  const texts = members.map(async (member) => {
    const [lists, { groups }] = [await member.ask('list'), await member.ask('status')];
    const facts = groups.map(({ groupId, version, root, state, detail }) => {
      return `${groupId}: version ${version}, root ${root.slice(0, 8)}, ${lists[groupId]?.length} faces, ${state} ${detail ?? ''}`;
    });
    return `not equal after ${SETTLE_MS} ms: ${member.name}: ${facts.join('; ')}`;
  });
  return Promise.all(texts);
}

/** Looks for what was lost, for people who were deleted and are found, and for damage in the stores. */
async function inspect(breaker: FleetBreaker, clients: FleetClients): Promise<string[]> {
  const authority = await breaker.findAuthority();
  const problems: string[] = clients.compare(await authority.ask('list'));
  for (const member of [authority, ...breaker.doors]) {
    const say = (problem: string): void => void problems.push(`${member.name}: ${problem}`);
    for (const problem of await member.ask('verify')) say(problem);
    for (const { groupId, there, gone } of clients.groups) {
      for (const number of gone) {
        if ((await member.ask('find', { groupId, number })) !== undefined)
          say(`face ${number} of ${groupId} is found, and its deletion was acknowledged`);
      }
      for (const [number, faceId] of there) {
        if ((await member.ask('find', { groupId, number })) !== faceId)
          say(`face ${number} of ${groupId} is not found`);
      }
    }
  }
  return problems;
}
