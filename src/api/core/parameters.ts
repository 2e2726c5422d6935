// Checking of parameters: the words for a broken rule, and the schemas that both APIs share.
import * as z from 'zod';
import { clientError } from '../../errors.js';

/** Value of a query parameter that is given more than once; no schema accepts it. */
const REPEATED = Symbol('a parameter that is given more than once');

/** Returns the parameters of a query string by name, without prototype. */
export function parseQuery(querystring: string): Record<string, unknown> {
  const parameters = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of new URLSearchParams(querystring)) {
    parameters[name] = name in parameters ? REPEATED : value;
  }
  return parameters;
}

/**
 * Checks an input against its schema. Some JSON libraries write null for a field that is not set: a required field that is null
 * counts as missing.
 * @param noun what the parts of the input are called in the message
 * @throws AppError INVALID_PARAM: the detail names the first field and the rule that it breaks, never its value
 */
export function checkInput<S extends z.ZodType>(schema: S, value: unknown, noun: 'parameter' | 'field'): z.output<S> {
  const result = schema.safeParse(value, { error: (issue) => describeRule(issue), reportInput: true });
  if (result.success) return result.data;
  const { issues } = result.error;
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown) throw clientError('INVALID_PARAM', describeUnknown(unknown.keys, noun));
  const [issue] = issues;
  const path = issue?.path.join('.') ?? '';
  const subject = path === '' ? 'The body' : `The ${noun} ${path}`;
  // Checked here, because a schema with its own message uses that message for every rule.
  const rule = issue?.input === REPEATED ? 'must be given once' : (issue?.message ?? 'is invalid');
  throw clientError('INVALID_PARAM', `${subject} ${rule}.`);
}

function describeUnknown(names: readonly string[], noun: string): string {
  const isOne = names.length === 1;
  return `The ${noun}${isOne ? '' : 's'} ${names.join(', ')} ${isOne ? 'is' : 'are'} not known here.`;
}

const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ['int', 'a whole number'],
  ['object', 'an object'],
]);

/** Returns the broken rule as the end of a sentence; undefined leaves the message to the schema. */
function describeRule(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined || issue.input === null) return 'is missing';
      return `must be ${TYPE_NAMES.get(issue.expected) ?? `a ${issue.expected}`}`;
    case 'too_small':
      return `must ${describeBound(issue.origin, `at least ${issue.minimum}`)}`;
    case 'too_big':
      return `must ${describeBound(issue.origin, `at most ${issue.maximum}`)}`;
    case 'invalid_value':
      return `must be one of: ${issue.values.join(', ')}`;
    default:
      return undefined;
  }
}

function describeBound(origin: string, bound: string): string {
  return origin === 'string' ? `have ${bound} characters` : `be ${bound}`;
}

/** Schema of an input without any field. */
export const noFields = z.strictObject({});

/**
 * Converts the text of a decimal number to a number; query parameters and fields of a form are texts. Any other value is returned
 * unchanged, so that the schema refuses it.
 */
export function parseNumber(value: unknown): unknown {
  return typeof value === 'string' && /^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

/** Converts the text of a flag to a boolean: true, false, 1 or 0, in any case. Any other value is returned unchanged. */
export function parseFlag(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (/^(true|1)$/i.test(value)) return true;
  return /^(false|0)$/i.test(value) ? false : value;
}

/** Schema of a whole number written as text. */
export function wholeNumberText(min: number, max: number, byDefault: number) {
  return z
    .preprocess(parseNumber, z.int().min(min).max(max).meta({ default: byDefault }).optional())
    .transform((value) => value ?? byDefault);
}

/** Schema of a number written as text. */
export function numberText(min: number, max: number, byDefault: number) {
  return z
    .preprocess(parseNumber, z.number().min(min).max(max).meta({ default: byDefault }).optional())
    .transform((value) => value ?? byDefault);
}
