// Numbers, dates and durations in the language of the page.
import { language } from './words.js';

const TIME: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' };
const DATE: Intl.DateTimeFormatOptions = { year: 'numeric', month: 'short', day: 'numeric' };

type Moment = string | number | Date;

/** The time of a day, to the second, in the time zone of the browser. @param at ISO 8601, or milliseconds */
export function formatTime(at: Moment): string {
  return makeDateFormat(TIME).format(new Date(at));
}

export function formatDate(at: Moment): string {
  return makeDateFormat(DATE).format(new Date(at));
}

export function formatDateTime(at: Moment): string {
  return makeDateFormat({ ...DATE, ...TIME }).format(new Date(at));
}

/** A number with at most so many digits after the point. */
export function formatNumber(n: number, digits = 0): string {
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: digits }).format(n);
}

/** A number with exactly so many digits after the point, such as a similarity: 93.0. */
export function formatFixed(n: number, digits = 1): string {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language.value, options).format(n);
}

/** @param fraction 0 to 1 */
export function formatPercent(fraction: number, digits = 0): string {
  return new Intl.NumberFormat(language.value, { style: 'percent', maximumFractionDigits: digits }).format(fraction);
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** The time since a moment, such as "3 minutes ago". */
export function formatAgo(at: Moment, now = Date.now()): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1_000);
  const format = new Intl.RelativeTimeFormat(language.value, { numeric: 'auto' });
  const [unit, length] = STEPS.find(([, step]) => Math.abs(seconds) >= step) ?? (['second', 1] as const);
  return format.format(Math.trunc(seconds / length), unit);
}

/** A duration in its two largest units, such as "2 hr 5 min". */
export function formatDuration(seconds: number): string {
  const parts: readonly (readonly [string, number])[] = [
    ['day', Math.floor(seconds / 86_400)],
    ['hour', Math.floor(seconds / 3_600) % 24],
    ['minute', Math.floor(seconds / 60) % 60],
    ['second', Math.floor(seconds) % 60],
  ];
  const first = parts.findIndex(([, n]) => n > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2).filter(([, n]) => n > 0);
  return shown.map(([unit, n]) => formatUnit(n, unit)).join(' ');
}

/** A number with a unit of Intl, such as `celsius` or `millisecond`. */
export function formatUnit(n: number, unit: string, digits = 0): string {
  const options = { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(language.value, options).format(n);
}

/** Bytes in kB, MB or GB (powers of 1,000). */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000_000) return formatUnit(bytes / 1_000, 'kilobyte', 1);
  if (bytes < 1_000_000_000) return formatUnit(bytes / 1_000_000, 'megabyte', bytes < 10_000_000 ? 1 : 0);
  return formatUnit(bytes / 1_000_000_000, 'gigabyte', 1);
}

function makeDateFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(language.value, options);
}
