// What the store says of its health.
import type { Health } from '../domain/health.js';
import type { StoreStats } from './store.types.js';

/** @param database.isBroken true while the disk refuses writes */
export function describeStoreHealth(
  stats: StoreStats,
  { isOpen, isBroken }: { isOpen: boolean; isBroken: boolean },
): Health {
  const { damagedSpaces, batches, failedBatches, refusedWrites, pendingWrites, pendingErasures } = stats;
  if (!isOpen) return { status: 'failed', detail: 'the store is not open' };
  const facts = { batches, failedBatches, refusedWrites, pendingWrites, pendingErasures };
  if (isBroken) return { status: 'failed', detail: 'the disk refuses writes', facts };
  if (damagedSpaces === 0) return { status: 'ok', facts };
  return { status: 'degraded', detail: `${damagedSpaces} key records do not open`, facts };
}
