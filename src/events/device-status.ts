// The retained status of the device: online, or offline and why.

/** `connection-lost` is the broker's word (the will), `stopped` is Lintel's own. */
export type OfflineReason = 'stopped' | 'connection-lost';

/** JSON of `{ version: 1, deviceId, status: 'online', since }`, `since` in UTC with milliseconds. */
export function onlineStatus(deviceId: string, sinceMs: number): string {
  return JSON.stringify({ version: 1, deviceId, status: 'online', since: new Date(sinceMs).toISOString() });
}

/** JSON of `{ version: 1, deviceId, status: 'offline', reason }`. */
export function offlineStatus(deviceId: string, reason: OfflineReason): string {
  return JSON.stringify({ version: 1, deviceId, status: 'offline', reason });
}
