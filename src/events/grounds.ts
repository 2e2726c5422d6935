// The grounds of a decision: the shots, the liveness and the threshold that led to an event. They are stored beside it and never published.
import * as z from 'zod';
import { DEVICE_ID_PATTERN, EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../domain/ids.js';
import { LIVENESS_MODES } from '../domain/liveness-modes.js';

/** Number of shots that grounds hold at most. */
export const MAX_GROUND_SHOTS = 30;

/** Results of one shot. New names may be added; the meaning of a name never changes. */
export const SHOT_RESULTS = {
  agrees: 'its most similar person reaches the threshold, and is clear of everybody else by the margin',
  tie: 'a person reaches the threshold, but another one is as similar, within the margin',
  below: 'nobody reaches the threshold',
  nobody: 'nobody is enrolled',
} as const;

export type ShotResult = keyof typeof SHOT_RESULTS;

const fraction = z.number().min(0).max(1);
const milliseconds = z.int().min(0);

const shotPerson = z.strictObject({
  externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN).optional(),
  faceId: z.uuid().optional().describe('in place of an externalImageId, for a face that has none'),
  groupId: z.string().regex(GROUP_ID_PATTERN).optional().describe('absent for the group of the event'),
  similarity: z.number().min(0).max(100).describe('what is compared with the threshold, four decimals'),
});

const groundShot = z
  .strictObject({
    atMs: milliseconds.describe('time since the track began'),
    quality: fraction,
    result: z
      .enum(Object.keys(SHOT_RESULTS) as [ShotResult, ...ShotResult[]])
      .optional()
      .describe('absent for an earlier shot, of which only the liveness still counts'),
    agreed: z.literal(true).optional().describe('this shot is one of those that chose the person'),
    first: shotPerson.optional().describe('the most similar person'),
    second: shotPerson.optional().describe('the next other person'),
    liveness: z.number().optional().describe('logit(live) - logit(spoof)'),
    masked: z.boolean().optional(),
    recognisability: fraction.optional(),
    correction: z
      .number()
      .min(0)
      .optional()
      .describe('what is subtracted from the cosine with a face in the same condition: mask, blur, darkness'),
  })
  .describe('one shot, in the order of capture');

const thresholdBasis = z.discriminatedUnion('source', [
  z.strictObject({ source: z.literal('configured') }).describe('the configuration names the threshold'),
  z
    .strictObject({
      source: z.literal('target'),
      targetFalseAcceptPerAttempt: fraction.describe('the configured share of strangers who may be accepted'),
      enrolledFaces: z.int().min(0).describe('number of faces in the group'),
      falseAcceptPerComparison: fraction.describe('what that leaves for one comparison'),
      bound: z
        .enum(['lowest', 'highest'])
        .optional()
        .describe('the threshold is a bound of the scale: the target alone would give a lower or a higher one'),
    })
    .describe('the threshold follows from the configured target and the size of the group'),
]);

export const groundsDraftSchema = z.strictObject({
  trackBeganAt: z.iso.datetime(),
  decidedAfterMs: milliseconds.describe('time from the beginning of the track to the decision'),
  agree: z.int().min(1).describe('number of shots that had to agree'),
  outOf: z.int().min(1).describe('number of last shots that counted'),
  margin: z.number().min(0).describe('least lead in similarity over the next person'),
  mask: z.union([z.boolean(), z.literal('refuse')]).describe('setting of the camera'),
  liveness: z
    .strictObject({ mode: z.enum(LIVENESS_MODES), threshold: z.number().optional() })
    .optional()
    .describe('setting of the camera, and the score from which a shot counts as live; absent where liveness is off'),
  threshold: z.strictObject({
    value: z.number().min(1).max(100),
    basis: thresholdBasis.optional().describe('absent where the group could not be read'),
    scale: z.string().describe('model version of the scale that turns cosines into similarities'),
  }),
  shots: z.array(groundShot).max(MAX_GROUND_SHOTS),
  omittedShots: z.int().min(1).optional().describe('number of older shots that are left out'),
});

/** Grounds before the event log binds them to their event, and signs them. */
export type GroundsDraft = z.infer<typeof groundsDraftSchema>;
export type GroundShot = GroundsDraft['shots'][number];
export type ThresholdBasis = z.infer<typeof thresholdBasis>;

export const decisionGroundsSchema = groundsDraftSchema
  .extend({
    version: z.literal(1),
    deviceId: z.string().regex(DEVICE_ID_PATTERN),
    sequence: z.int().min(1).describe('of the event'),
    eventId: z.uuid(),
    eventHash: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/)
      .describe('SHA-256 of the canonical JSON of the event, with its signature, in base64url'),
    keyId: z.string(),
    signature: z.base64url().describe('Ed25519 over the canonical JSON (RFC 8785) of the grounds without this member'),
  })
  .describe('What led to a recognition event');

export type DecisionGrounds = z.infer<typeof decisionGroundsSchema>;

/** Signs an object, as EventSigner.signObject. */
export type SignGrounds = (unsigned: Omit<DecisionGrounds, 'keyId' | 'signature'>) => DecisionGrounds;

/** Binds grounds to their event, by its hash, and signs them. @param eventHash as hashEvent */
export function makeGrounds(
  draft: GroundsDraft,
  { deviceId, sequence, eventId }: Pick<DecisionGrounds, 'deviceId' | 'sequence' | 'eventId'>,
  eventHash: string,
  sign: SignGrounds,
): DecisionGrounds {
  return sign({ version: 1, deviceId, sequence, eventId, eventHash, ...draft });
}
