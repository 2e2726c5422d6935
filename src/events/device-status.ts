// The retained status of the device: online and how it is, or offline and why.
import type { HealthStatus } from '../domain/health.js';

/** `connection-lost` is the broker's word (the will), `stopped` is Lintel's own. */
export type OfflineReason = 'stopped' | 'connection-lost';

/** The worst of the parts, and those that are not ok, by name. */
export interface DeviceHealth {
  status: HealthStatus;
  parts: Readonly<Record<string, HealthStatus>>;
}

/** JSON of `{ version: 1, deviceId, status: 'online', since, health? }`, `since` in UTC with milliseconds. */
export function onlineStatus(deviceId: string, sinceMs: number, health?: DeviceHealth): string {
  const since = new Date(sinceMs).toISOString();
  return JSON.stringify({ version: 1, deviceId, status: 'online', since, ...(health && { health }) });
}

/** JSON of `{ version: 1, deviceId, status: 'offline', reason }`. */
export function offlineStatus(deviceId: string, reason: OfflineReason): string {
  return JSON.stringify({ version: 1, deviceId, status: 'offline', reason });
}
