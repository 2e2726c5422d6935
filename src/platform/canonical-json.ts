// The one text of a JSON value (RFC 8785, JSON Canonicalization Scheme), so that a signature does not hang on spaces and order.

/**
 * Members sorted by the UTF-16 units of their names, no spaces, numbers and strings as ECMAScript writes them. Members that are
 * undefined are left out, as JSON.stringify does.
 * @throws TypeError for what JSON cannot say: a number that is not finite, half a surrogate pair, a function, undefined itself
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return text(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('a number that is not finite has no JSON');
      return JSON.stringify(value);
    case 'boolean':
      return String(value);
    case 'object':
      break;
    default:
      throw new TypeError(`a value of type ${typeof value} has no JSON`);
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  const members = value as Record<string, unknown>;
  // By UTF-16 units (RFC 8785, 3.2.3), which is what sort() does without a comparison.
  const names = Object.keys(members)
    .filter((name) => members[name] !== undefined)
    .sort();
  return `{${names.map((name) => `${text(name)}:${canonicalJson(members[name])}`).join(',')}}`;
}

function text(value: string): string {
  if (/\p{Surrogate}/u.test(value)) throw new TypeError('half a surrogate pair has no canonical JSON');
  return JSON.stringify(value);
}
