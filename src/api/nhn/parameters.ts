// The parameters that several operations share, as schemas, and what a client is told when one does not fit.
import { z } from 'zod';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { clientError } from '../../errors.js';
import type { ImageInput } from '../core/image-input.js';

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

/** Parameters of the query and of a form are texts: what reads as a decimal number is one, everything else stays text and fails as such. */
export function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

export const DEFAULT_THRESHOLD = 90;

const whole = (max: number, byDefault: number) => z.int().min(1).max(max).meta({ default: byDefault });
const similarity = z
  .number()
  .min(1)
  .max(100)
  .meta({ default: DEFAULT_THRESHOLD, description: 'Similarity from which on a face matches.' });

/** A whole number written as text, 1..max. */
export function textLimit(max: number, byDefault: number) {
  return z.preprocess(numberFromText, whole(max, byDefault).optional()).transform((value) => value ?? byDefault);
}

/** A whole number of a JSON body, 1..max. */
export function bodyLimit(max: number, byDefault: number) {
  return whole(max, byDefault)
    .nullish()
    .transform((value) => value ?? byDefault);
}

/** Similarity written as text; undefined where it is not given. */
export const textThreshold = z.preprocess(numberFromText, similarity.optional());

/** Similarity in a JSON body; undefined where it is not given. */
export const bodyThreshold = similarity.nullish().transform((value) => value ?? undefined);

const pageShape = {
  limit: textLimit(200, 100),
  'next-token': z.string().optional().meta({ description: 'Of the page before; it carries the limit.' }),
};

/** A token carries its own limit, so whatever stands beside it is not looked at. */
function withoutLimitOfToken(query: unknown): unknown {
  return isRecord(query) && 'next-token' in query ? { ...query, limit: undefined } : query;
}

/** One page of a listing. */
export const pageQuery = z
  .preprocess(withoutLimitOfToken, z.object(pageShape))
  .transform(({ limit, 'next-token': token }) => ({ limit, token }));

/** One page of the faces that have all of what is asked for. */
export const filteredPageQuery = z
  .preprocess(
    withoutLimitOfToken,
    z.object({
      ...pageShape,
      'face-id': z.string().optional(),
      'image-id': z.string().optional(),
      'external-image-id': z.string().optional(),
    }),
  )
  .transform((query) => ({
    limit: query.limit,
    token: query['next-token'],
    filter: {
      faceId: query['face-id'],
      imageId: query['image-id'],
      externalImageId: query['external-image-id'],
    },
  }));

/** Query of a search. */
export function searchQuery(maxLimit: number) {
  return z.object({
    limit: textLimit(maxLimit, 100),
    threshold: textThreshold.transform((value) => value ?? DEFAULT_THRESHOLD),
  });
}

const isText = { type: 'string' } as const;

/** Exactly one of `url` and `bytes`. What they hold is looked at later: a bad picture is no bad parameter. */
export const imageField = z
  .object({
    url: z.string().nullish().meta({ description: 'http or https.' }),
    bytes: z.string().nullish().meta({ description: 'JPEG or PNG in standard base64.' }),
  })
  .transform(({ url, bytes }, context): ImageInput => {
    if (typeof url === 'string' && typeof bytes !== 'string') return { url };
    if (typeof bytes === 'string' && typeof url !== 'string') return { bytes };
    context.addIssue({ code: 'custom', message: 'must have exactly one of url and bytes' });
    return z.NEVER;
  })
  .meta({
    id: 'Image',
    description: 'A picture, JPEG or PNG: exactly one of url and bytes.',
    oneOf: [
      { type: 'object', properties: { url: isText }, required: ['url'] },
      { type: 'object', properties: { bytes: isText }, required: ['bytes'] },
    ],
  });

export const SPOOFING_CONDITIONS = ['weak', 'balanced', 'strict'] as const;

const bool = (byDefault: boolean) => z.boolean().meta({ default: byDefault });
const spoofingCondition = z.enum(SPOOFING_CONDITIONS).meta({ default: 'balanced' });

const flag = (byDefault: boolean) =>
  bool(byDefault)
    .nullish()
    .transform((value) => value ?? byDefault);

export const spoofingConditionField = spoofingCondition.nullish().transform((value) => value ?? 'balanced');

/** What the client wants to know of every face: fields of each body with a picture. */
export const faceFields = {
  orientation: flag(true),
  mask: flag(true),
  spoofing: flag(false),
  spoofingCondition: spoofingConditionField,
};

export const alignedField = bool(false)
  .meta({ description: 'True: the picture is one aligned crop of a face, and nothing is detected.' })
  .nullish()
  .transform((value) => value ?? false);

const externalImageId = z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -');

/** Undefined where it is not given. */
export const externalImageIdField = externalImageId.nullish().transform((value) => value ?? undefined);
export const externalImageIdText = externalImageId.optional();

const flagText = (byDefault: boolean) =>
  z
    .preprocess(
      (value) => (value === 'true' || value === 'false' ? value === 'true' : value),
      bool(byDefault).optional(),
    )
    .transform((value) => value ?? byDefault);

/** As faceFields, in the texts of a form. */
export const faceTexts = {
  orientation: flagText(true),
  mask: flagText(true),
  spoofing: flagText(false),
  spoofingCondition: spoofingCondition.optional().transform((value) => value ?? 'balanced'),
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
