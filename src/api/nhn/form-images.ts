// Schemas of the pictures in a multipart form: a file, or the text of a URL where the form has a field for one.
import * as z from 'zod';
import type { ImageInput } from '../core/image-input.js';
import { FilePart } from '../core/multipart.js';

const file = z
  .custom<FilePart>((value) => value instanceof FilePart, {
    error: ({ input }) => (input === undefined ? 'is missing' : 'must be a file'),
  })
  .meta({ type: 'string', format: 'binary', description: 'A picture, JPEG or PNG.' });

/** Schema of the field `imageFile`. */
export const imageFile = file.transform(({ file: bytes }): ImageInput => ({ file: bytes }));

/** Schemas of the two fields of one picture of compare. */
export const optionalFile = file.optional();
export const optionalUrl = z.string().optional().meta({ description: 'http or https.' });

/**
 * @param name parameter, for the message
 * @returns the file or the URL that is given; z.NEVER, and an issue in the context, when none or both are given
 */
export function chooseImage(
  name: string,
  given: { file: FilePart | undefined; url: string | undefined },
  context: z.RefinementCtx,
): ImageInput {
  if (given.file !== undefined && given.url === undefined) return { file: given.file.file };
  if (given.url !== undefined && given.file === undefined) return { url: given.url };
  context.addIssue({ code: 'custom', path: [`${name}File`], message: `or ${name}Url must be given, and not both` });
  return z.NEVER;
}

/** Returns the schema for the OpenAPI document: exactly one of the two fields of each of these pictures. */
export function describeImageChoice(...names: readonly string[]): { allOf: object[] } {
  const describeField = (field: string) => ({
    type: 'object',
    properties: { [field]: { type: 'string' } },
    required: [field],
  });
  return { allOf: names.map((name) => ({ oneOf: [describeField(`${name}File`), describeField(`${name}Url`)] })) };
}
