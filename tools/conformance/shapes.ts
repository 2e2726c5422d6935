// The shapes of the data in answers: an unknown field is as wrong as a missing one.
import { z } from 'zod';

const fraction = z.number().min(0).max(1);
const percent = z.number().min(0).max(100);
const count = z.int().min(0);
const uuid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i);
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
const bbox = z
  .strictObject({ x0: fraction, y0: fraction, x1: fraction, y1: fraction })
  .refine((box) => box.x0 < box.x1 && box.y0 < box.y1, 'must have x0 < x1 and y0 < y1');
const point = <T extends string>(type: T) => z.strictObject({ type: z.literal(type), x: fraction, y: fraction });
const landmarks = z.tuple([point('leftEye'), point('rightEye'), point('nose'), point('leftLip'), point('rightLip')]);
const degrees = z.number().min(-180).max(180);
const orientation = z.strictObject({ x: degrees, y: degrees, z: degrees });
const enrolled = z.strictObject({
  bbox,
  faceId: uuid,
  imageId: uuid,
  externalImageId: z.string().optional(),
  confidence: percent,
});
const match = z.strictObject({ face: enrolled, similarity: percent });

/** Optional fields that the faces of an answer must have. */
export interface Fields {
  orientation?: boolean;
  mask?: boolean;
  spoofing?: boolean;
}

/** Makes the shapes of a dialect. @param versioned true if answers have a modelVersion (v1.0); false if not (v2.0) */
export function makeShapes(versioned: boolean) {
  const version = versioned ? { modelVersion: z.string().min(1) } : {};
  const nextToken = z.string().min(1).optional();
  const makeDetail = ({ orientation: turned = true, mask = true, spoofing = false }: Fields = {}) =>
    z.strictObject({
      bbox,
      landmarks,
      confidence: percent,
      ...(turned ? { orientation } : {}),
      ...(mask ? { mask: z.boolean() } : {}),
      ...(spoofing ? { spoofing: z.boolean() } : {}),
    });
  return {
    /** Absent data. */
    none: z.undefined(),
    groupList: z
      .strictObject({
        groupCount: count,
        groups: z.array(z.strictObject({ groupId: z.string(), ...version })),
        nextToken,
      })
      .refine((data) => data.groupCount === data.groups.length, 'groupCount must count the page'),
    groupDetails: versioned
      ? z.strictObject({
          groupCount: z.literal(1),
          groups: z.tuple([z.strictObject({ groupId: z.string(), ...version, createTime: time, faceCount: count })]),
        })
      : z.strictObject({ groupId: z.string(), createTime: time, faceCount: count }),
    detect: (fields?: Fields) =>
      z
        .strictObject({ faceDetailCount: count, faceDetails: z.array(makeDetail(fields)) })
        .refine((data) => data.faceDetailCount === data.faceDetails.length, 'faceDetailCount must count faceDetails'),
    register: (fields?: Fields) =>
      z
        .strictObject({
          ...version,
          addedFaceCount: count,
          addedFaces: z.array(enrolled),
          addedFaceDetails: z.array(makeDetail(fields)),
          notAddedFaceCount: count,
          notAddedFaces: z.array(makeDetail(fields)),
        })
        .refine(
          (data) =>
            data.addedFaceCount === data.addedFaces.length &&
            data.addedFaceCount === data.addedFaceDetails.length &&
            data.notAddedFaceCount === data.notAddedFaces.length,
          'the counts must count the lists',
        ),
    faceList: z
      .strictObject({ ...version, faceCount: count, faces: z.array(enrolled), nextToken })
      .refine((data) => data.faceCount === data.faces.length, 'faceCount must count the page'),
    searchByFace: z
      .strictObject({ ...version, matchFaceCount: count, matchFaces: z.array(match) })
      .refine((data) => data.matchFaceCount === data.matchFaces.length, 'matchFaceCount must count matchFaces'),
    /** @param found whether the picture has an eligible face */
    searchByImage: (fields?: Fields, found = true) =>
      z
        .strictObject({
          ...version,
          matchFaceCount: count,
          matchFaces: z.array(match),
          ...(found ? { sourceFace: makeDetail(fields) } : {}),
        })
        .refine((data) => data.matchFaceCount === data.matchFaces.length, 'matchFaceCount must count matchFaces'),
    compare: (fields?: Fields) => {
      // v1.0 has the mask twice: in faceDetail, as in the example of the guides, and beside it, as in two of their tables.
      const mask = versioned && (fields?.mask ?? true) ? { mask: z.boolean() } : {};
      const face = z
        .strictObject({ faceDetail: makeDetail(fields), ...mask, similarity: percent })
        .refine(
          ({ faceDetail, mask: beside = faceDetail.mask }) => beside === faceDetail.mask,
          'one mask for one face',
        );
      const compared = z.array(face);
      return z
        .strictObject({
          ...version,
          matchedFaceDetailCount: count,
          matchedFaceDetails: compared,
          unmatchedFaceDetailCount: count,
          unmatchedFaceDetails: compared,
          sourceFace: makeDetail(fields),
        })
        .refine(
          (data) =>
            data.matchedFaceDetailCount === data.matchedFaceDetails.length &&
            data.unmatchedFaceDetailCount === data.unmatchedFaceDetails.length,
          'the counts must count the lists',
        );
    },
    verify: (fields?: Fields) =>
      z.strictObject({ similarity: percent, face: enrolled, sourceFace: makeDetail(fields) }),
  };
}

export type Shapes = ReturnType<typeof makeShapes>;
