// Times in words, as a person reads them in a table: relative to now.

const UNITS = [
  { name: 's', ms: 1_000, below: 60 },
  { name: 'min', ms: 60_000, below: 60 },
  { name: 'h', ms: 3_600_000, below: 48 },
] as const;
const DAY_MS = 86_400_000;

/** Formats a duration in its largest unit, such as `12 s`, `5 min`, `3 h` and `9 days`. @param ms a negative one counts as 0 */
export function formatDuration(ms: number): string {
  const positive = Math.max(0, ms);
  for (const { name, ms: unitMs, below } of UNITS) {
    const value = Math.floor(positive / unitMs);
    if (value < below) return `${value} ${name}`;
  }
  return `${Math.floor(positive / DAY_MS)} days`;
}

/** @param time ISO 8601; absent: `never` @returns such as `12 s ago` */
export function formatAgo(time: string | undefined, nowMs: number): string {
  return time === undefined ? 'never' : `${formatDuration(nowMs - Date.parse(time))} ago`;
}

/** @param time ISO 8601, UTC @returns such as `2026-01-31 12:00:05 UTC` */
export function formatTime(time: string): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
