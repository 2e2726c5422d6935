// Detect the faces of a picture, and tell living ones from attacks.
import { z } from 'zod';
import type { AnalysedImage } from '../../domain/face.js';
import { clientError } from '../../errors.js';
import { faceDetail, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../image-input.js';
import { alignedField, faceFields, imageField } from '../parameters.js';
import { route, type Route } from '../route.js';
import { analyse, fieldsFor, type FaceQuestions, type Services } from '../services.js';

/** At most 20 faces, largest first. */
export async function detect(
  services: Services,
  input: FaceQuestions & { image: ImageInput },
): Promise<{ image: AnalysedImage; fields: FaceFields }> {
  const fields = fieldsFor(services, input);
  return { image: await analyse(services, input.image, fields, 0), fields };
}

function detectedFaces({ image, fields }: { image: AnalysedImage; fields: FaceFields }): object {
  const faceDetails = image.faces.map((face) => faceDetail(face, image, fields));
  return { faceDetailCount: faceDetails.length, faceDetails };
}

export const detectRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/detect',
    body: z.object({ image: imageField, ...faceFields }),
    imageFields: ['image'],
    handle: async (services, { body }) => ({ data: detectedFaces(await detect(services, body)) }),
  }),
  route({
    method: 'POST',
    path: '/spoofing',
    body: z.object({ image: imageField, aligned: alignedField, ...faceFields }),
    imageFields: ['image'],
    handle: async (services, { body }) => {
      if (body.aligned) throw clientError('INVALID_PARAM', 'aligned cannot be true: this version detects the face.');
      return { data: detectedFaces(await detect(services, { ...body, spoofing: true })) };
    },
  }),
];
