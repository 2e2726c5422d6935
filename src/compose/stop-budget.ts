// How the time of a stop is divided. systemd/lintel.service grants it in TimeoutStopSec, which is longer.
import type { StopBudget } from '../platform/stop-budget.js';

/** Requests that run when the service stops may take this long; after that their connections are closed, also those of uploads. */
export const API_GRACE_MS = 1_000;

/**
 * The events part publishes the remaining events (1.5 s), disconnects from the broker (0.5 s) and stores the rest; the store finishes
 * its writes. Both may also use the time that the other parts leave.
 */
export const STOP_BUDGET: StopBudget = { totalMs: 5_000, guaranteedMs: { events: 2_300, store: 700 } };
