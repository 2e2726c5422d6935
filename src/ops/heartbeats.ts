// The work that the watchdog supervises: the vision workers, the writes of the store, and the analysis of each camera.
import type { Clock } from '../domain/time.js';
import { StallDetector, type Heartbeat, type WorkLane } from './stall.js';

/** Limit for one picture of a vision worker. The largest picture takes some seconds on a slow device. */
const VISION_LIMIT_MS = 60_000;
/** Limit for one write of the store, longer than it needs to open again after the disk was full. */
const STORE_LIMIT_MS = 120_000;
const CAMERA_LIMIT_MS = 30_000;

export interface WatchedParts {
  /** Returns one lane for each worker. */
  vision: () => readonly WorkLane[];
  store: () => { pendingWrites: number; batches: number; failedBatches: number };
  cameras: readonly {
    id: string;
    /** Longest pause between two analyses that the configuration allows. */
    pauseMs: number;
    stats: () => { isAnalysing: boolean; frames: number; done: number };
  }[];
  /** Monotonic, in milliseconds. */
  clock: Clock;
}

export function createHeartbeats({ vision, store, cameras, clock }: WatchedParts): Heartbeat[] {
  const storeLane = (): WorkLane[] => {
    const { pendingWrites, batches, failedBatches } = store();
    return [{ id: 'the disk', busy: pendingWrites > 0, done: batches + failedBatches }];
  };
  return [
    new StallDetector({ name: 'vision', limitMs: VISION_LIMIT_MS, lanes: vision, clock }),
    new StallDetector({ name: 'store', limitMs: STORE_LIMIT_MS, lanes: storeLane, clock }),
    ...cameras.map(({ id, pauseMs, stats }) => {
      const lanes = (): WorkLane[] => {
        const { isAnalysing, frames, done } = stats();
        return [{ id: 'the analysis', busy: isAnalysing, fed: frames, done }];
      };
      return new StallDetector({ name: `camera ${id}`, limitMs: CAMERA_LIMIT_MS + 2 * pauseMs, lanes, clock });
    }),
  ];
}
