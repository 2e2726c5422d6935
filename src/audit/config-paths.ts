// What changed in the configuration, by the names of its keys: their values are not kept, only digests of them.
import { createHash } from 'node:crypto';
import { canonicalJson } from './audit-record.js';

/** By path, such as `http.port` or `cameras[gate].threshold`: a digest of the value. */
export type ConfigDigests = Readonly<Record<string, string>>;

/** Of a value: 64 bits tell two apart. */
const DIGEST_LENGTH = 16;

/** Of every value of a parsed configuration. Elements of a list go by their `id` where they have one, otherwise by their place. */
export function configDigests(config: object): ConfigDigests {
  const digests: Record<string, string> = {};
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) value.forEach((one, i) => visit(one, `${path}[${idOf(one) ?? i}]`));
    else if (typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value)) if (one !== undefined) visit(one, path ? `${path}.${key}` : key);
    } else digests[path] = digestOf(value);
  };
  visit(config, '');
  return digests;
}

/** Paths that came, went, or have another value; sorted. */
export function changedPaths(before: ConfigDigests, now: ConfigDigests): string[] {
  const all = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...all].filter((path) => before[path] !== now[path]).sort();
}

/** One digest of all: the same for the same configuration. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, DIGEST_LENGTH);
}

function idOf(element: unknown): string | undefined {
  if (typeof element !== 'object' || element === null || !('id' in element)) return undefined;
  return typeof element.id === 'string' ? element.id : undefined;
}
