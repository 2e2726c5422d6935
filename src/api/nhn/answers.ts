// Schemas of the answers' data. The types of the code and the responses of the OpenAPI document are derived from them.
import * as z from 'zod';
import { LANDMARK_TYPES } from '../../domain/face.js';

const fraction = z.number().min(0).max(1);
const percent = z.number().min(0).max(100);
const count = z.int().min(0);

const bbox = z.object({ x0: fraction, y0: fraction, x1: fraction, y1: fraction }).meta({
  id: 'BoundingBox',
  description: 'Fractions of the upright picture: x0 and x1 of its width, y0 and y1 of its height.',
});

const mask = z.boolean().optional();

export const faceDetailAnswer = z
  .object({
    bbox,
    landmarks: z
      .array(z.object({ type: z.enum(LANDMARK_TYPES), x: fraction, y: fraction }))
      .meta({ description: 'Fractions of the upright picture; left and right are the picture’s.' }),
    orientation: z
      .object({ x: z.number(), y: z.number(), z: z.number() })
      .optional()
      .meta({ description: 'Degrees: yaw, pitch, roll.' }),
    mask,
    spoofing: z.boolean().optional().meta({ description: 'True: an attack.' }),
    confidence: percent,
  })
  .meta({ id: 'FaceDetail' });

export const enrolledFaceAnswer = z
  .object({
    bbox,
    faceId: z.uuid(),
    imageId: z.uuid().meta({ description: 'The same for all faces of one picture.' }),
    externalImageId: z.string().optional(),
    confidence: percent,
  })
  .meta({ id: 'Face' });

const nextToken = z.string().optional().meta({ description: 'Token of the next page; absent on the last page.' });
const modelVersion = z.string().meta({ description: 'Version of the models that the group was enrolled under.' });
const similarFaces = z.array(z.object({ face: enrolledFaceAnswer, similarity: percent }));
const comparedFaceV2 = z.object({ faceDetail: faceDetailAnswer, similarity: percent });
const comparedFace = z.object({
  faceDetail: faceDetailAnswer,
  mask: mask.meta({ description: 'The mask of faceDetail again, for clients that read it here.' }),
  similarity: percent,
});
const faceDetails = z.array(faceDetailAnswer);

export const groupListAnswer = z.object({
  groupCount: count.meta({ description: 'Number of groups on this page.' }),
  groups: z.array(z.object({ groupId: z.string(), modelVersion })),
  nextToken,
});
export const groupListAnswerV2 = groupListAnswer.extend({ groups: z.array(z.object({ groupId: z.string() })) });

export const groupDetailsAnswerV2 = z.object({
  groupId: z.string(),
  createTime: z.string().meta({ description: 'UTC, YYYY-MM-DDTHH:mm:ss.' }),
  faceCount: count.meta({ description: 'Number of faces in the group.' }),
});
export const groupDetailsAnswer = z.object({
  groupCount: z.literal(1),
  groups: z.array(groupDetailsAnswerV2.extend({ modelVersion })),
});

export const detectAnswer = z.object({ faceDetailCount: count, faceDetails });

export const registerAnswerV2 = z.object({
  addedFaceCount: count,
  addedFaces: z.array(enrolledFaceAnswer),
  addedFaceDetails: faceDetails,
  notAddedFaceCount: count,
  notAddedFaces: faceDetails,
});
export const registerAnswer = registerAnswerV2.extend({ modelVersion });

export const faceListAnswerV2 = z.object({
  faceCount: count.meta({ description: 'Number of faces on this page.' }),
  faces: z.array(enrolledFaceAnswer),
  nextToken,
});
export const faceListAnswer = faceListAnswerV2.extend({ modelVersion });

export const faceSearchAnswerV2 = z.object({ matchFaceCount: count, matchFaces: similarFaces });
export const faceSearchAnswer = faceSearchAnswerV2.extend({ modelVersion });
const sourceFace = faceDetailAnswer.optional();
export const imageSearchAnswerV2 = faceSearchAnswerV2.extend({ sourceFace });
export const imageSearchAnswer = faceSearchAnswer.extend({ sourceFace });

export const compareAnswerV2 = z.object({
  matchedFaceDetailCount: count,
  matchedFaceDetails: z.array(comparedFaceV2),
  unmatchedFaceDetailCount: count,
  unmatchedFaceDetails: z.array(comparedFaceV2),
  sourceFace: faceDetailAnswer,
});
export const compareAnswer = compareAnswerV2.extend({
  matchedFaceDetails: z.array(comparedFace),
  unmatchedFaceDetails: z.array(comparedFace),
  modelVersion,
});

export const verifyAnswer = z.object({ similarity: percent, face: enrolledFaceAnswer, sourceFace: faceDetailAnswer });

export type FaceDetail = z.infer<typeof faceDetailAnswer>;
export type EnrolledFaceDetail = z.infer<typeof enrolledFaceAnswer>;
/** A face of the target picture as v1.0 writes it. */
export type ComparedFace = z.infer<typeof comparedFace>;
/** A face of the target picture as v2.0 writes it. */
export type ComparedFaceV2 = z.infer<typeof comparedFaceV2>;
