// Verify: the similarity of one enrolled face and the largest face of a picture.
import { z } from 'zod';
import type { AnalysedImage, Face } from '../../domain/face.js';
import { clientError } from '../../errors.js';
import type { EnrolledFace, GroupRef } from '../../gallery/gallery.types.js';
import { enrolledFaceDetail, faceDetail, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../image-input.js';
import { faceFields, imageField } from '../parameters.js';
import { reportedSimilarity } from '../reported-similarity.js';
import { route, type Route } from '../route.js';
import {
  analyse,
  embeddedFace,
  fieldsFor,
  requireComparableGroup,
  requireFace,
  type FaceQuestions,
  type Services,
} from '../services.js';

export interface Verification {
  /** 0..100 */
  similarity: number;
  face: EnrolledFace;
  source: { face: Face; image: AnalysedImage };
  fields: FaceFields;
}

/** @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, FACE_NOT_FOUND, those of a picture; INVALID_PARAM: no eligible face in it */
export async function verify(
  services: Services,
  ref: GroupRef,
  faceId: string,
  input: FaceQuestions & { image: ImageInput },
): Promise<Verification> {
  const fields = fieldsFor(services, input);
  requireComparableGroup(services, ref);
  const face = requireFace(services, ref, faceId);
  const image = await analyse(services, input.image, fields, 1);
  const probe = embeddedFace(image);
  if (!probe) throw clientError('INVALID_PARAM', 'compareImage has no face that can be compared.');
  const cosine = services.gallery.compareWithFace(ref, faceId, probe.embedding);
  return {
    similarity: reportedSimilarity(services.scale, cosine),
    face,
    source: { face: probe.face, image },
    fields,
  };
}

export const verifyRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/verify/groups/:groupId/faces/:faceId',
    body: z.object({ compareImage: imageField, ...faceFields }),
    imageFields: ['compareImage'],
    handle: async (services, { owner, params, body }) => {
      const ref = { owner, groupId: params.groupId };
      const result = await verify(services, ref, params.faceId, { ...body, image: body.compareImage });
      const { similarity, face, source, fields } = result;
      const sourceFace = faceDetail(source.face, source.image, fields);
      return { data: { similarity, face: enrolledFaceDetail(face), sourceFace } };
    },
  }),
];
