// Search a group, by an enrolled face or by the largest face of a picture.
import { z } from 'zod';
import type { AnalysedImage, Face } from '../../domain/face.js';
import type { EnrolledFace, FaceMatch, GroupRef, SearchOptions } from '../../gallery/gallery.types.js';
import { enrolledFaceDetail, faceDetail, type FaceFields } from '../face-details.js';
import type { ImageInput } from '../image-input.js';
import { faceFields, imageField, searchQuery } from '../parameters.js';
import { cosineFloor, reportedSimilarity } from '../reported-similarity.js';
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

interface SearchBounds {
  limit: number;
  /** 1..100 */
  threshold: number;
}

export interface SimilarFace {
  face: EnrolledFace;
  /** 0..100 */
  similarity: number;
}

export interface SearchResult {
  modelVersion: string;
  /** Most similar first. */
  matches: SimilarFace[];
}

export interface ImageSearchResult extends SearchResult {
  /** Absent where the picture has no eligible face. */
  source?: { face: Face; image: AnalysedImage; fields: FaceFields };
}

/** The face itself is not a match of itself. @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, FACE_NOT_FOUND */
export async function searchByFace(
  services: Services,
  ref: GroupRef,
  faceId: string,
  bounds: SearchBounds,
): Promise<SearchResult> {
  const { modelVersion } = requireComparableGroup(services, ref);
  requireFace(services, ref, faceId);
  const matches = similarFaces(services, bounds, (options) => services.gallery.searchByFace(ref, faceId, options));
  return { modelVersion, matches };
}

/** @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH and those of a picture */
export async function searchByImage(
  services: Services,
  ref: GroupRef,
  input: SearchBounds & FaceQuestions & { image: ImageInput },
): Promise<ImageSearchResult> {
  const fields = fieldsFor(services, input);
  const { modelVersion } = requireComparableGroup(services, ref);
  const image = await analyse(services, input.image, fields, 1);
  const probe = embeddedFace(image);
  if (!probe) return { modelVersion, matches: [] };
  const matches = similarFaces(services, input, (options) =>
    services.gallery.searchByEmbedding(ref, probe.embedding, options),
  );
  return { modelVersion, matches, source: { face: probe.face, image, fields } };
}

function similarFaces(
  services: Services,
  { limit, threshold }: SearchBounds,
  search: (options: SearchOptions) => FaceMatch[],
): SimilarFace[] {
  const { scale } = services;
  return search({ limit, minCosine: cosineFloor(scale, threshold) })
    .map(({ face, cosine }) => ({ face, similarity: reportedSimilarity(scale, cosine) }))
    .filter(({ similarity }) => similarity >= threshold);
}

function searchData({ modelVersion, matches }: SearchResult): object {
  const matchFaces = matches.map(({ face, similarity }) => ({ face: enrolledFaceDetail(face), similarity }));
  return { modelVersion, matchFaceCount: matchFaces.length, matchFaces };
}

export const searchRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/groups/:groupId/faces/:faceId',
    query: searchQuery,
    handle: async (services, { owner, params, query }) => {
      const result = await searchByFace(services, { owner, groupId: params.groupId }, params.faceId, query);
      return { data: searchData(result) };
    },
  }),
  route({
    method: 'POST',
    path: '/groups/:groupId/search',
    query: searchQuery,
    body: z.object({ image: imageField, ...faceFields }),
    imageFields: ['image'],
    handle: async (services, { owner, params, query, body }) => {
      const result = await searchByImage(services, { owner, groupId: params.groupId }, { ...query, ...body });
      const { source } = result;
      const sourceFace = source && faceDetail(source.face, source.image, source.fields);
      return { data: { ...searchData(result), sourceFace } };
    },
  }),
];
