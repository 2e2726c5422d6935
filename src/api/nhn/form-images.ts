// The pictures of a multipart form, as schemas: a file, or the text of a URL where the form has a place for one.
import { z } from 'zod';
import type { ImageInput } from '../core/image-input.js';
import { FilePart } from '../core/multipart.js';

const file = z
  .custom<FilePart>((value) => value instanceof FilePart, {
    error: ({ input }) => (input === undefined ? 'is missing' : 'must be a file'),
  })
  .meta({ type: 'string', format: 'binary', description: 'A picture, JPEG or PNG.' });

/** The field `imageFile`. */
export const imageFile = file.transform(({ file: bytes }): ImageInput => ({ file: bytes }));

/** The two fields of one of compare's pictures. */
export const optionalFile = file.optional();
export const optionalUrl = z.string().optional().meta({ description: 'http or https.' });

/**
 * @param name of the parameter, for the message
 * @returns the one that is given; z.NEVER, and an issue, where none or both are
 */
export function oneImage(
  name: string,
  given: { file: FilePart | undefined; url: string | undefined },
  context: z.RefinementCtx,
): ImageInput {
  if (given.file !== undefined && given.url === undefined) return { file: given.file.file };
  if (given.url !== undefined && given.file === undefined) return { url: given.url };
  context.addIssue({
    code: 'custom',
    path: [`${name}File`],
    message: `and ${name}Url: exactly one of them must be given`,
  });
  return z.NEVER;
}

/** For the document: of both fields of each of these pictures exactly one. */
export function oneImageEach(...names: readonly string[]): { allOf: object[] } {
  const having = (field: string) => ({
    type: 'object',
    properties: { [field]: { type: 'string' } },
    required: [field],
  });
  return { allOf: names.map((name) => ({ oneOf: [having(`${name}File`), having(`${name}Url`)] })) };
}
