// The two languages of the console: catalogues, the choice of a language, and the function that words a key.
import { effect, signal } from '@preact/signals';

export const LANGUAGES = ['en', 'ko'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Names of the languages, each in itself. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', ko: '한국어' };

type Values = Readonly<Record<string, string | number>>;
/**
 * A text with places: `{name}` stands for a value, and `{n:face|faces}` for the first text where the value n is 1, and for the second one
 * otherwise; `#` in them is the value.
 */
export type Phrase = string;

/** Phrases of one part of the console in both languages. */
export interface Words<Key extends string> {
  readonly en: Readonly<Record<Key, Phrase>>;
  readonly ko: Readonly<Record<Key, Phrase>>;
}

/** Words a key in the language of the page. */
export type Translate<Key extends string> = (key: Key, values?: Values) => string;

const STORED = 'lintel.language';

/** Language of the page. */
export const language = signal<Language>(chooseLanguage());

/** Declares a catalogue; a key that only one language has does not compile. */
export function defineWords<const En extends Readonly<Record<string, Phrase>>>(words: {
  en: En;
  ko: { readonly [Key in keyof En]: Phrase };
}): Words<keyof En & string> {
  return words;
}

/** Returns the function that words the keys of a catalogue; a component that calls it is drawn anew when the language changes. */
export function useWords<Key extends string>(words: Words<Key>): Translate<Key> {
  const phrases = words[language.value];
  return (key, values = {}) => fillPhrase(phrases[key], values);
}

/** Words a key outside of a component. */
export function word<Key extends string>(words: Words<Key>, key: Key, values: Values = {}): string {
  return fillPhrase(words[language.peek()][key], values);
}

/** A place of a phrase: its name, and the texts for one and for many. */
const PLACE = /\{(\w+)(?::([^|{}]*)\|([^{}]*))?\}/g;

function fillPhrase(phrase: Phrase | undefined, values: Values): string {
  return (phrase ?? '').replace(PLACE, (place, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) return place;
    return one === undefined ? String(value) : ((value === 1 ? one : many) ?? '').replaceAll('#', String(value));
  });
}

/** Phrases of a language by catalogue and key, as scripts/build-console.mjs writes them. */
type Phrases = Readonly<Record<string, Readonly<Record<string, string>>>>;

const loaded: Partial<Record<Language, Phrases>> = {};

/**
 * Refers to a catalogue in the files of the languages; scripts/build-console.mjs puts this in place of `defineWords`. A language that is not
 * loaded has the phrases of the other one, so that each has every key.
 */
export function referWords(id: string): Words<string> {
  return {
    get en() {
      return loaded.en?.[id] ?? loaded.ko?.[id] ?? {};
    },
    get ko() {
      return loaded.ko?.[id] ?? loaded.en?.[id] ?? {};
    },
  };
}

/** Loads the phrases of a language, whose file the page names. @throws TypeError, SyntaxError: the file cannot be loaded */
export async function loadLanguage(wanted: Language): Promise<void> {
  const file = document.documentElement.dataset[wanted];
  if (file === undefined || loaded[wanted]) return;
  const response = await fetch(file);
  if (!response.ok) throw new TypeError(`the words cannot be loaded (${response.status})`);
  loaded[wanted] = (await response.json()) as Phrases;
}

/** Shows the page in another language. @throws TypeError, SyntaxError: its words cannot be loaded; the page stays as it is */
export async function setLanguage(chosen: Language): Promise<void> {
  await loadLanguage(chosen);
  language.value = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // A browser that stores nothing shows the chosen language until the page is closed.
  }
}

/** Keeps the language of the document, for screen readers, up to date. */
export function followLanguage(): void {
  effect(() => {
    document.documentElement.lang = language.value;
  });
}

function chooseLanguage(): Language {
  // Unit tests read the catalogues without a browser.
  if (typeof localStorage === 'undefined') return 'en';
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(STORED);
  } catch {
    // Storage is forbidden: the browser's languages decide.
  }
  const wanted = [stored, ...navigator.languages].map((tag) => tag?.slice(0, 2).toLowerCase());
  return LANGUAGES.find((known) => known === wanted.find((tag) => LANGUAGES.some((one) => one === tag))) ?? 'en';
}
