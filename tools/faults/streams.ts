// Kills, stalls and restarts network cameras, and checks that each fault is declared and that each camera recovers in time.
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, type Random } from '../rendered-people/random.js';
import type { StreamServer } from './stream-servers.js';
import { listGrowth, measureUsage, type Usage } from './usage.js';
import { createWatchedCamera, type WatchedCamera } from './watched-camera.js';

/** Longest time from the return of a camera to the first picture that was taken after it. */
export const RECOVERY_LIMIT_MS = 10_000;
/** Longest time from a fault to its declaration. */
const DECLARATION_LIMIT_MS = 10_000;
/** Share of the cycles that come first, and whose use of memory and files is not counted. */
const WARM_UP = 0.2;

export interface StreamRun {
  cycles: number;
  seed: number;
  readTimeoutMs: number;
  freezeMs: number;
  /** Longest time for which a fault lasts after it was declared. */
  awayMs: number;
  onCycle?: (where: string, recoveryMs: number) => void;
}

export interface StreamTally {
  cycles: number;
  kills: number;
  stalls: number;
  /** Times that a scene stood still, which is no fault. */
  quiets: number;
  declaredMs: { worst: number };
  recoveredMs: { median: number; worst: number };
  early: Usage;
  late: Usage;
  problems: string[];
}

type Fault = 'killed' | 'stalled' | 'stalled, then killed';

const FAULTS: readonly Fault[] = ['killed', 'stalled', 'stalled, then killed'];
/** The scene stands still for this many times freezeMs. */
const QUIET_TIMES = 3;

/** Runs the cycles of all servers at the same time, each with a camera of its own. */
export async function runStreams(servers: readonly StreamServer[], run: StreamRun): Promise<StreamTally> {
  const tally: Counts = { kills: 0, stalls: 0, quiets: 0, declaredMs: [], recoveredMs: [], problems: [] };
  const cameras = servers.map((server) => watch(server, run));
  try {
    await Promise.all(servers.map((server) => server.start()));
    await Promise.all(cameras.map(({ camera }) => camera.start(new AbortController().signal)));
    const early = Math.max(1, Math.floor(run.cycles * WARM_UP));
    const phase = (from: number, to: number): Promise<unknown> =>
      Promise.all(servers.map((server, index) => cycles(server, cameras[index]!, run, tally, from, to)));
    await phase(0, early);
    const before = await measureUsage();
    await phase(early, run.cycles);
    const after = await measureUsage();
    tally.problems.push(...listGrowth(before, after));
    const recovered = tally.recoveredMs.sort((a, b) => a - b);
    return {
      cycles: recovered.length,
      kills: tally.kills,
      stalls: tally.stalls,
      quiets: tally.quiets,
      declaredMs: { worst: Math.round(Math.max(0, ...tally.declaredMs)) },
      recoveredMs: {
        median: Math.round(recovered[Math.floor(recovered.length / 2)] ?? 0),
        worst: Math.round(recovered.at(-1) ?? 0),
      },
      early: before,
      late: after,
      problems: tally.problems,
    };
  } finally {
    for (const server of servers) server.go();
    await Promise.all(cameras.map(({ camera }) => camera.stop()));
    await Promise.all(servers.map((server) => server.kill()));
  }
}

interface Counts {
  kills: number;
  stalls: number;
  quiets: number;
  declaredMs: number[];
  recoveredMs: number[];
  problems: string[];
}

interface Watched extends WatchedCamera {
  random: Random;
}

function watch(server: StreamServer, { seed, readTimeoutMs, freezeMs }: StreamRun): Watched {
  const random = seededRandom(seed, server.name.charCodeAt(0));
  return { ...createWatchedCamera(server.url, { readTimeoutMs, freezeMs }), random };
}

async function cycles(
  server: StreamServer,
  watched: Watched,
  { awayMs, freezeMs, onCycle }: StreamRun,
  tally: Counts,
  from: number,
  to: number,
): Promise<void> {
  const { camera, random } = watched;
  const isWell = (): boolean => camera.status === 'running' && camera.health().status === 'ok';
  for (let cycle = from; cycle < to; cycle++) {
    const fault = FAULTS[cycle % FAULTS.length];
    const where = `${server.name}, cycle ${cycle + 1}, ${fault}`;
    if ((await waitFor(isWell, RECOVERY_LIMIT_MS)) === undefined)
      tally.problems.push(`${where}: the camera was not well before the fault`);

    if (server.quieten !== undefined) {
      server.quieten(true);
      const { reopenings } = camera.stats();
      const troubledMs = await waitFor(() => !isWell(), QUIET_TIMES * freezeMs);
      if (troubledMs !== undefined || camera.stats().reopenings > reopenings)
        tally.problems.push(`${where}: a quiet scene became a fault: ${JSON.stringify(camera.health())}`);
      server.quieten(false);
      tally.quiets++;
    }
    if (fault === 'killed') await server.kill();
    else server.stall();
    const declaredMs = await waitFor(() => camera.health().status === 'failed', DECLARATION_LIMIT_MS);
    if (declaredMs === undefined)
      tally.problems.push(`${where}: the fault was not declared: ${JSON.stringify(camera.health())}`);
    else tally.declaredMs.push(declaredMs);
    await sleep(random() * awayMs);

    if (fault === 'stalled, then killed') await server.kill();
    if (fault === 'killed' || fault === 'stalled, then killed') await server.start();
    else server.go();
    const backMs = Date.now();
    const recoveredMs = await waitFor(() => isWell() && watched.newestMs() > backMs, 6 * RECOVERY_LIMIT_MS);
    if (recoveredMs === undefined)
      tally.problems.push(`${where}: the camera did not recover: ${JSON.stringify(camera.health())}`);
    else if (recoveredMs > RECOVERY_LIMIT_MS)
      tally.problems.push(`${where}: the camera recovered too late, after ${recoveredMs} ms`);
    tally.recoveredMs.push(recoveredMs ?? Infinity);
    if (fault !== 'stalled') tally.kills++;
    if (fault !== 'killed') tally.stalls++;
    onCycle?.(where, recoveredMs ?? Infinity);
  }
}

/** Waits for a condition. @returns the time that it took; undefined when the limit passed before */
async function waitFor(condition: () => boolean, limitMs: number): Promise<number | undefined> {
  const beganMs = performance.now();
  while (!condition()) {
    if (performance.now() - beganMs > limitMs) return undefined;
    await sleep(10);
  }
  return Math.round(performance.now() - beganMs);
}
