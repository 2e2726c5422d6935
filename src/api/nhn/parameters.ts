// The parameters that several operations share, as schemas, and what a client is told when one does not fit.
import { z } from 'zod';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import type { ImageInput } from '../core/image-input.js';
import { parseNumber, wholeNumberText } from '../core/parameters.js';

export const DEFAULT_THRESHOLD = 90;

const whole = (max: number, byDefault: number) => z.int().min(1).max(max).meta({ default: byDefault });
const similarity = z
  .number()
  .min(1)
  .max(100)
  .meta({ default: DEFAULT_THRESHOLD, description: 'Similarity from which on a face matches.' });

/** Schema of a whole number written as text, 1..max. */
export function textLimit(max: number, byDefault: number) {
  return wholeNumberText(1, max, byDefault);
}

/** A whole number of a JSON body, 1..max. */
export function bodyLimit(max: number, byDefault: number) {
  return whole(max, byDefault)
    .nullish()
    .transform((value) => value ?? byDefault);
}

/** Similarity written as text; undefined where it is not given. */
export const textThreshold = z.preprocess(parseNumber, similarity.optional());

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
