// The words for what is wrong in a configuration: the key and the rule, never the value.
import type { z } from 'zod';

/** One thing that is wrong, and where. */
export interface Problem {
  path: readonly PropertyKey[];
  rule: string;
}

/** Every problem of a failed check. @param input what was checked: tells a key that is missing from one that is wrong */
export function problemsOf(error: z.ZodError, input: unknown): Problem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, rule: ruleOf(issue, input) }];
    return issue.keys.map((key) => ({ path: [...issue.path, key], rule: 'there is no such key' }));
  });
}

/** `cameras[0].source.path`; the empty path is the file as a whole. */
export function keyPath(path: readonly PropertyKey[]): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i ? '.' : ''}${keyName(part)}`)).join('');
}

/** A key as it was written, as far as a message should carry it. */
function keyName(part: PropertyKey): string {
  const name = String(part);
  if (/^[\w-]{1,64}$/.test(name)) return name;
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

function ruleOf(issue: z.core.$ZodIssue, input: unknown): string {
  const value = valueAt(input, issue.path);
  if (value === undefined) return issue.code === 'invalid_union' ? issue.message : 'is required';
  if (value === null) return 'is empty: give it a value or remove the key';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return boundRule('at least', issue.minimum, issue.origin);
    case 'too_big':
      return boundRule('at most', issue.maximum, issue.origin);
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return issue.pattern ? `must match ${issue.pattern.replace(/^\/\^?|\$?\/$/g, '')}` : `must be ${issue.format}`;
    default:
      return issue.message;
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text (in quotes where it looks like something else)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a group of keys',
  array: 'a list',
};

function boundRule(bound: string, limit: number | bigint, origin: string): string {
  if (origin === 'string') return limit === 1 ? 'must not be empty' : `must have ${bound} ${limit} characters`;
  if (origin === 'array') return `must have ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  return `must be ${bound} ${limit}`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
