// The bench of the fleet: how long an enrolment and a deletion take to 50 doors, a new door with all faces, and what replicas add.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { MemberProcess } from '../tools/fleet/member-process.js';
import { Proxy } from '../tools/fleet/proxy.js';
import { FleetStage, MODEL } from '../tools/fleet/stage.js';
import { FleetCrowd } from './support/fleet-crowd.js';
import { result, type Result } from './support/report.js';

const GROUP = 'staff';
const FACES = 100_000;
const DOORS = 50;
/** Doors of the smaller fleet that the cost of one more door is told from. */
const FEW_DOORS = 10;
const FACES_PER_WRITE = 2_000;
const SEARCH_MS = 4_000;
/** Bounds in seconds are promises of docs/fleet.md, measured from start to end. They compare nothing, so there is nothing to take turns with. */
const MOST_JOIN_SECONDS = 30;
const MOST_DELETION_SECONDS = 10;
/** The simulated fleet. */
const MANY_DOORS = 1_000;
const MANY_FACES = 1_000_000;

interface Plan {
  realDoors: number;
  changes: number;
}

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const plan: Plan = short ? { realDoors: 2, changes: 40 } : { realDoors: 5, changes: 300 };
  const stage = await FleetStage.start(folder);
  const doors: MemberProcess[] = [];
  let crowd: FleetCrowd | undefined;
  try {
    await fill(stage);
    const joined = await joinDoors(stage, doors, plan.realDoors);
    crowd = await FleetCrowd.join(stage);
    await crowd.grow(FEW_DOORS - doors.length);
    const few = await measureChanges(stage, doors, crowd, Math.ceil(plan.changes / 2));
    await crowd.grow(DOORS - doors.length);
    const all = await measureChanges(stage, doors, crowd, plan.changes);
    const memory = await doors[0]!.ask('memory');
    return [
      ...joined.results,
      ...describeTimes('fleet.enrol', all.enrolments),
      ...describeTimes('fleet.delete', all.deletions, MOST_DELETION_SECONDS),
      result('fleet.change.bytes.per.door', all.bytesPerChange, 'bytes'),
      result('fleet.door.memory.mb', memory.rssBytes / 1e6, 'MB'),
      ...(await measureReplicas(doors)),
      ...simulate(few.deletions, all.deletions, joined),
    ];
  } finally {
    await crowd?.end();
    for (const door of doors) await door.stop();
    await joinedProxy?.end();
    await stage.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

let joinedProxy: Proxy | undefined;

async function fill({ authority }: FleetStage): Promise<void> {
  await authority.ask('createGroup', { groupId: GROUP, modelVersion: MODEL });
  for (let first = 0; first < FACES; first += FACES_PER_WRITE) {
    const numbers = Array.from({ length: FACES_PER_WRITE }, (_, index) => first + index);
    await authority.ask('enrol', { groupId: GROUP, numbers });
  }
  while (!(await authority.ask('status')).groups.some(({ state }) => state === 'current')) await delay(200);
}

interface Joined {
  results: Result[];
  seconds: number;
  bytesPerFace: number;
}

/** Lets real doors join. The first one is timed, and its bytes are counted. */
async function joinDoors(stage: FleetStage, doors: MemberProcess[], count: number): Promise<Joined> {
  joinedProxy = await Proxy.start(stage.port);
  let seconds = 0;
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const door = await stage.startDoor(`door-${i}`, i === 0 ? { port: joinedProxy.port } : {});
    doors.push(door);
    await stage.join(door);
    const beganMs = performance.now();
    const isReady = async (): Promise<boolean> =>
      (await door.ask('status')).groups.some(({ state, records }) => state === 'current' && records === FACES);
    while (!(await isReady())) await delay(50);
    if (i > 0) continue;
    seconds = (performance.now() - beganMs) / 1_000;
    bytes = joinedProxy.bytes.in + joinedProxy.bytes.out;
  }
  const bytesPerFace = bytes / FACES;
  return {
    seconds,
    bytesPerFace,
    results: [
      result('fleet.join.100k.s', seconds, 's', ['<', MOST_JOIN_SECONDS]),
      result('fleet.join.bytes.per.face', bytesPerFace, 'bytes'),
    ],
  };
}

