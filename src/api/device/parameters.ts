// Schemas of the parameters that several routes of the device API share, and the link to the next page of a list.
import * as z from 'zod';
import { ENROLMENT_POLICIES } from '../../domain/enrolment-policy.js';
import { EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../../domain/ids.js';
import { parseFlag, parseNumber, wholeNumberText } from '../core/parameters.js';

/** Schema of a sequence number written as text; undefined when it is not given. */
export const textSequence = z.preprocess(
  parseNumber,
  z.int().min(1).optional().meta({ description: 'Only older entries: the `before` of the previous page.' }),
);

/** Schema of a time; its output is epoch milliseconds. */
export const textTime = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => Date.parse(text));

/** Reads a sequence number in a path. @returns undefined for a text that is none */
export function parseSequence(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

export const textFlag = z
  .preprocess(
    (value) => {
      const flag = parseFlag(value);
      return typeof flag === 'boolean' ? String(flag) : flag;
    },
    z.enum(['true', 'false']).optional().meta({ default: 'false', description: 'In any case; also 1 and 0.' }),
  )
  .transform((value) => value === 'true');

/** Fields that name a person and the group to enrol them in. */
export const enrolFields = {
  group: z.string().regex(GROUP_ID_PATTERN, 'must have 1 to 255 of: a to z, 0 to 9, -'),
  appKey: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .meta({ description: 'Name of the appKey that owns the group; by default that of the camera.' }),
  externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -'),
  duplicateThreshold: z.number().min(1).max(100).default(90).meta({
    description: 'Similarity from which on a face enrolled under another externalImageId counts as the same person.',
  }),
  enrolment: z
    .enum(ENROLMENT_POLICIES)
    .default('one-person-per-id')
    .meta({
      description:
        'Policy for this enrolment; that of the group applies where it is stricter. With one-person-per-id a person who is unlike the ' +
        'enrolled faces of the externalImageId is refused; with open they are enrolled beside them.',
    }),
};

/** Query of a picture of a camera. */
export const pictureQuery = {
  boxes: textFlag,
  maxWidth: wholeNumberText(0, 8_192, 0).meta({
    description: 'Pixels; a wider picture is scaled down. 0 keeps its size.',
  }),
  quality: wholeNumberText(1, 100, 80).meta({ description: 'Quality of the JPEG.' }),
};

type TextQuery = Readonly<Record<string, string | number | undefined>>;

/**
 * Returns the fields that lead to the next page of a list.
 * @param path path of the list
 * @param before where the next page begins; undefined on the last page
 * @param query query of this page
 */
export function linkNextPage<Before extends string | number>(
  path: string,
  before: Before | undefined,
  query: TextQuery,
): { before?: Before; next?: string } {
  return before === undefined ? {} : { before, next: makeLink(path, { ...query, before }) };
}

/** Like linkNextPage, for a list in the order of its ids. @param after the last id of this page; undefined on the last page */
export function linkPageAfter(
  path: string,
  after: string | undefined,
  query: TextQuery,
): { after?: string; next?: string } {
  return after === undefined ? {} : { after, next: makeLink(path, { ...query, after }) };
}

function makeLink(path: string, query: TextQuery): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return `${path}?${parameters.toString()}`;
}
