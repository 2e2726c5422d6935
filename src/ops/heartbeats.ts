// What must go on for the service to be of use: the vision workers, the disk, the analysis of each camera.
import type { Clock } from '../domain/time.js';
import { StallDetector, type Heartbeat, type Lane } from './stall.js';

/** A picture of the largest size takes some seconds on a slow device, and a queue of them does not end at once. */
const VISION_LIMIT_MS = 60_000;
/** Longer than the store takes to open again after a full disk. */
const STORE_LIMIT_MS = 120_000;
const CAMERA_LIMIT_MS = 30_000;

export interface WatchedParts {
  /** One lane for each worker. */
  vision: () => readonly Lane[];
  store: () => { pendingWrites: number; batches: number; failedBatches: number };
  cameras: readonly {
    id: string;
    /** The longest pause between two analyses, by configuration. */
    pauseMs: number;
    stats: () => { isAnalysing: boolean; frames: number; done: number };
  }[];
  /** Monotonic, milliseconds. */
  clock: Clock;
}

export function heartbeatsOf({ vision, store, cameras, clock }: WatchedParts): Heartbeat[] {
  const storeLane = (): Lane[] => {
    const { pendingWrites, batches, failedBatches } = store();
    return [{ id: 'the disk', busy: pendingWrites > 0, done: batches + failedBatches }];
  };
  return [
    new StallDetector({ name: 'vision', limitMs: VISION_LIMIT_MS, lanes: vision, clock }),
    new StallDetector({ name: 'store', limitMs: STORE_LIMIT_MS, lanes: storeLane, clock }),
    ...cameras.map(({ id, pauseMs, stats }) => {
      const lanes = (): Lane[] => {
        const { isAnalysing, frames, done } = stats();
        return [{ id: 'the analysis', busy: isAnalysing, fed: frames, done }];
      };
      return new StallDetector({ name: `camera ${id}`, limitMs: CAMERA_LIMIT_MS + 2 * pauseMs, lanes, clock });
    }),
  ];
}
