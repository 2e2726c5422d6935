// What proposals and their answers hold: the faces that a door asks the authority to enrol, and what became of them.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ENROLMENT_POLICIES } from '../domain/enrolment-policy.js';
import {
  CONCERN_REASONS,
  FACE_ORIGINS,
  type EnrolledFace,
  type Enrolment,
  type EnrolmentRules,
  type FaceOutcome,
  type NewFace,
} from '../gallery/gallery.types.js';
import { fleetIdSchema } from './identity.js';

/** Time in which the authority accepts a proposal. A door waits less, and its clock may differ. */
export const PROPOSAL_LIFE_MS = 300_000;
/** Greatest number of faces of one proposal: those of one picture, or of one guided enrolment. */
export const MAX_PROPOSED_FACES = 100;
/** Base64 of 4,096 float32 values. */
const MAX_EMBEDDING_TEXT = 21_848;

/** Reasons for which the authority refuses a proposal as a whole; the door passes them on to its caller. */
export const PROPOSAL_REFUSALS = [
  'INVALID_PARAM',
  'GROUP_NOT_FOUND',
  'GROUP_READ_ONLY',
  'MODEL_VERSION_MISMATCH',
  'QUOTA_EXCEEDED',
  'STORE_UNAVAILABLE',
  'SERVER_BUSY',
] as const;

const fraction = z.number().min(0).max(1);
const boxSchema = z.strictObject({ x0: z.number(), y0: z.number(), x1: z.number(), y1: z.number() });
const conditionSchema = z.strictObject({ recognisability: fraction, masked: z.boolean() });
const externalImageId = z.string().min(1).max(255);

const proposedFaceSchema = z.strictObject({
  /** Float32 values, little endian, L2-normalised. */
  embedding: z.base64().max(MAX_EMBEDDING_TEXT),
  condition: conditionSchema.optional(),
  quality: fraction.optional(),
  origin: z.enum(FACE_ORIGINS).optional(),
  externalImageId: externalImageId.optional(),
  bbox: boxSchema,
  detectionScore: fraction,
});

export const proposalSchema = z.strictObject({
  /** Names the proposal: it is carried out once. */
  proposal: fleetIdSchema,
  /** Id of the group in the fleet. */
  group: fleetIdSchema,
  modelVersion: z.string().min(1).max(200),
  /** Author of the enrolment at the door, for the audit log, such as `app:default`. */
  actor: z.string().min(1).max(200),
  rules: z
    .strictObject({
      policy: z.enum(ENROLMENT_POLICIES).optional(),
      facesInPicture: z.int().min(0).max(100_000),
      isOnePerson: z.boolean().optional(),
      facts: z.record(z.string().max(64), z.union([z.string().max(500), z.number(), z.boolean()])).optional(),
    })
    .optional(),
  faces: z.array(proposedFaceSchema).min(1).max(MAX_PROPOSED_FACES),
});
export type ProposalBody = z.output<typeof proposalSchema>;

const enrolledFaceSchema = z.strictObject({
  faceId: z.uuid(),
  imageId: z.uuid(),
  externalImageId: externalImageId.optional(),
  bbox: boxSchema,
  detectionScore: z.number(),
  condition: conditionSchema.optional(),
  enrolledAtMs: z.number().optional(),
  quality: z.number().optional(),
  origin: z.enum(FACE_ORIGINS).optional(),
});

const outcomeSchema = z.strictObject({
  enrolled: enrolledFaceSchema.optional(),
  concern: z
    .strictObject({
      reason: z.enum(CONCERN_REASONS),
      similarity: z.number().optional(),
      faceId: z.string().optional(),
    })
    .optional(),
  isRefused: z.boolean(),
});

export const answerSchema = z.union([
  z.strictObject({
    proposal: fleetIdSchema,
    outcome: z.literal('enrolled'),
    imageId: z.uuid(),
    outcomes: z.array(outcomeSchema).max(MAX_PROPOSED_FACES),
  }),
  z.strictObject({
    proposal: fleetIdSchema,
    outcome: z.literal('refused'),
    code: z.enum(PROPOSAL_REFUSALS),
    /** A whole sentence for the caller. */
    detail: z.string().max(500),
  }),
]);
export type AnswerBody = z.output<typeof answerSchema>;

