// The place within the console, read from the hash of the address: `#/events/123?camera=entrance`.
import { computed, signal } from '@preact/signals';

export interface Place {
  /** Id of the screen. */
  screen: string;
  /** Further parts of the path, percent-decoded. */
  path: readonly string[];
  query: URLSearchParams;
}

const hash = signal('');
/** Element that had the focus when the address changed last. */
let focusAtChange: Element | null = null;

/** The place that the page shows now. */
export const place = computed(() => parsePlace(hash.value));

/** Follows the address from now on. */
export function followHash(): void {
  const read = (): void => {
    focusAtChange = document.activeElement;
    hash.value = location.hash;
  };
  read();
  addEventListener('hashchange', read);
}

/** Reads the hash of an address; a malformed part is taken as it is. */
export function parsePlace(text: string): Place {
  const [path = '', query = ''] = splitOnce(text.replace(/^#\/?/, ''), '?');
  const [screen = '', ...rest] = path.split('/').map(decodePart);
  return { screen, path: rest.filter((part) => part !== ''), query: new URLSearchParams(query) };
}

/** Makes the hash of a place. Values that are undefined or empty are left out of the query. */
export function makeHash(parts: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  const search = new URLSearchParams(given).toString();
  return `#/${parts.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

/** Goes to a place. @param replaces true: the place before is not kept in the history of the browser */
export function navigate(to: string, replaces = false): void {
  if (!replaces) {
    location.hash = to;
    return;
  }
  history.replaceState(null, '', to);
  focusAtChange = document.activeElement;
  hash.value = to;
}

/** Tells whether the person has moved the focus since the address changed: a screen that is late must not take it away. */
export function hasMovedFocus(): boolean {
  const { activeElement, body } = document;
  return activeElement !== null && activeElement !== body && activeElement !== focusAtChange;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
