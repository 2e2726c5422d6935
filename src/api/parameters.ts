// The parameters that several operations share, as schemas, and what a client is told when one does not fit.
import { z } from 'zod';
import { clientError } from '../errors.js';
import type { ImageInput } from './image-input.js';

/** Checks an input against its schema. Null is what some JSON libraries write for a field that was not set: it counts as absent. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value, { error: (issue) => ruleOf(issue) });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue.path.join('.') || 'The body';
  throw clientError('INVALID_PARAM', `${where} ${issue.message}.`);
}

const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ['int', 'a whole number'],
  ['object', 'an object'],
]);

/** The broken rule; never the value. */
function ruleOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined || issue.input === null) return 'is missing';
      return `must be ${TYPE_NAMES.get(issue.expected) ?? `a ${issue.expected}`}`;
    case 'too_small':
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be one of: ${issue.values.join(', ')}`;
    default:
      return undefined;
  }
}

/** A query parameter is text: what reads as a decimal number is one, everything else stays text and fails as such. */
function fromText(value: unknown): unknown {
  return typeof value === 'string' && /^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

export const DEFAULT_THRESHOLD = 90;

const whole = (max: number) => z.int().min(1).max(max);
const similarity = z.number().min(1).max(100);

/** A whole number of the query, 1..max. */
export function queryLimit(max: number, byDefault: number) {
  return z.preprocess(fromText, whole(max).optional()).transform((value) => value ?? byDefault);
}

/** A whole number of the body, 1..max. */
export function bodyLimit(max: number, byDefault: number) {
  return whole(max)
    .nullish()
    .transform((value) => value ?? byDefault);
}

/** Similarity in the query; undefined where it is not given. */
export const queryThreshold = z.preprocess(fromText, similarity.optional());

/** Similarity in the body; undefined where it is not given. */
export const bodyThreshold = similarity.nullish().transform((value) => value ?? undefined);

/** One page of a listing. A token carries its own limit, so whatever stands beside it is not looked at. */
export const pageQuery = z
  .preprocess(
    (query) => (isRecord(query) && 'next-token' in query ? { ...query, limit: undefined } : query),
    z.object({ limit: queryLimit(200, 100), 'next-token': z.string().optional() }),
  )
  .transform(({ limit, 'next-token': token }) => ({ limit, token }));

/** Query of the two searches. */
export const searchQuery = z.object({
  limit: queryLimit(4096, 100),
  threshold: queryThreshold.transform((value) => value ?? DEFAULT_THRESHOLD),
});

/** Exactly one of `url` and `bytes`. What they hold is looked at later: a bad picture is no bad parameter. */
export const imageField = z
  .object({ url: z.string().nullish(), bytes: z.string().nullish() })
  .transform(({ url, bytes }, context): ImageInput => {
    if (typeof url === 'string' && typeof bytes !== 'string') return { url };
    if (typeof bytes === 'string' && typeof url !== 'string') return { bytes };
    context.addIssue({ code: 'custom', message: 'must have exactly one of url and bytes' });
    return z.NEVER;
  });

const flag = (byDefault: boolean) =>
  z
    .boolean()
    .nullish()
    .transform((value) => value ?? byDefault);

export const SPOOFING_CONDITIONS = ['weak', 'balanced', 'strict'] as const;

export const spoofingConditionField = z
  .enum(SPOOFING_CONDITIONS)
  .nullish()
  .transform((value) => value ?? 'balanced');

/** What the client wants to know of every face: fields of each body with a picture. */
export const faceFields = {
  orientation: flag(true),
  mask: flag(true),
  spoofing: flag(false),
  spoofingCondition: spoofingConditionField,
};

export const alignedField = flag(false);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
