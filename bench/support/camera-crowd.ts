// A crowd of cameras and clients before a pool in virtual time: what each camera waits, and how many frames it gets.
import type { WorkerPool } from '../../src/vision/worker-pool.js';
import { seededRandom } from '../../tools/rendered-people/random.js';
import { VirtualTime } from './virtual-time.js';
import { startVirtualPool } from './virtual-pool.js';

const FRAME = { after: 0, mask: false, liveness: false, minFacePx: 60 };
const PICTURE = { embed: 0, mask: false, liveness: false };

export interface CrowdCamera {
  id: string;
  /** Mean time for which a frame has a worker, in milliseconds. */
  tookMs: number;
  /** Most by which a frame takes less or more time, as a share of the mean. Default: all frames take the same time. */
  spread?: number;
  /** Time between two frames; 0: as many as there can be. */
  everyMs: number;
}

export interface CrowdOptions {
  workers: number;
  cameras: readonly CrowdCamera[];
  /** Cameras that the pool counts with for the workers that serve cameras alone. Default: all. */
  expected?: number;
  /** Uploads that are under way at any time, and the time of each. */
  uploads?: { inFlight: number; tookMs: number };
  lastsMs: number;
}

export interface CameraOutcome {
  frames: number;
  /** Times from the wish for a frame to its result, without the time of the worker; in milliseconds, ascending. */
  waitsMs: number[];
}

/** Simulates a crowd. @returns one outcome for each camera, and the number of uploads that were served */
export async function simulateCrowd(options: CrowdOptions): Promise<{ cameras: CameraOutcome[]; uploads: number }> {
  const { workers, cameras, expected = cameras.length, uploads, lastsMs } = options;
  const time = new VirtualTime();
  const pool = await startVirtualPool(time, { workers, cameras: expected });
  let served = 0;
  const upload = async (): Promise<void> => {
    while (time.clock() < lastsMs) {
      await pool.analyseImage(new Uint8Array(uploads?.tookMs ?? 0), PICTURE);
      served++;
    }
  };
  const clients = Array.from({ length: uploads?.inFlight ?? 0 }, upload);
  const watched = Promise.all(
    cameras.map((camera, i) => watch({ pool, time, lastsMs }, camera, (camera.everyMs * i) / cameras.length)),
  );
  await time.run();
  await Promise.all(clients);
  const outcomes = await watched;
  await pool.stop();
  return { cameras: outcomes, uploads: served };
}

async function watch(
  { pool, time, lastsMs }: { pool: WorkerPool; time: VirtualTime; lastsMs: number },
  { id, tookMs, spread = 0, everyMs }: CrowdCamera,
  firstMs: number,
): Promise<CameraOutcome> {
  const vision = pool.forCamera(id);
  const random = seededRandom(Math.round(firstMs * 1_000));
  const waitsMs: number[] = [];
  let nextMs = firstMs;
  while (time.clock() < lastsMs) {
    if (nextMs > time.clock()) await time.sleep(nextMs - time.clock());
    const askedMs = time.clock();
    const takesMs = tookMs * (1 + spread * (2 * random() - 1));
    await vision.analyseFrame(takesMs, FRAME);
    waitsMs.push(time.clock() - askedMs - takesMs);
    nextMs = Math.max(nextMs + everyMs, time.clock());
  }
  return { frames: waitsMs.length, waitsMs: waitsMs.sort((a, b) => a - b) };
}

/** Jain's index of fairness: 1 where all have the same, 1 / n where one has all. */
export function measureFairness(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value ** 2, 0);
  return sum ** 2 / (values.length * squares);
}
