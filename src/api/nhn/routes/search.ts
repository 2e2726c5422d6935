// Search in a group: by an enrolled face, or by the largest face of a picture.
import * as z from 'zod';
import type { AnalysedImage, Face } from '../../../domain/face.js';
import type { FaceMatch, GroupRef } from '../../../gallery/gallery.types.js';
import { faceSearchAnswer, faceSearchAnswerV2, imageSearchAnswer, imageSearchAnswerV2 } from '../answers.js';
import { describeEnrolledFace, describeFace, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../../core/image-input.js';
import { imageFile } from '../form-images.js';
import {
  bodyLimit,
  bodyThreshold,
  DEFAULT_THRESHOLD,
  faceFields,
  faceTexts,
  imageField,
  searchQuery,
  textLimit,
  textThreshold,
} from '../parameters.js';
import { route, type Route } from '../route.js';
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
import { ENROLLED_UNRECOGNISABLE, explainNoMatch, isUnrecognisable } from '../unrecognisable.js';

interface SearchBounds {
  limit: number;
  /** 1..100 */
  threshold: number;
}

export interface SearchResult {
  modelVersion: string;
  /** Most similar first. */
  matches: FaceMatch[];
  /** The sentence about a probe that cannot be recognised; absent where it can. */
  detail?: string | undefined;
}

export interface ImageSearchResult extends SearchResult {
  /** Absent when the picture has no eligible face. */
  source?: { face: Face; image: AnalysedImage; fields: FaceFields };
}

/**
 * Searches a group by one of its faces, which is not among the matches.
 * @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, FACE_NOT_FOUND
 */
export async function searchByFace(
  services: Services,
  ref: GroupRef,
  faceId: string,
  { limit, threshold }: SearchBounds,
): Promise<SearchResult> {
  const group = requireComparableGroup(services, ref);
  const { modelVersion } = group;
  const { condition } = requireFace(services, ref, faceId);
  const scales = findScales(services, group);
  const matches = services.gallery.searchByFace(ref, faceId, { limit, threshold, scales });
  const detail = !scales.isRecognisable(condition) ? ENROLLED_UNRECOGNISABLE : undefined;
  return { modelVersion, matches, detail };
}

/**
 * Searches a group by the largest eligible face of a picture.
 * @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, and those of analyse
 */
export async function searchByImage(
  services: Services,
  ref: GroupRef,
  input: SearchBounds & FaceQuestions & { image: ImageInput },
): Promise<ImageSearchResult> {
  const fields = chooseFields(services, input);
  const group = requireComparableGroup(services, ref);
  const { modelVersion } = group;
  const image = await analyse(services, input.image, fields, { embed: 1, modelVersion });
  const found = findEmbeddedFace(image);
  if (!found) return { modelVersion, matches: [] };
  const { limit, threshold } = input;
  const scales = findScales(services, group);
  const matches = services.gallery.searchByEmbedding(ref, found.probe, { limit, threshold, scales });
  const { face } = found;
  const detail = explainNoMatch(isUnrecognisable(face, scales) ? [face] : [], 'the picture');
  return { modelVersion, matches, source: { face, image, fields }, detail };
}

/** Returns the data of v2.0. */
function describeMatches({ matches }: SearchResult): z.output<typeof faceSearchAnswerV2> {
  const matchFaces = matches.map(({ face, similarity }) => ({ face: describeEnrolledFace(face), similarity }));
  return { matchFaceCount: matchFaces.length, matchFaces };
}

/** Returns the data of v2.0. */
function describeImageSearch(result: ImageSearchResult): z.output<typeof imageSearchAnswerV2> {
  const { source } = result;
  return {
    ...describeMatches(result),
    ...(source && { sourceFace: describeFace(source.face, source.image, source.fields) }),
  };
}

const MAX_MATCHES = 4096;
const MAX_MATCHES_V2 = 100;

export const searchRoutes: readonly Route[] = [
  route({
    name: 'searchByFace',
    summary: 'Search a group by one of its faces',
    method: 'GET',
    path: '/groups/:groupId/faces/:faceId',
    query: searchQuery(MAX_MATCHES),
    data: faceSearchAnswer,
    handle: async (services, { owner, params, query }) => {
      const result = await searchByFace(services, { owner, groupId: params.groupId }, params.faceId, query);
      return { data: { modelVersion: result.modelVersion, ...describeMatches(result) }, detail: result.detail };
    },
  }),
  route({
    name: 'searchByImage',
    summary: 'Search a group by the largest face of a picture',
    method: 'POST',
    path: '/groups/:groupId/search',
    query: searchQuery(MAX_MATCHES),
    body: z.object({ image: imageField, ...faceFields }),
    imageFields: ['image'],
    data: imageSearchAnswer,
    handle: async (services, { owner, params, query, body }) => {
      const result = await searchByImage(services, { owner, groupId: params.groupId }, { ...query, ...body });
      return { data: { modelVersion: result.modelVersion, ...describeImageSearch(result) }, detail: result.detail };
    },
  }),
];

export const searchRoutesV2: readonly Route[] = [
  route({
    name: 'searchByFace',
    summary: 'Search a group by one of its faces',
    method: 'GET',
    path: '/groups/:groupId/faces/:faceId/search',
    query: searchQuery(MAX_MATCHES_V2),
    data: faceSearchAnswerV2,
    handle: async (services, { owner, params, query }) => {
      const result = await searchByFace(services, { owner, groupId: params.groupId }, params.faceId, query);
      return { data: describeMatches(result), detail: result.detail };
    },
  }),
  route({
    name: 'searchByImage',
    summary: 'Search a group by the largest face of a picture',
    method: 'POST',
    path: '/groups/:groupId/faces/search',
    body: z.object({
      image: imageField,
      limit: bodyLimit(MAX_MATCHES_V2, MAX_MATCHES_V2),
      threshold: bodyThreshold,
      ...faceFields,
    }),
    form: z
      .object({
        imageFile,
        limit: textLimit(MAX_MATCHES_V2, MAX_MATCHES_V2),
        threshold: textThreshold,
        ...faceTexts,
      })
      .transform(({ imageFile: image, threshold, ...rest }) => ({ ...rest, image, threshold })),
    imageFields: ['image'],
    data: imageSearchAnswerV2,
    handle: async (services, { owner, params, body }) => {
      const input = { ...body, threshold: body.threshold ?? DEFAULT_THRESHOLD };
      const result = await searchByImage(services, { owner, groupId: params.groupId }, input);
      return { data: describeImageSearch(result), detail: result.detail };
    },
  }),
];