interface Changes {
  /** Seconds from the call at the authority until a door has it, one for each change and door. */
  enrolments: number[];
  deletions: number[];
  bytesPerChange: number;
}

async function measureChanges(
  stage: FleetStage,
  doors: readonly MemberProcess[],
  crowd: FleetCrowd,
  count: number,
): Promise<Changes> {
  const { authority } = stage;
  const enrolments: number[] = [];
  const deletions: number[] = [];
  const bytesBefore = joinedProxy!.bytes.in + joinedProxy!.bytes.out;
  const measure = async (times: number[], change: () => Promise<unknown>): Promise<void> => {
    const { version } = (await authority.ask('status')).groups[0]!;
    const waiting = doors.map((door) => door.ask('waitFor', { groupId: GROUP, version: version + 1 }));
    const beganMs = Date.now();
    await change();
    const ends = [...(await crowd.waitFor(version + 1)), ...(await Promise.all(waiting))];
    times.push(...ends.map((endMs) => (endMs - beganMs) / 1_000));
  };
  for (let i = 0; i < count; i++) {
    let faceId = '';
    await measure(enrolments, async () => {
      [faceId = ''] = await authority.ask('enrol', { groupId: GROUP, numbers: [FACES + i] });
    });
    await measure(deletions, () => authority.ask('deleteFace', { groupId: GROUP, faceId }));
  }
  const bytes = joinedProxy!.bytes.in + joinedProxy!.bytes.out - bytesBefore;
  return { enrolments, deletions, bytesPerChange: bytes / (2 * count) };
}

/** @param limit bound of the 99th percentile, s */
function describeTimes(id: string, seconds: readonly number[], limit?: number): Result[] {
  return [
    result(`${id}.p50.s`, findPercentile(seconds, 0.5), 's'),
    result(`${id}.p99.s`, findPercentile(seconds, 0.99), 's', limit === undefined ? undefined : ['<', limit]),
  ];
}

function findPercentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

/** Searches at 1, 2 and 4 replicas at the same time. The scaling is told for as many as there are cores. */
async function measureReplicas(doors: readonly MemberProcess[]): Promise<Result[]> {
  const rates = new Map<number, number>();
  for (const count of [1, 2, 4].filter((one) => one <= doors.length)) {
    const searches = doors.slice(0, count).map((door) => door.ask('searchFor', { groupId: GROUP, forMs: SEARCH_MS }));
    const sum = (await Promise.all(searches)).reduce((total, one) => total + one, 0);
    rates.set(count, sum);
  }
  const most = Math.max(...[...rates.keys()].filter((count) => count <= availableParallelism()));
  return [
    ...[...rates].map(([count, rate]) => result(`fleet.replicas.${count}.per.s`, rate, 'searches/s')),
    result('fleet.replicas.scaling', rates.get(most)! / rates.get(1)! / most, `of ${most} times`),
  ];
}

/**
 * Tells what a larger fleet would take, from the measured figures. One more door costs what the doors between the two fleets cost, here with
 * all doors on the processors of the server: doors with processors of their own cost less. A first copy takes time in proportion to its faces.
 */
function simulate(few: readonly number[], all: readonly number[], { seconds, bytesPerFace }: Joined): Result[] {
  const p99 = findPercentile(all, 0.99);
  const perDoor = Math.max(0, (p99 - findPercentile(few, 0.99)) / (DOORS - FEW_DOORS));
  return [
    result('fleet.simulated.1000.doors.delete.p99.s', p99 + perDoor * (MANY_DOORS - DOORS), 's', [
      '<',
      MOST_DELETION_SECONDS,
    ]),
    result('fleet.simulated.1m.faces.join.s', (seconds * MANY_FACES) / FACES, 's'),
    result('fleet.simulated.1m.faces.join.mb', (bytesPerFace * MANY_FACES) / 1e6, 'MB'),
  ];
}
