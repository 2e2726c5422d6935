// Describes the problems of a configuration: the key and the rule, never the value.
import type { z } from 'zod';

/** One problem: the place of the key, and the rule that it breaks. */
export interface Problem {
  path: readonly PropertyKey[];
  rule: string;
}

/** Lists every problem of a failed check. @param input the checked value: distinguishes missing keys from wrong ones */
export function listProblems(error: z.ZodError, input: unknown): Problem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, rule: describeRule(issue, input) }];
    return issue.keys.map((key) => ({ path: [...issue.path, key], rule: 'is not a known key' }));
  });
}

/** Formats a path, such as `cameras[0].source.path`. The empty path stands for the whole file. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i ? '.' : ''}${formatKey(part)}`)).join('');
}

/** Returns the key as it was written, shortened and quoted where a message needs that. */
function formatKey(part: PropertyKey): string {
  const name = String(part);
  if (/^[\w-]{1,64}$/.test(name)) return name;
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

function describeRule(issue: z.core.$ZodIssue, input: unknown): string {
  const value = readValue(input, issue.path);
  if (value === undefined) return issue.code === 'invalid_union' ? issue.message : 'is required';
  if (value === null) return 'is empty: give it a value or remove the key';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return describeBound('at least', issue.minimum, issue.origin);
    case 'too_big':
      return describeBound('at most', issue.maximum, issue.origin);
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return issue.pattern ? `must match ${issue.pattern.replace(/^\/\^?|\$?\/$/g, '')}` : `must be ${issue.format}`;
    default:
      return issue.message;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text (in quotes if it looks like a number or a boolean)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a group of keys',
  array: 'a list',
};

function describeBound(bound: string, limit: number | bigint, origin: string): string {
  if (origin === 'string') return limit === 1 ? 'must not be empty' : `must have ${bound} ${limit} characters`;
  if (origin === 'array') return `must have ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  return `must be ${bound} ${limit}`;
}

function readValue(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
