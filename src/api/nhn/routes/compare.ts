// Compare the largest face of one picture with the faces of another.
import { z } from 'zod';
import { cosine } from '../../../domain/embedding.js';
import type { AnalysedImage, Face } from '../../../domain/face.js';
import { AppError, clientError } from '../../../errors.js';
import { compareAnswer, compareAnswerV2 } from '../answers.js';
import { ImageSideError } from '../envelope.js';
import { faceDetail, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../../core/image-input.js';
import { optionalFile, optionalUrl, oneImage, oneImageEach } from '../form-images.js';
import { bodyThreshold, DEFAULT_THRESHOLD, faceFields, faceTexts, imageField, textThreshold } from '../parameters.js';
import { reportedSimilarity } from '../../../domain/reported-similarity.js';
import { route, type Route } from '../route.js';
import { analyse, embeddedFace, fieldsFor, type FaceQuestions, type Services } from '../services.js';

/** As many faces as a picture can have. */
const ALL_FACES = 20;

export interface Comparison {
  modelVersion: string;
  fields: FaceFields;
  source: { face: Face; image: AnalysedImage };
  targetImage: AnalysedImage;
  /** Every eligible face of the target, most similar first. */
  targets: { face: Face; similarity: number }[];
}

/** @throws AppError INVALID_PARAM: no eligible face in the source image; ImageSideError: one of the images, the source first */
export async function compare(
  services: Services,
  input: FaceQuestions & { sourceImage: ImageInput; targetImage: ImageInput },
): Promise<Comparison> {
  const { scale, vision } = services;
  const fields = fieldsFor(services, input);
  const [sourceResult, targetResult] = await Promise.allSettled([
    analyse(services, input.sourceImage, fields, 1),
    analyse(services, input.targetImage, fields, ALL_FACES),
  ]);
  const sourceImage = analysed(sourceResult, 'Source');
  const targetImage = analysed(targetResult, 'Target');
  const source = embeddedFace(sourceImage);
  if (!source) throw clientError('INVALID_PARAM', 'sourceImage has no face that can be compared.');
  const targets = targetImage.faces
    .flatMap((face) =>
      face.embedding ? [{ face, similarity: reportedSimilarity(scale, cosine(source.embedding, face.embedding)) }] : [],
    )
    .sort((a, b) => b.similarity - a.similarity);
  return {
    modelVersion: vision.modelVersion,
    fields,
    source: { face: source.face, image: sourceImage },
    targetImage,
    targets,
  };
}

function analysed(result: PromiseSettledResult<AnalysedImage>, side: 'Source' | 'Target'): AnalysedImage {
  if (result.status === 'fulfilled') return result.value;
  throw result.reason instanceof AppError ? new ImageSideError(side, result.reason) : result.reason;
}

/** @throws AppError INVALID_PARAM: both are given and differ */
function oneThreshold(ofQuery: number | undefined, ofBody: number | undefined): number {
  if (ofQuery !== undefined && ofBody !== undefined && ofQuery !== ofBody) {
    throw clientError('INVALID_PARAM', 'threshold is given in the query and in the body, and they differ.');
  }
  return ofQuery ?? ofBody ?? DEFAULT_THRESHOLD;
}

/** The answer without the model version. */
function comparisonData({ fields, source, targetImage, targets }: Comparison, threshold: number) {
  const matched: z.output<typeof compareAnswerV2>['matchedFaceDetails'] = [];
  const unmatched: typeof matched = [];
  for (const { face, similarity } of targets) {
    const list = similarity >= threshold ? matched : unmatched;
    list.push({ faceDetail: faceDetail(face, targetImage, fields), similarity });
  }
  return {
    matchedFaceDetailCount: matched.length,
    matchedFaceDetails: matched,
    unmatchedFaceDetailCount: unmatched.length,
    unmatchedFaceDetails: unmatched,
    sourceFace: faceDetail(source.face, source.image, fields),
  };
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
      const threshold = oneThreshold(query.threshold, body.threshold);
      const comparison = await compare(services, body);
      return { data: { modelVersion: comparison.modelVersion, ...comparisonData(comparison, threshold) } };
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
        // Named, so that it is there, if only as undefined, as it is in the JSON body.
        threshold: form.threshold,
        sourceImage: oneImage('sourceImage', { file: form.sourceImageFile, url: form.sourceImageUrl }, context),
        targetImage: oneImage('targetImage', { file: form.targetImageFile, url: form.targetImageUrl }, context),
      }))
      .meta(oneImageEach('sourceImage', 'targetImage')),
    imageFields: ['sourceImage', 'targetImage'],
    data: compareAnswerV2,
    handle: async (services, { body }) => ({
      data: comparisonData(await compare(services, body), body.threshold ?? DEFAULT_THRESHOLD),
    }),
  }),
];
