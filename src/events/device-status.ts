// The retained status of the device: online with its health, or offline with the reason.
import type { HealthStatus } from '../domain/health.js';
import type { ChainLink } from './event-chain.js';

/** `stopped`: Lintel says so when it stops. `connection-lost`: the broker says so by the will when the connection breaks. */
export type OfflineReason = 'stopped' | 'connection-lost';

/** The worst status of all parts, and by name the status of each part that is not ok. */
export interface DeviceHealth {
  status: HealthStatus;
  parts: Readonly<Record<string, HealthStatus>>;
  /** Ids of the copied groups of the fleet that grant nobody, because nothing fresh was heard of them; absent where there are none. */
  staleGroups?: readonly string[];
}

/**
 * The newest event of the device, signed. It tells a receiver that the end of its history is missing: nothing else can, because a history
 * that was cut off looks like one that has not gone on.
 */
export interface HistoryHead {
  version: 1;
  deviceId: string;
  head: ChainLink;
  keyId: string;
  signature: string;
}

/** Returns the JSON of `{ version: 1, deviceId, status: 'online', since, health?, history? }`; `since` is UTC with milliseconds. */
export function encodeOnlineStatus(
  deviceId: string,
  sinceMs: number,
  { health, history }: { health?: DeviceHealth | undefined; history?: HistoryHead | undefined } = {},
): string {
  const since = new Date(sinceMs).toISOString();
  return JSON.stringify({ version: 1, deviceId, status: 'online', since, health, history });
}

/** Returns the JSON of `{ version: 1, deviceId, status: 'offline', reason, history? }`. */
export function encodeOfflineStatus(deviceId: string, reason: OfflineReason, history?: HistoryHead): string {
  return JSON.stringify({ version: 1, deviceId, status: 'offline', reason, history });
}
