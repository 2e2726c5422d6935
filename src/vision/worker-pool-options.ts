// Options of the pool of vision workers.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import type { ChosenPrecision } from '../models/set-precision.js';
import type { WorkerSetup } from './worker-protocol.js';
import type { JobSlot, WorkerSlotOptions } from './worker-slot.js';
import type { WorkerThreads } from './worker-threads.js';

export interface WorkerPoolOptions extends WorkerSetup {
  /** Number of worker threads. Where frames of cameras are analysed, there are at least two. */
  workers: number;
  /** Number of cameras: the first workers then serve cameras alone (see countCameraWorkers), and the others serve them first. Default: 0. */
  cameras?: number;
  /** Longest time that a request's picture may wait, and longest time that a worker may work on it. Default: 10 s. */
  pictureTimeoutMs?: number;
  /** Time after which a worker that does not react to the end of its job is replaced. Default: 10 s. */
  cancelTimeoutMs?: number;
  /** Most jobs that wait in each lane, of a camera or of the requests. A further job is refused with SERVER_BUSY. */
  queueLength: number;
  /** Reason why the set is not the configured one, for the health report. */
  fallback?: string | undefined;
  /** Reason why each model runs in its form, for the health report. */
  precisions?: readonly ChosenPrecision[];
  log: Log;
  /** Threads of workers that have begun already. */
  threads?: WorkerThreads;
  /** File of the threads where none have begun. Default: dist/vision/worker.js; tests, which run the sources, name another one. */
  workerFile?: URL;
  /** Monotonic, in milliseconds; and what makes the place of a worker. Default: real ones; simulations pass their own. */
  clock?: Clock;
  openSlot?: (options: WorkerSlotOptions) => JobSlot;
}
