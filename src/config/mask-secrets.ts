// Masks what the values of a configuration may carry as a secret. Passwords are no values of it: it names their files.

const MASK = '***';
/** User and password of a URL, wherever it stands in a text. */
const USER_OF_URL = /([a-z][a-z0-9+.-]*:\/\/)[^/?#\s"']*@/gi;
/** Query and fragment of a URL: some cameras and receivers take a token or a password there. */
const QUERY_OF_URL = /([a-z][a-z0-9+.-]*:\/\/[^?#\s"']*)[?#][^\s"']*/gi;
/** A property of a pipeline whose name says that it is secret, such as `user-pw` of rtspsrc. */
const SECRET_PROPERTY =
  /([\w-]*(?:user-id|user-pw|proxy-id|proxy-pw|passw(?:or)?d|passphrase|secret|token|api-?key)[\w-]*\s*=\s*)("[^"]*"|'[^']*'|[^\s!&]+)/gi;

/** Returns a copy of a JSON value in which secrets in texts are `***`. */
export function maskSecrets(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskSecrets(inner)]));
}

function maskText(text: string): string {
  return text.replace(USER_OF_URL, '$1').replace(QUERY_OF_URL, `$1?${MASK}`).replace(SECRET_PROPERTY, `$1${MASK}`);
}
