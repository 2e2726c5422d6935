// A writer of YAML for values of the configuration, for a person to paste into the file.

/** A value that the configuration may have. */
export type YamlValue = string | number | boolean | null | readonly YamlValue[] | { readonly [key: string]: YamlValue };

/** Texts that need no quotes: begin with a letter or a slash, and look like no number, boolean or null. */
const PLAIN = /^[A-Za-z/][A-Za-z0-9_/.-]*$/;
const RESERVED = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
/** Characters that a double-quoted text must not hold as they are. */

const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]/g;

/** Writes a value as YAML 1.2 in block style, with a line break at its end. Keys without a value (undefined) are left out. */
export function writeYaml(value: YamlValue): string {
  const lines = writeLines(value);
  return `${lines.join('\n')}\n`;
}

function writeLines(value: YamlValue): string[] {
  if (isList(value)) return value.length === 0 ? ['[]'] : value.flatMap((item) => writeItem(item));
  if (typeof value !== 'object' || value === null) return [writeScalar(value)];
  const entries = Object.entries(value).filter(([, inner]) => (inner as YamlValue | undefined) !== undefined);
  return entries.length === 0 ? ['{}'] : entries.flatMap(([key, inner]) => writeEntry(key, inner));
}

function writeItem(item: YamlValue): string[] {
  const [first = '', ...rest] = writeLines(item);
  return [`- ${first}`, ...rest.map(indent)];
}

function writeEntry(key: string, inner: YamlValue): string[] {
  const lines = writeLines(inner);
  const name = writeScalar(key);
  const isBlock = typeof inner === 'object' && inner !== null && (isList(inner) ? inner.length : hasKeys(inner)) > 0;
  return isBlock ? [`${name}:`, ...lines.map(indent)] : [`${name}: ${lines[0]}`];
}

function hasKeys(value: object): number {
  return Object.values(value).filter((inner) => inner !== undefined).length;
}

function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function indent(line: string): string {
  return `  ${line}`;
}

function writeScalar(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value);
  if (PLAIN.test(value) && !RESERVED.test(value)) return value;
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  // Pairs of surrogates are characters, and stay.
  return JSON.stringify(value).replace(/[\ud800-\udbff][\udc00-\udfff]|[^]/g, (character) =>
    character.length === 2 ? character : character.replace(UNPRINTABLE, escape),
  );
}
