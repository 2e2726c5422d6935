// Facts of a part in words: the name of a fact as it is in the API, and its value in the language of the page.
import { formatDateTime, formatNumber } from '../../format.js';

type FactValue = string | number | boolean | readonly string[];
type YesNo = (key: 'yes' | 'no') => string;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?$/;

/** Writes the name of a fact as words, such as `last trusted at` for `lastTrustedAt`. The names are those of /healthz. */
export function nameFact(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export function describeFact(value: FactValue, t: YesNo): string {
  if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
  if (typeof value === 'number') return formatNumber(value, 1);
  if (typeof value !== 'string') return value.length === 0 ? '–' : value.join('; ');
  return TIME.test(value) ? formatDateTime(value.endsWith('Z') ? value : `${value}Z`) : value || '–';
}
