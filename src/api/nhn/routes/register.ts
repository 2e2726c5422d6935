// Register the faces of a picture in a group.
import { z } from 'zod';
import { fractionBox, isEligible, type AnalysedImage, type Face } from '../../../domain/face.js';
import { clientError } from '../../../errors.js';
import type { EnrolledFace, GroupRef, NewFace } from '../../../gallery/gallery.types.js';
import { registerAnswer, registerAnswerV2 } from '../answers.js';
import { enrolledFaceDetail, faceDetail, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../../core/image-input.js';
import { imageFile } from '../form-images.js';
import {
  bodyLimit,
  externalImageIdField,
  externalImageIdText,
  faceFields,
  faceTexts,
  imageField,
  textLimit,
} from '../parameters.js';
import { route, type Route } from '../route.js';
import {
  analyse,
  fieldsFor,
  requireComparableGroup,
  requireGroup,
  type FaceQuestions,
  type Services,
} from '../services.js';

export interface Registration {
  modelVersion: string;
  image: AnalysedImage;
  fields: FaceFields;
  /** Largest first. */
  added: { face: Face; enrolled: EnrolledFace }[];
  /** Not eligible, beyond `limit`, or beyond the quota; largest first. */
  notAdded: Face[];
  /** The group's quota left some of the faces out. */
  quotaReached: boolean;
}

/** @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, QUOTA_EXCEEDED and those of a picture */
export async function register(
  services: Services,
  ref: GroupRef,
  input: FaceQuestions & { image: ImageInput; externalImageId?: string; limit: number },
  actor: string,
): Promise<Registration> {
  const { gallery } = services;
  const fields = fieldsFor(services, input);
  const { modelVersion } = requireComparableGroup(services, ref);
  const freePlaces = gallery.freePlaces(ref);
  if (freePlaces <= 0) throw clientError('QUOTA_EXCEEDED', 'The group is full.');

  const image = await analyse(services, input.image, fields, Math.min(input.limit, freePlaces), { modelVersion });
  const wanted = Math.min(input.limit, image.faces.filter(isEligible).length);
  const chosen: Face[] = [];
  const newFaces: NewFace[] = [];
  for (const face of image.faces) {
    if (!face.embedding || chosen.length === input.limit) continue;
    chosen.push(face);
    newFaces.push({
      externalImageId: input.externalImageId,
      bbox: fractionBox(face.boxPx, image),
      detectionScore: face.detectionScore,
      embedding: face.embedding,
    });
  }
  // Embeddings of different versions never meet, also where the group was deleted and made anew while the picture was analysed.
  if (requireGroup(services, ref).modelVersion !== modelVersion) {
    throw clientError('MODEL_VERSION_MISMATCH', 'The group was made anew, under other models, in the meantime.');
  }
  // The quota is the gallery's to keep: another registration may have taken places since they were counted.
  const enrolled = newFaces.length === 0 ? [] : (await gallery.enrol(ref, newFaces, actor)).enrolled;
  const added = enrolled.map((enrolledFace, i) => ({ face: chosen[i], enrolled: enrolledFace }));
  const addedFaces = new Set(chosen.slice(0, enrolled.length));
  const notAdded = image.faces.filter((face) => !addedFaces.has(face));
  return { modelVersion, image, fields, added, notAdded, quotaReached: enrolled.length < wanted };
}

/** The answer without the model version. */
function registrationData({ image, fields, added, notAdded }: Registration): z.output<typeof registerAnswerV2> {
  return {
    addedFaceCount: added.length,
    addedFaces: added.map(({ enrolled }) => enrolledFaceDetail(enrolled)),
    addedFaceDetails: added.map(({ face }) => faceDetail(face, image, fields)),
    notAddedFaceCount: notAdded.length,
    notAddedFaces: notAdded.map((face) => faceDetail(face, image, fields)),
  };
}

const registerBody = z.object({
  image: imageField,
  externalImageId: externalImageIdField,
  limit: bodyLimit(20, 3),
  ...faceFields,
});

export const registerRoutes: readonly Route[] = [
  route({
    name: 'registerFaces',
    summary: 'Register the largest faces of a picture in a group',
    method: 'POST',
    path: '/groups/:groupId',
    body: registerBody,
    imageFields: ['image'],
    data: registerAnswer,
    handle: async (services, { owner, actor, params, body }) => {
      const result = await register(services, { owner, groupId: params.groupId }, body, actor);
      const { modelVersion, quotaReached: partial } = result;
      return { data: { modelVersion, ...registrationData(result) }, partial };
    },
  }),
];

export const registerRoutesV2: readonly Route[] = [
  route({
    name: 'registerFaces',
    summary: 'Register the largest faces of a picture in a group',
    method: 'POST',
    path: '/groups/:groupId/faces',
    body: registerBody,
    form: z
      .object({ imageFile, externalImageId: externalImageIdText, limit: textLimit(20, 3), ...faceTexts })
      .transform(({ imageFile: image, externalImageId, ...rest }) => ({ ...rest, image, externalImageId })),
    imageFields: ['image'],
    data: registerAnswerV2,
    handle: async (services, { owner, actor, params, body }) => {
      const result = await register(services, { owner, groupId: params.groupId }, body, actor);
      return { data: registrationData(result), partial: result.quotaReached };
    },
  }),
];
