// Compare: the largest face of one picture with the faces of another.
import * as z from 'zod';
import type { AnalysedImage, Face } from '../../../domain/face.js';
import { compareTemplates } from '../../../domain/reported-similarity.js';
import { AppError, clientError } from '../../../errors.js';
import type { ImageInput } from '../../core/image-input.js';
import { compareAnswer, compareAnswerV2, type ComparedFace, type ComparedFaceV2 } from '../answers.js';
import { ImageSideError } from '../envelope.js';
import { describeFace, type FaceFields } from '../face-details.js';
import { chooseImage, describeImageChoice, optionalFile, optionalUrl } from '../form-images.js';
import { bodyThreshold, DEFAULT_THRESHOLD, faceFields, faceTexts, imageField, textThreshold } from '../parameters.js';
import { route, type Route } from '../route.js';
import {
  analyse,
  chooseFields,
  findEmbeddedFace,
  pickEmbedding,
  type FaceQuestions,
  type Services,
} from '../services.js';
import { explainNoMatch, isUnrecognisable, joinSentences } from '../unrecognisable.js';

/** The most faces that a picture can have. */
const MAX_FACES = 20;

export interface Comparison {
  modelVersion: string;
  fields: FaceFields;
  source: { face: Face; image: AnalysedImage };
  targetImage: AnalysedImage;
  /** All eligible faces of the target, most similar first. */
  targets: { face: Face; similarity: number }[];
  /** Sentences about faces that cannot be recognised; undefined where there are none. */
  detail: string | undefined;
}

interface ImagePair {
  sourceImage: ImageInput;
  targetImage: ImageInput;
}

/**
 * Compares the largest eligible face of the source image with every eligible face of the target image.
 * @throws AppError INVALID_PARAM: the source image has no eligible face; ImageSideError: an image was refused
 */
export async function compare(services: Services, input: FaceQuestions & ImagePair): Promise<Comparison> {
  const { scales, vision } = services;
  const fields = chooseFields(services, input);
  const [sourceImage, targetImage] = await analysePair(services, input, fields);
  const source = findEmbeddedFace(sourceImage);
  if (!source) throw clientError('INVALID_PARAM', 'The picture sourceImage has no face that can be compared.');
  const isUnclear = (face: Face): boolean => isUnrecognisable(face, scales);
  const targets = targetImage.faces
    .flatMap((face) => {
      const target = pickEmbedding(face);
      return target ? [{ face, similarity: compareTemplates(source.probe, target, scales) }] : [];
    })
    .sort((a, b) => b.similarity - a.similarity);
  const detail = joinSentences(
    explainNoMatch([source.face].filter(isUnclear), 'sourceImage'),
    explainNoMatch(targetImage.faces.filter(isUnclear), 'targetImage'),
  );
  return {
    modelVersion: vision.modelVersion,
    fields,
    source: { face: source.face, image: sourceImage },
    targetImage,
    targets,
    detail,
  };
}

/**
 * Analyses both pictures at the same time. A refused source is reported at once, and the target is then no longer fetched. A refused
 * target is reported only when the source has been accepted.
 * @throws ImageSideError
 */
async function analysePair(
  services: Services,
  { sourceImage, targetImage }: ImagePair,
  fields: FaceFields,
): Promise<[AnalysedImage, AnalysedImage]> {
  const settled = new AbortController();
  const source = analyse(services, sourceImage, fields, { embed: 1 });
  const target = analyse(services, targetImage, fields, { embed: MAX_FACES, cancelled: settled.signal });
  // A target that is refused while the source is still awaited must not become an unhandled rejection.
  target.catch(() => undefined);
  try {
    return [await labelErrors('Source', source), await labelErrors('Target', target)];
  } finally {
    // Ends the fetch of the target when the source was refused.
    settled.abort();
  }
}

/** @throws ImageSideError for an AppError of the picture */
async function labelErrors(side: 'Source' | 'Target', picture: Promise<AnalysedImage>): Promise<AnalysedImage> {
  try {
    return await picture;
  } catch (error) {
    throw error instanceof AppError ? new ImageSideError(side, error) : error;
  }
}

