// Runs rounds of kills: starts a process, compares its gallery with the answers that clients got, lets clients change it, kills the process.
import { randomNumbers } from '../../test/store/values.js';
import { Ledger, type FoundGroup } from './ledger.js';

/** The process was killed before it answered. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/** A process that serves a gallery, as its clients see it. Requests reject with Unanswered after it was killed. */
export interface Victim {
  createGroup(groupId: string): Promise<void>;
  deleteGroup(groupId: string): Promise<void>;
  /** Registers the faces of a picture. @returns their ids */
  register(groupId: string, picture: string): Promise<string[]>;
  deleteFace(groupId: string, faceId: string): Promise<void>;
  groupIds(): Promise<string[]>;
  inspect(groupId: string): Promise<FoundGroup>;
  /** Adds up all records. @returns what does not add up, or does not open */
  listProblems(): Promise<string[]>;
  /** Kills the process with SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
}

export interface Target {
  facesPerPicture: number;
  /** Range of the number of answers after which the process is killed. */
  answers: { min: number; max: number };
  /** Greatest delay between the last of these answers and the kill. */
  delayMs: number;
  /** Starts a new process on the same data. */
  start(): Promise<Victim>;
}

export interface KillOptions {
  rounds: number;
  seed: number;
  onRound?: (round: number, tally: KillTally) => void;
}

export interface KillTally {
  kills: number;
  registered: number;
  deletedFaces: number;
  deletedGroups: number;
  /** Requests that a kill left without an answer. */
  unanswered: number;
  problems: string[];
}

const CLIENTS = 6;
const MAIN_GROUP = 'staff';
/** With more faces than this, clients delete more often than they register, so that rounds do not take longer and longer. */
const MANY_FACES = 300;

/** Runs the rounds. The tally has no problems if every acknowledged change was kept. */
export async function runKills(target: Target, { rounds, seed, onRound }: KillOptions): Promise<KillTally> {
  const random = randomNumbers(seed);
  const ledger = new Ledger(target.facesPerPicture);
  const problems: string[] = [];
  const tally = (kills: number): KillTally => {
    const { registered, deletedFaces, deletedGroups, unanswered } = ledger;
    return { kills, registered, deletedFaces, deletedGroups, unanswered, problems };
  };
  for (let round = 1; round <= rounds; round++) {
    const victim = await target.start();
    problems.push(...(await settle(victim, ledger)).map((problem) => `round ${round}: ${problem}`));
    const { min, max } = target.answers;
    const answers = min + Math.floor(random() * (max - min + 1));
    const failures = await loadAndKill(victim, ledger, {
      round,
      random,
      answers,
      delayMs: random() * target.delayMs,
    });
    problems.push(...failures.map((failure) => `round ${round}: ${failure}`));
    onRound?.(round, tally(round));
  }
  const victim = await target.start();
  problems.push(...(await settle(victim, ledger)).map((problem) => `at the end: ${problem}`));
  await victim.kill();
  return tally(rounds);
}

async function settle(victim: Victim, ledger: Ledger): Promise<string[]> {
  const found = new Map<string, FoundGroup>();
  for (const groupId of await victim.groupIds()) found.set(groupId, await victim.inspect(groupId));
  return [...ledger.settle(found), ...(await victim.listProblems())];
}

interface Load {
  round: number;
  random: () => number;
  answers: number;
  delayMs: number;
}

/** Runs the clients and kills the process. @returns the errors of requests that failed for another reason than the kill */
async function loadAndKill(victim: Victim, ledger: Ledger, load: Load): Promise<string[]> {
  const failures: string[] = [];
  if (!ledger.listGroups().includes(MAIN_GROUP)) {
    ledger.creating(MAIN_GROUP);
    await victim.createGroup(MAIN_GROUP);
    ledger.created(MAIN_GROUP);
  }
  let left = load.answers;
  let killed: Promise<void> | undefined;
  const onAnswer = (): void => {
    if (--left === 0) killed = new Promise((resolve) => setTimeout(() => resolve(victim.kill()), load.delayMs));
  };
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const random = randomNumbers(Math.floor(load.random() * 2 ** 32));
    for (let n = 0; ; n++) {
      try {
        await oneRequest(victim, ledger, { name: `${load.round}-${client}-${n}`, random });
        onAnswer();
      } catch (error) {
        if (error instanceof Unanswered) {
          if (left > 0) failures.push('the process ended before it was killed');
          return;
        }
        failures.push(error instanceof Error ? error.message : String(error));
        onAnswer();
      }
    }
  });
  await Promise.all(clients);
  await killed;
  return failures;
}

async function oneRequest(
  victim: Victim,
  ledger: Ledger,
  { name, random }: { name: string; random: () => number },
): Promise<void> {
  const register = async (groupId: string): Promise<void> => {
    const picture = `p-${name}`;
    ledger.registering(picture, groupId);
    ledger.registeredFaces(picture, await victim.register(groupId, picture));
  };
  const choice = random();
  if (choice < 0.08) {
    const groupId = `g-${name}`;
    ledger.creating(groupId);
    await victim.createGroup(groupId);
    ledger.created(groupId);
    return register(groupId);
  }
  if (choice < 0.16) {
    // A group without faces may be waiting for its first picture.
    const groupId = ledger.listGroups().find((id) => id !== MAIN_GROUP && ledger.faceCount(id) > 0);
    if (groupId !== undefined) {
      ledger.deletingGroup(groupId);
      await victim.deleteGroup(groupId);
      return ledger.deletedGroup(groupId);
    }
  }
  if (choice < (ledger.faceCount(MAIN_GROUP) > MANY_FACES ? 0.9 : 0.45)) {
    const taken = ledger.takeFace(MAIN_GROUP, random);
    if (taken) {
      await victim.deleteFace(MAIN_GROUP, taken.faceId);
      return ledger.deletedFace(taken.picture, taken.faceId);
    }
  }
  return register(MAIN_GROUP);
}