/** Describes faces and rules for a proposal. The scales are those of the authority. */
export function describeProposal(
  faces: readonly NewFace[],
  rules: EnrolmentRules | undefined,
): Pick<ProposalBody, 'faces' | 'rules'> {
  const described = faces.map(
    ({ embedding, condition, bbox, quality, origin, externalImageId: id, detectionScore }) => ({
      embedding: encodeEmbedding(embedding),
      ...(condition && { condition: withoutBias(condition) }),
      ...(quality !== undefined && { quality }),
      ...(origin !== undefined && { origin }),
      ...(id !== undefined && { externalImageId: id }),
      bbox: { ...bbox },
      detectionScore,
    }),
  );
  if (!rules) return { faces: described };
  const { policy, facesInPicture, isOnePerson, facts } = rules;
  return {
    faces: described,
    rules: {
      facesInPicture,
      ...(policy !== undefined && { policy }),
      ...(isOnePerson !== undefined && { isOnePerson }),
      ...(facts && { facts: { ...facts } }),
    },
  };
}

/** Reads the faces of a proposal. */
export function readProposedFaces({ faces }: Pick<ProposalBody, 'faces'>): NewFace[] {
  return faces.map(({ embedding, externalImageId: id, ...face }) => ({
    ...face,
    embedding: decodeEmbedding(embedding),
    ...(id !== undefined && { externalImageId: id }),
  }));
}

/** Describes an enrolment for an answer. */
export function describeEnrolment(proposal: string, { imageId, outcomes }: Enrolment): AnswerBody {
  return {
    proposal,
    outcome: 'enrolled',
    imageId,
    outcomes: outcomes.map(({ enrolled, concern, isRefused }) => ({
      ...(enrolled && {
        enrolled: { ...enrolled, ...(enrolled.condition && { condition: withoutBias(enrolled.condition) }) },
      }),
      ...(concern && { concern }),
      isRefused,
    })),
  };
}

/** Reads an enrolment from an answer. */
export function readEnrolment({ imageId, outcomes }: Extract<AnswerBody, { outcome: 'enrolled' }>): Enrolment {
  const read = outcomes.map(({ enrolled, concern, isRefused }): FaceOutcome => {
    return {
      ...(enrolled && { enrolled: withoutUndefined<EnrolledFace>(enrolled) }),
      ...(concern && { concern: withoutUndefined<NonNullable<FaceOutcome['concern']>>(concern) }),
      isRefused,
    };
  });
  return { imageId, enrolled: read.flatMap(({ enrolled }) => (enrolled ? [enrolled] : [])), outcomes: read };
}

/**
 * Returns a function that makes the ids of an enrolment: always the same ones for a proposal, so that a repetition of it is recognised.
 * Nobody who does not know the proposal can tell them.
 */
export function makeProposalIds(door: string, proposal: string): () => string {
  let nth = 0;
  return () => {
    const hash = createHash('sha256').update(`lintel-fleet/1/proposal ${door} ${proposal} ${nth++}`).digest();
    // The form of a random UUID (RFC 9562, version 4).
    hash[6] = (hash[6]! & 0x0f) | 0x40;
    hash[8] = (hash[8]! & 0x3f) | 0x80;
    return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };
}

function encodeEmbedding(embedding: Float32Array): string {
  const bytes = Buffer.alloc(embedding.length * 4);
  for (const [index, value] of embedding.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}

function decodeEmbedding(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  return Float32Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4));
}

function withoutBias({ recognisability, masked }: { recognisability: number; masked: boolean }): {
  recognisability: number;
  masked: boolean;
} {
  return { recognisability, masked };
}

/** A member that is optional in JSON is absent, never undefined. */
function withoutUndefined<T extends object>(value: object): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
