// Small shares in words and figures.
import { language } from '../../words.js';

/** A share in percent with two significant digits, such as 0.0012 %. */
export function showShare(share: number): string {
  const options = { style: 'percent', maximumSignificantDigits: 2 } as const;
  return new Intl.NumberFormat(language.value, options).format(share);
}

/** The number N of "one in N", with two significant digits; undefined where it is above a million millions, or infinite. */
export function showOneIn(share: number): string | undefined {
  const n = 1 / share;
  if (!(n <= 1e12)) return undefined;
  return new Intl.NumberFormat(language.value, { maximumSignificantDigits: n < 10 ? 1 : 2 }).format(n);
}

/** A number with two significant digits. */
export function showAbout(n: number): string {
  return new Intl.NumberFormat(language.value, { maximumSignificantDigits: 2 }).format(n);
}
