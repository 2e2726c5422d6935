// Parameters of the device API that several routes share, as schemas.
import { z } from 'zod';
import { EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../../domain/ids.js';
import { parseNumber, wholeNumberText } from '../core/parameters.js';

/** A sequence number written as text; undefined where it is not given. */
export const textSequence = z.preprocess(
  parseNumber,
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
  maxWidth: wholeNumberText(0, 8_192, 0).meta({
    description: 'Pixels; wider pictures are scaled down, 0 leaves the size.',
  }),
  quality: wholeNumberText(1, 100, 80).meta({ description: 'Of the JPEG.' }),
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
