// Canonical JSON (RFC 8785, JSON Canonicalization Scheme): the one text of a JSON value, over which signatures and hashes are computed.

/**
 * Writes a value as canonical JSON: no spaces, members sorted by the UTF-16 code units of their names, numbers and strings as
 * ECMAScript writes them. Members that are undefined are left out, as JSON.stringify does.
 * @throws TypeError for a value without JSON: a number that is not finite, a string with a lone surrogate, a function, a symbol, a
 * bigint, and undefined outside of an object
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('a number that is not finite has no JSON');
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      throw new TypeError(`a value of type ${typeof value} has no JSON`);
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((element) => canonicalJson(element)).join(',')}]`;
  // RFC 8785, 3.2.3: sort() without a comparison function compares UTF-16 code units.
  const members = value as Record<string, unknown>;
  let json = '';
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member === undefined) continue;
    if (json !== '') json += ',';
    json += `${quote(name)}:${canonicalJson(member)}`;
  }
  return `{${json}}`;
}

function quote(text: string): string {
  const json = JSON.stringify(text);
  // JSON.stringify writes a lone surrogate as \ud…: the slower check is needed only where that appears.
  if (json.includes('\\ud') && /\p{Surrogate}/u.test(text)) {
    throw new TypeError('a string with a lone surrogate has no canonical JSON');
  }
  return json;
}
