// The default number of vision workers: one for each core, as far as the memory goes.
import { availableParallelism, totalmem } from 'node:os';

export const MOST_WORKERS = 64;
/**
 * Memory of one worker with its models, and of the rest of the service, measured with models in float (x64, November 2026). In 8 bits a worker
 * takes half of that, but the form of the models is measured only after the configuration is read.
 */
const WORKER_BYTES = 120e6;
const REST_BYTES = 170e6;
/** Share of the machine's memory that the service may fill by default: the rest is for the system, its file cache, and large pictures. */
const SHARE_OF_MACHINE = 1 / 2;
/** Share of a limit that holds for the service alone, such as systemd's MemoryHigh: the rest is for large pictures. */
const SHARE_OF_LIMIT = 3 / 4;

/** @returns at least 1, at most MOST_WORKERS */
export function countDefaultWorkers({ cores, budgetBytes }: { cores: number; budgetBytes: number }): number {
  const fitting = Math.floor((budgetBytes - REST_BYTES) / WORKER_BYTES);
  return Math.max(1, Math.min(cores, fitting, MOST_WORKERS));
}

/** Computes the memory that the service may fill. @param limitBytes limit of its control group; 0, or more than there is, means none */
export function findBudgetBytes(totalBytes: number, limitBytes: number): number {
  const share = totalBytes * SHARE_OF_MACHINE;
  return limitBytes > 0 ? Math.min(share, limitBytes * SHARE_OF_LIMIT) : share;
}

/** Counts the workers for this machine. */
export function findDefaultWorkers(): number {
  const budgetBytes = findBudgetBytes(totalmem(), process.constrainedMemory());
  return countDefaultWorkers({ cores: availableParallelism(), budgetBytes });
}
