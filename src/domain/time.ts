// The clock as a parameter, and the contract's form of a time.

/** Milliseconds since the epoch, as Date.now. Tests pass their own. */
export type Clock = () => number;

/** UTC as the contract writes it: `YYYY-MM-DDTHH:mm:ss`. */
export function contractTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19);
}
