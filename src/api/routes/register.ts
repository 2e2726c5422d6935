// Register the faces of a picture in a group.
import { z } from 'zod';
import { isEligible, type AnalysedImage, type Face } from '../../domain/face.js';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { clientError } from '../../errors.js';
import type { EnrolledFace, GroupRef, NewFace } from '../../gallery/gallery.types.js';
import { enrolledFaceDetail, faceDetail, fractionBox, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../image-input.js';
import { bodyLimit, faceFields, imageField } from '../parameters.js';
import { route, type Route } from '../route.js';
import { analyse, fieldsFor, requireComparableGroup, type FaceQuestions, type Services } from '../services.js';

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
): Promise<Registration> {
  const { gallery } = services;
  const fields = fieldsFor(services, input);
  const { modelVersion } = requireComparableGroup(services, ref);
  const freePlaces = gallery.freePlaces(ref);
  if (freePlaces <= 0) throw clientError('QUOTA_EXCEEDED', 'The group is full.');

  const image = await analyse(services, input.image, fields, Math.min(input.limit, freePlaces));
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
  // The quota is the gallery's to keep: another registration may have taken places since they were counted.
  const enrolled = newFaces.length === 0 ? [] : (await gallery.enrol(ref, newFaces)).enrolled;
  const added = enrolled.map((enrolledFace, i) => ({ face: chosen[i], enrolled: enrolledFace }));
  const addedFaces = new Set(chosen.slice(0, enrolled.length));
  const notAdded = image.faces.filter((face) => !addedFaces.has(face));
  return { modelVersion, image, fields, added, notAdded, quotaReached: enrolled.length < wanted };
}

const externalImageIdField = z
  .string()
  .regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -')
  .nullish()
  .transform((value) => value ?? undefined);

export const registerRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/groups/:groupId',
    body: z.object({
      image: imageField,
      externalImageId: externalImageIdField,
      limit: bodyLimit(20, 3),
      ...faceFields,
    }),
    imageFields: ['image'],
    handle: async (services, { owner, params, body }) => {
      const result = await register(services, { owner, groupId: params.groupId }, body);
      const { modelVersion, image, fields, added, notAdded, quotaReached } = result;
      const data = {
        modelVersion,
        addedFaceCount: added.length,
        addedFaces: added.map(({ enrolled }) => enrolledFaceDetail(enrolled)),
        addedFaceDetails: added.map(({ face }) => faceDetail(face, image, fields)),
        notAddedFaceCount: notAdded.length,
        notAddedFaces: notAdded.map((face) => faceDetail(face, image, fields)),
      };
      return { data, partial: quotaReached };
    },
  }),
];
