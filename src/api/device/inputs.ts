// The parameters of the device API: strict schemas, the pieces that several of them share, and how they are checked.
import { z } from 'zod';
import { EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../../domain/ids.js';
import { clientError } from '../../errors.js';
import { checked, numberFromText } from '../nhn/parameters.js';

/** As `checked`, and says which names it does not know. @throws AppError INVALID_PARAM */
export function checkedStrictly<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const unknown = result.error.issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown) throw clientError('INVALID_PARAM', `${what} ${unknown.keys.join(', ')} is not known here.`);
  return checked(schema, value);
}

export const nothing = z.strictObject({});

/** A whole number written as text. */
export function textWhole(min: number, max: number, byDefault: number) {
  return z
    .preprocess(numberFromText, z.int().min(min).max(max).meta({ default: byDefault }).optional())
    .transform((value) => value ?? byDefault);
}

/** A number written as text. */
export function textNumber(min: number, max: number, byDefault: number) {
  return z
    .preprocess(numberFromText, z.number().min(min).max(max).meta({ default: byDefault }).optional())
    .transform((value) => value ?? byDefault);
}

/** A sequence number written as text; undefined where it is not given. */
export const textSequence = z.preprocess(
  numberFromText,
  z.int().min(1).optional().meta({ description: 'Only what is older: the `before` of the page before.' }),
);

export const textFlag = z
  .enum(['true', 'false'])
  .optional()
  .meta({ default: 'false' })
  .transform((value) => value === 'true');

/** Where somebody is enrolled, and as whom. */
export const enrolFields = {
  group: z.string().regex(GROUP_ID_PATTERN, 'must have 1 to 255 of: a to z, 0 to 9, -'),
  appKey: z.string().min(1).max(64).optional().meta({ description: 'Its name; the camera’s where it is not given.' }),
  externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -'),
  duplicateThreshold: z.number().min(1).max(100).default(90).meta({
    description: 'Similarity from which somebody enrolled under another externalImageId is the same person.',
  }),
};

/** How a picture of a camera is made. */
export const pictureQuery = {
  boxes: textFlag,
  maxWidth: textWhole(0, 8_192, 0).meta({ description: 'Pixels; wider pictures are scaled down, 0 leaves the size.' }),
  quality: textWhole(1, 100, 80).meta({ description: 'Of the JPEG.' }),
};

/** @param before of the next page; undefined: this was the last one @param query that of this page */
export function nextPage(
  path: string,
  before: string | number | undefined,
  query: Readonly<Record<string, string | number | undefined>>,
): { next?: string } {
  if (before === undefined) return {};
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, before })) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return { next: `${path}?${parameters.toString()}` };
}
