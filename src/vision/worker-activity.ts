// The figures of the worker pool, for metrics and for the watchdog.

export interface WorkerPoolStats {
  /** Workers that are ready. */
  workers: number;
  /** Workers that run a job. */
  busy: number;
  /** Jobs that wait. */
  queued: number;
  completed: number;
  /** Jobs that were refused because their lane was full, or because they had waited for too long. */
  rejected: number;
  /** Jobs that were ended because they had run for too long. */
  overdue: number;
  /** Jobs whose caller did not want the result any more, waiting or running. */
  cancelled: number;
  /** Workers that died and were started again. */
  restarts: number;
}

/** Progress of one worker, for the watchdog. */
export interface WorkerActivity {
  id: string;
  /** The worker has a job, or a job waits that it could take. */
  busy: boolean;
  /** Number of jobs that ended. */
  done: number;
}