/** Returns the threshold that is given, or the default. @throws AppError INVALID_PARAM: both are given and differ */
function chooseThreshold(fromQuery: number | undefined, fromBody: number | undefined): number {
  if (fromQuery !== undefined && fromBody !== undefined && fromQuery !== fromBody) {
    throw clientError('INVALID_PARAM', 'The parameter threshold differs from the field threshold; give one of them.');
  }
  return fromQuery ?? fromBody ?? DEFAULT_THRESHOLD;
}

/** Returns the data of v2.0. */
function describeComparison(
  { fields, source, targetImage, targets }: Comparison,
  threshold: number,
): z.output<typeof compareAnswerV2> {
  const matched: ComparedFaceV2[] = [];
  const unmatched: ComparedFaceV2[] = [];
  for (const { face, similarity } of targets) {
    const list = similarity >= threshold ? matched : unmatched;
    list.push({ faceDetail: describeFace(face, targetImage, fields), similarity });
  }
  return {
    matchedFaceDetailCount: matched.length,
    matchedFaceDetails: matched,
    unmatchedFaceDetailCount: unmatched.length,
    unmatchedFaceDetails: unmatched,
    sourceFace: describeFace(source.face, source.image, fields),
  };
}

/** Adds the mask beside the similarity: guides of v1.0 list it there, while their examples have it inside faceDetail. */
function addMask({ faceDetail, similarity }: ComparedFaceV2): ComparedFace {
  const { mask } = faceDetail;
  return { faceDetail, ...(mask !== undefined && { mask }), similarity };
}

const compareBody = z.object({
  sourceImage: imageField,
  targetImage: imageField,
  threshold: bodyThreshold,
  ...faceFields,
});

export const compareRoutes: readonly Route[] = [
  route({
    name: 'compare',
    summary: 'Compare the largest face of one picture with the faces of another',
    method: 'POST',
    path: '/compare',
    query: z.object({ threshold: textThreshold }),
    body: compareBody,
    imageFields: ['sourceImage', 'targetImage'],
    data: compareAnswer,
    handle: async (services, { query, body }) => {
      const threshold = chooseThreshold(query.threshold, body.threshold);
      const comparison = await compare(services, body);
      const data = describeComparison(comparison, threshold);
      return {
        data: {
          modelVersion: comparison.modelVersion,
          ...data,
          matchedFaceDetails: data.matchedFaceDetails.map(addMask),
          unmatchedFaceDetails: data.unmatchedFaceDetails.map(addMask),
        },
        detail: comparison.detail,
      };
    },
  }),
];

export const compareRoutesV2: readonly Route[] = [
  route({
    name: 'compare',
    summary: 'Compare the largest face of one picture with the faces of another',
    method: 'POST',
    path: '/faces/compare',
    body: compareBody,
    form: z
      .object({
        sourceImageFile: optionalFile,
        sourceImageUrl: optionalUrl,
        targetImageFile: optionalFile,
        targetImageUrl: optionalUrl,
        threshold: textThreshold,
        ...faceTexts,
      })
      .transform((form, context) => ({
        ...form,
        // Named here so that the key is always present, as in the output of the JSON body.
        threshold: form.threshold,
        sourceImage: chooseImage('sourceImage', { file: form.sourceImageFile, url: form.sourceImageUrl }, context),
        targetImage: chooseImage('targetImage', { file: form.targetImageFile, url: form.targetImageUrl }, context),
      }))
      .meta(describeImageChoice('sourceImage', 'targetImage')),
    imageFields: ['sourceImage', 'targetImage'],
    data: compareAnswerV2,
    handle: async (services, { body }) => {
      const comparison = await compare(services, body);
      const data = describeComparison(comparison, body.threshold ?? DEFAULT_THRESHOLD);
      return { data, detail: comparison.detail };
    },
  }),
];
