// The clock as a parameter, and the contract's form of a time.

/** Milliseconds since the epoch, as Date.now. Tests pass their own. */
export type Clock = () => number;

/** UTC as the contract writes it: `YYYY-MM-DDTHH:mm:ss`. */
export function contractTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19);
}

/** Timers as a parameter: the global `setTimeout` and `clearTimeout` in the service, hand-driven ones in tests. */
export interface Timers {
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemTimers: Timers = {
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
