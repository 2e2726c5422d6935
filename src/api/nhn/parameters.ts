// Schemas of the parameters that several operations share.
import * as z from 'zod';
import { ENROLMENT_POLICIES } from '../../domain/enrolment-policy.js';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { LongBase64, type ImageInput } from '../core/image-input.js';
import { parseFlag, parseNumber, wholeNumberText } from '../core/parameters.js';

export const DEFAULT_THRESHOLD = 90;

const similarity = z.number().min(1).max(100).meta({
  default: DEFAULT_THRESHOLD,
  description: 'Similarity from which on a face matches.',
});

/** Schema of a whole number written as text, 1..max. */
export function textLimit(max: number, byDefault: number) {
  return wholeNumberText(1, max, byDefault);
}

/** Schema of a whole number in a JSON body, 1..max. */
export function bodyLimit(max: number, byDefault: number) {
  return z
    .int()
    .min(1)
    .max(max)
    .meta({ default: byDefault })
    .nullish()
    .transform((value) => value ?? byDefault);
}

/** Schema of a similarity written as text; undefined when it is not given. */
export const textThreshold = z.preprocess(parseNumber, similarity.optional());

/** Schema of a similarity in a JSON body; undefined when it is not given. */
export const bodyThreshold = similarity.nullish().transform((value) => value ?? undefined);

const pageShape = {
  limit: textLimit(200, 100),
  'next-token': z
    .string()
    .optional()
    .meta({ description: 'The nextToken of the page before; it carries its own limit.' }),
};

/** Removes the limit when there is a token: the token contains its own limit, so the other one is not even checked. */
function dropLimitBesideToken(query: unknown): unknown {
  return isRecord(query) && 'next-token' in query ? { ...query, limit: undefined } : query;
}

function toPage({ limit, 'next-token': token }: { limit: number; 'next-token'?: string | undefined }) {
  return { limit, ...(token !== undefined && { token }) };
}

/** Schema of the query for one page of a list. */
export const pageQuery = z.preprocess(dropLimitBesideToken, z.object(pageShape)).transform(toPage);

/** Schema of the query for one page of the faces that match all given filters. */
export const filteredPageQuery = z
  .preprocess(
    dropLimitBesideToken,
    z.object({
      ...pageShape,
      'face-id': z.string().optional(),
      'image-id': z.string().optional(),
      'external-image-id': z.string().optional(),
    }),
  )
  .transform((query) => {
    const { 'face-id': faceId, 'image-id': imageId, 'external-image-id': externalImageId } = query;
    const filter = {
      ...(faceId !== undefined && { faceId }),
      ...(imageId !== undefined && { imageId }),
      ...(externalImageId !== undefined && { externalImageId }),
    };
    return { ...toPage(query), filter };
  });

/** Schema of the query of a search. */
export function searchQuery(maxLimit: number) {
  return z.object({
    limit: textLimit(maxLimit, 100),
    threshold: textThreshold.transform((value) => value ?? DEFAULT_THRESHOLD),
  });
}

const isText = { type: 'string' } as const;

/** Schema of base64: a text, or a long one that was decoded already. */
const base64 = z
  .custom<string | LongBase64>((value) => typeof value === 'string' || value instanceof LongBase64, {
    error: 'must be a string',
  })
  .meta({ type: 'string', description: 'JPEG or PNG in standard base64.' });

/** Schema of a picture: exactly one of `url` and `bytes`. Their content is examined later, because a bad picture has codes of its own. */
export const imageField = z
  .object({
    url: z.string().nullish().meta({ description: 'http or https.' }),
    bytes: base64.nullish(),
  })
  .transform(({ url, bytes }, context): ImageInput => {
    const hasUrl = url !== undefined && url !== null;
    const hasBytes = bytes !== undefined && bytes !== null;
    if (hasUrl && !hasBytes) return { url };
    if (hasBytes && !hasUrl) return { bytes };
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

/** Fields of every JSON body with a picture: the facts about each face that the client asks for. */
export const faceFields = {
  orientation: flag(true),
  mask: flag(true),
  spoofing: flag(false),
  spoofingCondition: spoofingCondition.nullish().transform((value) => value ?? 'balanced'),
};

export const alignedField = bool(false)
  .meta({ description: 'True: the picture is one aligned crop of a face, and nothing is detected.' })
  .nullish()
  .transform((value) => value ?? false);

const externalImageId = z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -');

/** Schema of an externalImageId in a JSON body; undefined when it is not given. */
export const externalImageIdField = externalImageId.nullish().transform((value) => value ?? undefined);
/** Schema of an externalImageId in a form. */
export const externalImageIdText = externalImageId.optional();

const enrolment = z.enum(ENROLMENT_POLICIES).meta({
  description: 'Policy for this picture, where it is stricter than that of the group: which faces may be registered.',
});

/** Schema of an enrolment policy in a JSON body; undefined when it is not given. */
export const enrolmentField = enrolment.nullish().transform((value) => value ?? undefined);
/** Schema of an enrolment policy in a form. */
export const enrolmentText = enrolment.optional();

const origin = z.enum(['nhn', 'bulk']).meta({
  default: 'nhn',
  description: 'Origin that the device API shows for the faces: `bulk` for those of a batch of many people.',
});

/** Schema of the origin of faces in a JSON body; undefined when it is not given. */
export const originField = origin.nullish().transform((value) => value ?? undefined);
/** Schema of the origin of faces in a form. */
export const originText = origin.optional();

const flagText = (byDefault: boolean) =>
  z
    .preprocess(parseFlag, bool(byDefault).meta({ description: 'In any case; also 1 and 0.' }).optional())
    .transform((value) => value ?? byDefault);

/** Like faceFields, for the texts of a form. */
export const faceTexts = {
  orientation: flagText(true),
  mask: flagText(true),
  spoofing: flagText(false),
  spoofingCondition: spoofingCondition.optional().transform((value) => value ?? 'balanced'),
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
