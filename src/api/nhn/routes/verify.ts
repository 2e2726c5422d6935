// Verify: the similarity of one enrolled face and the largest face of a picture.
import * as z from 'zod';
import type { AnalysedImage, Face } from '../../../domain/face.js';
import { clientError } from '../../../errors.js';
import type { EnrolledFace, GroupRef } from '../../../gallery/gallery.types.js';
import { verifyAnswer } from '../answers.js';
import { describeEnrolledFace, describeFace, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../../core/image-input.js';
import { imageFile } from '../form-images.js';
import { faceFields, faceTexts, imageField } from '../parameters.js';
import { route, type AppRequest, type Route } from '../route.js';
import {
  analyse,
  findEmbeddedFace,
  chooseFields,
  requireComparableGroup,
  requireFace,
  findScales,
  type FaceQuestions,
  type Services,
} from '../services.js';
import { ENROLLED_UNRECOGNISABLE, explainNoMatch, isUnrecognisable, joinSentences } from '../unrecognisable.js';

type VerifyInput = FaceQuestions & { image: ImageInput };

export interface Verification {
  /** 0..100 */
  similarity: number;
  face: EnrolledFace;
  source: { face: Face; image: AnalysedImage };
  fields: FaceFields;
  /** Sentences about faces that cannot be recognised; undefined where there are none. */
  detail: string | undefined;
}

/**
 * Compares the largest eligible face of a picture with one enrolled face.
 * @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, FACE_NOT_FOUND, those of analyse; INVALID_PARAM: no face is eligible
 */
export async function verify(
  services: Services,
  ref: GroupRef,
  faceId: string,
  input: VerifyInput,
): Promise<Verification> {
  const fields = chooseFields(services, input);
  const group = requireComparableGroup(services, ref);
  const face = requireFace(services, ref, faceId);
  const image = await analyse(services, input.image, fields, { embed: 1, modelVersion: group.modelVersion });
  const found = findEmbeddedFace(image);
  if (!found) throw clientError('INVALID_PARAM', 'The picture compareImage has no face that can be compared.');
  const scales = findScales(services, group);
  const detail = joinSentences(
    explainNoMatch(
      [found.face].filter((one) => isUnrecognisable(one, scales)),
      'compareImage',
    ),
    !scales.isRecognisable(face.condition) ? ENROLLED_UNRECOGNISABLE : undefined,
  );
  return {
    detail,
    similarity: services.gallery.compareWithFace(ref, faceId, found.probe, scales),
    face,
    source: { face: found.face, image },
    fields,
  };
}

function describeVerification({ similarity, face, source, fields }: Verification): z.output<typeof verifyAnswer> {
  return {
    similarity,
    face: describeEnrolledFace(face),
    sourceFace: describeFace(source.face, source.image, fields),
  };
}

type VerifyRequest = AppRequest<':groupId/:faceId', unknown, VerifyInput>;

const verifyRoute = {
  name: 'verify',
  summary: 'Compare the largest face of a picture with an enrolled face',
  method: 'POST',
  body: z
    .object({ compareImage: imageField, ...faceFields })
    .transform(({ compareImage: image, ...rest }) => ({ ...rest, image })),
  imageFields: ['compareImage'],
  data: verifyAnswer,
  handle: async (services: Services, { owner, params, body }: VerifyRequest) => {
    const ref = { owner, groupId: params.groupId };
    const verification = await verify(services, ref, params.faceId, body);
    return { data: describeVerification(verification), detail: verification.detail };
  },
} as const;

export const verifyRoutes: readonly Route[] = [
  route({ ...verifyRoute, path: '/verify/groups/:groupId/faces/:faceId' }),
];

export const verifyRoutesV2: readonly Route[] = [
  route({
    ...verifyRoute,
    path: '/groups/:groupId/faces/:faceId/verify',
    form: z.object({ imageFile, ...faceTexts }).transform(({ imageFile: image, ...rest }) => ({ ...rest, image })),
  }),
];
