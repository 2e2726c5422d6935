// Register: enrols the faces of a picture in a group.
import * as z from 'zod';
import { toFractionBox, type AnalysedImage, type Face } from '../../../domain/face.js';
import { clientError } from '../../../errors.js';
import type { EnrolmentPolicy } from '../../../domain/enrolment-policy.js';
import type { EnrolledFace, FaceOrigin, FaceOutcome, GroupRef, NewFace } from '../../../gallery/gallery.types.js';
import { registerAnswer, registerAnswerV2 } from '../answers.js';
import { describeEnrolledFace, describeFace, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../../core/image-input.js';
import { imageFile } from '../form-images.js';
import { explainConcerns } from '../identity-concerns.js';
import {
  bodyLimit,
  enrolmentField,
  enrolmentText,
  externalImageIdField,
  externalImageIdText,
  faceFields,
  faceTexts,
  imageField,
  originField,
  originText,
  textLimit,
} from '../parameters.js';
import { route, type Route } from '../route.js';
import {
  analyse,
  chooseFields,
  findScales,
  pickEmbedding,
  requireWritableGroup,
  requireGroup,
  type FaceQuestions,
  type Services,
} from '../services.js';
import { explainNotAdded, isUnrecognisable, joinSentences } from '../unrecognisable.js';

export interface Registration {
  modelVersion: string;
  image: AnalysedImage;
  fields: FaceFields;
  /** Largest first. */
  added: { face: Face; enrolled: EnrolledFace }[];
  /** Faces that are not eligible, cannot be recognised, are refused by the policy, or are beyond `limit` or the quota; largest first. */
  notAdded: Face[];
  /** Those of `notAdded` that cannot be recognised. */
  unrecognisable: Face[];
  /** Outcomes of the faces that are eligible and can be recognised. */
  outcomes: FaceOutcome[];
  /** True when the group's quota left some of the faces out. */
  quotaReached: boolean;
}

/**
 * Enrols the largest eligible faces of a picture.
 * @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, QUOTA_EXCEEDED, and those of analyse
 */
export async function register(
  services: Services,
  ref: GroupRef,
  input: FaceQuestions & {
    image: ImageInput;
    externalImageId?: string | undefined;
    limit: number;
    enrolment?: EnrolmentPolicy | undefined;
    origin?: FaceOrigin | undefined;
  },
  actor: string,
): Promise<Registration> {
  const { gallery } = services;
  const fields = chooseFields(services, input);
  const group = requireWritableGroup(services, ref);
  const { modelVersion } = group;
  if (gallery.freePlaces(ref) <= 0) throw clientError('QUOTA_EXCEEDED', 'The group is full.');

  const scales = findScales(services, group);
  // A face that cannot be recognised counts towards the limit: with a limit of 1, nobody but the largest face is meant.
  const crops = services.successor?.isWanted(ref) === true;
  const image = await analyse(services, input.image, fields, { embed: input.limit, modelVersion, crops });
  const { externalImageId, origin = 'nhn' } = input;
  const unrecognisable = image.faces.filter((face) => isUnrecognisable(face, scales));
  const chosen: Face[] = [];
  const newFaces: NewFace[] = [];
  for (const face of image.faces) {
    const embedded = pickEmbedding(face);
    if (!embedded || unrecognisable.includes(face)) continue;
    chosen.push(face);
    newFaces.push({
      ...(externalImageId !== undefined && { externalImageId }),
      bbox: toFractionBox(face.boxPx, image),
      detectionScore: face.detectionScore,
      ...(face.quality && { quality: face.quality.overall }),
      origin,
      ...embedded,
    });
  }
  // A group must not mix embeddings of different model versions, and it may have been deleted and created again in the meantime.
  if (requireGroup(services, ref).modelVersion !== modelVersion) {
    throw clientError('MODEL_VERSION_MISMATCH', 'The group was created again, under other models, in the meantime.');
  }
  // The gallery checks the quota again: another registration may have taken places since they were counted.
  const rules = { policy: input.enrolment, scales, facesInPicture: image.faces.length };
  const { outcomes } = newFaces.length === 0 ? { outcomes: [] } : await gallery.enrol(ref, newFaces, actor, rules);
  const added = chosen.flatMap((face, i) => {
    const enrolled = outcomes[i]?.enrolled;
    return enrolled ? [{ face, enrolled }] : [];
  });
  const followed = added.flatMap(({ face: { crop }, enrolled: { faceId } }) => (crop ? [{ faceId, crop }] : []));
  await services.successor?.follow(ref, followed, actor);
  const addedFaces = new Set(added.map(({ face }) => face));
  const notAdded = image.faces.filter((face) => !addedFaces.has(face));
  const quotaReached = outcomes.some(({ enrolled, isRefused }) => !enrolled && !isRefused);
  return { modelVersion, image, fields, added, notAdded, unrecognisable, outcomes, quotaReached };
}

/** Returns the data of v2.0. */
function describeRegistration({ image, fields, added, notAdded }: Registration): z.output<typeof registerAnswerV2> {
  return {
    addedFaceCount: added.length,
    addedFaces: added.map(({ enrolled }) => describeEnrolledFace(enrolled)),
    addedFaceDetails: added.map(({ face }) => describeFace(face, image, fields)),
    notAddedFaceCount: notAdded.length,
    notAddedFaces: notAdded.map((face) => describeFace(face, image, fields)),
  };
}

/** Returns the sentences about faces that were not added, and about doubts on those that were. */
function explain({ unrecognisable, outcomes }: Registration): string | undefined {
  return joinSentences(explainNotAdded(unrecognisable), explainConcerns(outcomes));
}

const registerBody = z.object({
  image: imageField,
  externalImageId: externalImageIdField,
  limit: bodyLimit(20, 3),
  enrolment: enrolmentField,
  origin: originField,
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
      return { data: { modelVersion, ...describeRegistration(result) }, partial, detail: explain(result) };
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
      .object({
        imageFile,
        externalImageId: externalImageIdText,
        limit: textLimit(20, 3),
        enrolment: enrolmentText,
        origin: originText,
        ...faceTexts,
      })
      .transform(({ imageFile: image, externalImageId, enrolment, origin, ...rest }) => ({
        ...rest,
        image,
        externalImageId,
        enrolment,
        origin,
      })),
    imageFields: ['image'],
    data: registerAnswerV2,
    handle: async (services, { owner, actor, params, body }) => {
      const result = await register(services, { owner, groupId: params.groupId }, body, actor);
      return { data: describeRegistration(result), partial: result.quotaReached, detail: explain(result) };
    },
  }),
];
