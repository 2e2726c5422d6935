// Detect: the faces of a picture, and which of them are attacks.
import * as z from 'zod';
import type { AnalysedImage } from '../../../domain/face.js';
import type { ImageInput } from '../../core/image-input.js';
import { detectAnswer } from '../answers.js';
import { describeFace, type FaceFields } from '../face-details.js';
import { imageFile } from '../form-images.js';
import { alignedField, faceFields, faceTexts, imageField } from '../parameters.js';
import { route, type Route } from '../route.js';
import { analyse, chooseFields, type FaceQuestions, type Services } from '../services.js';

/** Returns at most 20 faces, largest first. */
export async function detect(
  services: Services,
  input: FaceQuestions & { image: ImageInput; aligned?: boolean },
): Promise<{ image: AnalysedImage; fields: FaceFields }> {
  const fields = chooseFields(services, input);
  const image = await analyse(services, input.image, fields, { embed: 0, aligned: input.aligned ?? false });
  return { image, fields };
}

function describeFaces({ image, fields }: { image: AnalysedImage; fields: FaceFields }): z.output<typeof detectAnswer> {
  const faceDetails = image.faces.map((face) => describeFace(face, image, fields));
  return { faceDetailCount: faceDetails.length, faceDetails };
}

const detectBody = z.object({ image: imageField, ...faceFields });

export const detectRoutes: readonly Route[] = [
  route({
    name: 'detect',
    summary: 'Detect the faces of a picture',
    method: 'POST',
    path: '/detect',
    body: detectBody,
    imageFields: ['image'],
    data: detectAnswer,
    handle: async (services, { body }) => ({ data: describeFaces(await detect(services, body)) }),
  }),
  route({
    name: 'detectSpoofing',
    summary: 'Detect the faces of a picture and tell living ones from attacks',
    method: 'POST',
    path: '/spoofing',
    body: z.object({ image: imageField, aligned: alignedField, ...faceFields }),
    imageFields: ['image'],
    data: detectAnswer,
    handle: async (services, { body }) => ({
      data: describeFaces(await detect(services, { ...body, spoofing: true })),
    }),
  }),
];

export const detectRoutesV2: readonly Route[] = [
  route({
    name: 'detect',
    summary: 'Detect the faces of a picture',
    method: 'POST',
    path: '/faces/detect',
    body: detectBody,
    form: z.object({ imageFile, ...faceTexts }).transform(({ imageFile: image, ...rest }) => ({ ...rest, image })),
    imageFields: ['image'],
    data: detectAnswer,
    handle: async (services, { body }) => ({ data: describeFaces(await detect(services, body)) }),
  }),
];
