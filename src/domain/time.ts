// Clock and timers as parameters, and the API's format of a time.

/** Returns milliseconds since the epoch, like Date.now. Tests pass their own. */
export type Clock = () => number;

/** Formats a time as the API does: UTC, `YYYY-MM-DDTHH:mm:ss`. */
export function formatContractTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19);
}

/** Timers: the global `setTimeout` and `clearTimeout` in the service; tests pass their own. */
export interface Timers {
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemTimers: Timers = {
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
