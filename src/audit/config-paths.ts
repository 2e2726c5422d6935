// Changes of the configuration by the names of its keys. Values are not kept, only digests of them.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../platform/canonical-json.js';

/** Digest of each value by its path, such as `http.port` or `cameras[gate].threshold`. */
export type ConfigDigests = Readonly<Record<string, string>>;

/** Hexadecimal digits of a digest: 64 bits are enough to tell two values apart. */
const DIGEST_LENGTH = 16;

/** Returns the digest of every value of a parsed configuration. A list element is named by its `id`, or by its place if it has none. */
export function digestConfig(config: object): ConfigDigests {
  const digests: Record<string, string> = {};
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) {
      value.forEach((element: unknown, index) => visit(element, `${path}[${readId(element) ?? index}]`));
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        if (member !== undefined) visit(member, path ? `${path}.${key}` : key);
      }
    } else {
      digests[path] = digestText(JSON.stringify(value));
    }
  };
  visit(config, '');
  return digests;
}

/** Lists the paths that were added, removed or changed, sorted. */
export function listChangedPaths(before: ConfigDigests, now: ConfigDigests): string[] {
  const all = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...all].filter((path) => before[path] !== now[path]).sort();
}

/** Returns one digest of all digests: equal configurations have equal digests. */
export function combineDigests(digests: ConfigDigests): string {
  return digestText(canonicalJson(digests));
}

function digestText(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGEST_LENGTH);
}

function readId(element: unknown): string | undefined {
  if (typeof element !== 'object' || element === null || !('id' in element)) return undefined;
  return typeof element.id === 'string' ? element.id : undefined;
}
