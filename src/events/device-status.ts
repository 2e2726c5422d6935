// The retained status of the device: online with its health, or offline with the reason.
import type { HealthStatus } from '../domain/health.js';

/** `stopped`: Lintel says so when it stops. `connection-lost`: the broker says so by the will when the connection breaks. */
export type OfflineReason = 'stopped' | 'connection-lost';

/** The worst status of all parts, and by name the status of each part that is not ok. */
export interface DeviceHealth {
  status: HealthStatus;
  parts: Readonly<Record<string, HealthStatus>>;
}

/** Returns the JSON of `{ version: 1, deviceId, status: 'online', since, health? }`; `since` is UTC with milliseconds. */
export function encodeOnlineStatus(deviceId: string, sinceMs: number, health?: DeviceHealth): string {
  const since = new Date(sinceMs).toISOString();
  return JSON.stringify({ version: 1, deviceId, status: 'online', since, ...(health && { health }) });
}

/** Returns the JSON of `{ version: 1, deviceId, status: 'offline', reason }`. */
export function encodeOfflineStatus(deviceId: string, reason: OfflineReason): string {
  return JSON.stringify({ version: 1, deviceId, status: 'offline', reason });
}
